"""Every test file is in one part of the tests, and processes side by side run each test once, with one exit status."""

import os
import re
import sys
from pathlib import Path

import pytest
from parts import files_of, split, weight
from sources import ROOT

import side_by_side

FILES = files_of(["tests"], ["test_*.py"], ROOT)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_parts_hold_every_file_once_and_weigh_about_the_same(count: int):
    parts = split(reversed(FILES), count)
    assert parts == split(FILES, count), "each process finds the same parts"
    assert sorted(file for part in parts for file in part) == FILES
    assert len(FILES) > 200
    assert set(FILES) == set((ROOT / "tests").rglob("test_*.py"))
    weights = [sum(weight(file.read_text()) for file in part) for part in parts]
    assert max(weights) < 1.02 * min(weights)


def test_files_that_share_a_group_are_in_one_part(tmp_path: Path):
    texts = {"a": 'mark.xdist_group("x")', "b": 'mark.xdist_group("x")', "c": "shares_sources", "d": "shares_sources", "e": "", "f": ""}
    for name, text in texts.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    parts = [{file.stem[-1] for file in part} for part in split(tmp_path.iterdir(), 4)]
    assert sorted(map(sorted, parts)) == [["a", "b"], ["c", "d"], ["e"], ["f"]]


def test_arguments_name_files_folders_and_tests_in_files(tmp_path: Path):
    for name in ("a/test_a.py", "a/b/test_b.py", "a/b/other.py", "test_c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(*arguments: str) -> list[str]:
        return [file.relative_to(tmp_path).as_posix() for file in files_of(arguments, ["test_*.py"], tmp_path)]

    assert found(".") == ["a/b/test_b.py", "a/test_a.py", "test_c.py"]
    assert found("a/b", "test_c.py::test_x[1]", "test_c.py") == ["a/b/test_b.py", "test_c.py"]
    assert found("absent") == []


@pytest.mark.parametrize(
    ("arguments", "can"),
    [
        (["--unit"], True),
        (["--unit", "-x", "-k", "json", "tests/arena"], True),
        (["tests/a.py", "tests/b.py::test_x"], True),
        (["tests/a.py::test_x"], False),
        (["-n", "3"], False),
        (["-n3"], False),
        (["--pdb"], False),
        (["--junitxml=x"], False),
    ],
)
def test_processes_side_by_side_do_what_they_can(arguments: list[str], can: bool):
    assert side_by_side.can_be_split(arguments) is can


@pytest.mark.parametrize(
    ("statuses", "status"), [((0, 0), 0), ((0, 5), 0), ((5, 5), 5), ((0, 1), 1), ((5, 1), 1), ((2, 1), 2), ((4, 4), 4), ((0, -9), -9)]
)
def test_one_status_tells_of_all(statuses: tuple[int, ...], status: int):
    assert side_by_side.combined(statuses) == status


TESTS = {
    "test_a.py": "def test_a1(): pass\ndef test_a2(): pass\n",
    "test_b.py": "def test_b1(): pass\ndef test_b2(): assert {works}\n",
    "test_c.py": """import os, time
import pytest
@pytest.mark.parametrize("number", range(20))
def test_c(number):
    for _ in range(60_000 if {waits} and number == 0 else 0):  # until the other part has stopped
        if os.path.exists(os.environ["STOPPED"]):
            break
        time.sleep(0.01)
# {longest}""",
}


@pytest.fixture
def project(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Writes `TESTS`, whose last file is in a part of its own, and runs them in two processes; returns the status and the output."""

    def run(*arguments: str, works: bool = True, waits: bool = False) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        for name, text in TESTS.items():
            (tmp_path / name).write_text(text.format(works=works, waits=waits, longest="." * 5_000))
        variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "STOPPED": str(tmp_path / "stopped")}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "parts"]
        status = side_by_side.run(command, arguments, 2, folder=tmp_path, variables=variables)
        return status, capfd.readouterr().out

    (tmp_path / "conftest.py").write_text(
        "import os, pathlib\ndef pytest_unconfigure(config):\n    if config.getoption('part_stops').exists():\n"
        "        pathlib.Path(os.environ['STOPPED']).touch()\n"
    )
    return run


@pytest.mark.worker
def test_each_test_runs_once_and_every_summary_is_shown(project):
    status, said = project()
    assert status == 0, said
    assert [int(count) for count in re.findall(r"^(\d+) passed", said, re.MULTILINE)] in ([4, 20], [20, 4])
    assert said.index("part 1 of 2") < said.index("part 2 of 2") < said.index("2 parts: passed")


@pytest.mark.worker
def test_selections_may_leave_a_part_without_tests(project):
    status, said = project("-k", "a1")
    assert status == 0, said
    assert re.findall(r"\d+ passed", said) == ["1 passed"]
    status, said = project("test_a.py", "test_b.py::test_b2")
    assert status == 0, said
    assert re.findall(r"\d+ passed", said) in (["2 passed", "1 passed"], ["1 passed", "2 passed"])


@pytest.mark.worker
def test_a_part_that_stops_at_a_failure_stops_the_others(project):
    status, said = project("-x", works=False, waits=True)
    assert status == 1, said
    assert "stopping, as another part did" in said
    assert "1 failed" in said
    assert re.search(r"2 parts: not passed: [12] and [12]$", said.strip())
    assert "stopping after 1 failures" in said
    passed = [int(count) for count in re.findall(r"(\d+) passed", said)]
    assert max(passed) < 20
