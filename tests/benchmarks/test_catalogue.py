import argparse
import importlib
import re
import shlex
import subprocess
import sys

import pytest

from benchmarks.catalogue import BENCHMARKS, listing
from benchmarks.dispatch import run
from benchmarks.processes import ROOT, SCRIPTS

NAMES = [benchmark.name for benchmark in BENCHMARKS]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_explains_its_options(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_code:
        run(name, ["--help"])
    assert exit_code.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: benchmark.py {name} ")
    assert importlib.import_module(f"benchmarks.{name.replace('-', '_')}").__doc__.splitlines()[0] in told


def test_every_module_that_can_be_run_is_listed():
    runnable = {path.stem for path in (SCRIPTS / "benchmarks").glob("*.py") if "\ndef main(options" in path.read_text()}
    assert runnable == {name.replace("-", "_") for name in NAMES}


def test_the_pages_exist():
    pages = [benchmark.page for benchmark in BENCHMARKS if benchmark.page != "-"]
    assert all((ROOT / "docs" / page).exists() for page in pages)


@pytest.mark.worker
def test_a_line_is_listed_for_each_without_the_arena():
    program = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from benchmarks.catalogue import listing; print(listing())"
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, timeout=600)
    assert ended.stdout.strip() == listing().strip()
    assert [line.split()[0] for line in listing().splitlines() if line.startswith("  ")][-len(NAMES) :] == NAMES


def test_a_wrong_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    assert run("profile", []) == 2
    assert "no benchmark 'profile'; did you mean 'profiles'?" in capsys.readouterr().err


def test_bad_input_is_one_line(tmp_path, capsys: pytest.CaptureFixture[str]):
    assert run("results-page", [str(tmp_path), str(tmp_path / "page.md")]) == 2
    assert capsys.readouterr().err.startswith(f"error: no results in {tmp_path}")


class Parsed(Exception):
    """Raised once the options of a benchmark were understood, before it does anything."""


def commands_in_the_documentation() -> list[str]:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("agents/*/README.md")]
    text = "\n".join(page.read_text().replace("\\\n", " ") for page in sorted(pages) if page.name != "CHANGELOG.md")
    return sorted(set(re.findall(r"python3 scripts/benchmark\.py +([a-z][^#`\n]+)", text)))


@pytest.mark.parametrize("command", commands_in_the_documentation())
def test_every_command_in_the_documentation_is_understood(command: str, monkeypatch: pytest.MonkeyPatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser: argparse.ArgumentParser, options: list[str]) -> None:
        parse(parser, options)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    name, *options = shlex.split(command)
    with pytest.raises(Parsed):
        run(name, options)


def test_the_documentation_runs_most_benchmarks():
    assert len({command.split()[0] for command in commands_in_the_documentation()}) >= 14
