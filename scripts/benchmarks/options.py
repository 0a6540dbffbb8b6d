"""Command-line options that the benchmarks share."""

import argparse


def option_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Returns the parser of a benchmark.

    Args:
        module: `__name__` of the benchmark's module.
        description: docstring of that module, shown by `--help`.
    """
    name = module.rpartition(".")[2].replace("_", "-")
    return argparse.ArgumentParser(
        prog=f"benchmark.py {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def names(text: str) -> list[str]:
    """Returns the names in a list separated by commas."""
    return [name for name in text.split(",") if name]


def numbers(text: str) -> list[int]:
    """Returns the numbers, all at least 1, in a list separated by commas.

    Raises:
        ValueError: if there are none, or one is not such a number; `argparse` reports it.
    """
    found = [int(number) for number in names(text)]
    if not found or min(found) < 1:
        raise ValueError
    return found
