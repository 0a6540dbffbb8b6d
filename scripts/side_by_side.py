"""Processes of pytest side by side, each with a part of the test files (`tests/parts.py`), for tests that take milliseconds."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ALONE = (
    "-n",
    "--numprocesses",
    "--pdb",
    "--trace",
    "--co",
    "--basetemp",
    "--junit",
    "--help",
    "-h",
    "--version",
    "--fixtures",
    "--markers",
)
"""Beginnings of arguments that ask for one process: what they do can't be done by several at once, or they name the number themselves."""
NO_TESTS = 5
"""Exit status of pytest where no test was selected."""


def can_be_split(arguments: Sequence[str]) -> bool:
    """Returns whether processes side by side do what the arguments of pytest ask for: none asks for one, and they name no single file."""
    files = [argument for argument in arguments if argument.partition("::")[0].endswith(".py")]
    return len(files) != 1 and not any(argument.startswith(ALONE) for argument in arguments)


def combined(statuses: Sequence[int]) -> int:
    """Returns the exit status of all parts together: 0 where all that had tests passed, otherwise the first other than that."""
    wrong = [status for status in statuses if status not in (0, NO_TESTS)]
    return wrong[0] if wrong else min(statuses)


def run(command: Sequence[str], arguments: Sequence[str], num_parts: int, *, folder: Path, variables: Mapping[str, str]) -> int:
    """Runs the parts at once, and shows the output of the first as it comes, that of each other when all have ended.

    Args:
        command: Command that begins a process of pytest.
        arguments: Arguments of pytest, the same for every part.
        num_parts: Number of processes.
        folder: Folder in which they run.
        variables: Environment variables of the processes.

    Returns:
        The exit status of all, as pytest's: `combined`.
    """
    colour = ["--color=yes"] if sys.stdout.isatty() and not any(argument.startswith("--color") for argument in arguments) else []
    with tempfile.TemporaryDirectory(prefix="test-parts-") as own:
        files = [Path(own, f"part-{number}.txt") for number in range(2, num_parts + 1)]
        processes = []
        for number in range(1, num_parts + 1):
            part = [f"--part={number}/{num_parts}", f"--part-stops={own}/stop", "-o", f"cache_dir=.pytest_cache/part-{number}"]
            call = [*command, "-n", "0", *colour, *part, *arguments]
            if number == 1:
                print(f"part 1 of {num_parts} (others follow):", flush=True)
                processes.append(subprocess.Popen(call, cwd=folder, env=variables))
            else:
                with files[number - 2].open("wb") as output:
                    processes.append(subprocess.Popen(call, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT))
        statuses = [_wait(process) for process in processes]
        for number, file in enumerate(files, 2):
            print(f"\npart {number} of {num_parts}:", flush=True)
            sys.stdout.buffer.write(file.read_bytes())
            sys.stdout.flush()
    failed = [str(number) for number, status in enumerate(statuses, 1) if status not in (0, NO_TESTS)]
    print(f"\n{num_parts} parts: " + (f"not passed: {' and '.join(failed)}" if failed else "passed"))
    return combined(statuses)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Waits for a process, which Ctrl-C reaches as well: it ends with its summary."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
