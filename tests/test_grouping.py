"""Groups of tests stay together when the tests run in several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os, pathlib, pytest

@pytest.mark.parametrize("group", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for _ in range(6) for name in ("a", "b")])
def test_note_the_process(group):
    with pathlib.Path(__file__).with_name(group).open("a") as file:
        file.write(f"{os.getpid()}\\n")
"""


@pytest.mark.worker
def test_the_tests_of_a_group_run_in_one_process(tmp_path: Path):
    (tmp_path / "test_groups.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist=loadgroup", "-p", "grouping", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    processes = [(tmp_path / group).read_text().split() for group in ("a", "b")]
    assert [len(each) for each in processes] == [6, 6]
    assert [len(set(each)) for each in processes] == [1, 1]
    assert processes[0][0] != processes[1][0]


ORDER = """
import pathlib, pytest

@pytest.fixture(autouse=True)
def noted(request):
    with pathlib.Path(__file__).with_name("order").open("a") as file:
        file.write(f"{request.node.name}\\n")

def test_unit(): pass
@pytest.mark.xdist_group("a")
def test_one_of_a_group(): pass
@pytest.mark.worker
def test_worker(): pass
@pytest.mark.worker
def test_other_worker(): pass
@pytest.mark.framework
def test_framework(): pass
@pytest.mark.framework
def test_other_framework(): pass
@pytest.mark.xdist_group("a")
@pytest.mark.framework
def test_other_of_a_group(): pass
"""


@pytest.mark.worker
def test_long_tests_come_first_and_by_turns_and_groups_stay_together(tmp_path: Path):
    (tmp_path / "test_order.py").write_text(ORDER)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  framework\n  worker\n  xdist_group(name)\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "grouping", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    order = (tmp_path / "order").read_text().split()
    long = ["test_worker", "test_framework", "test_other_framework", "test_other_worker"]
    assert order == [*long, "test_unit", "test_one_of_a_group", "test_other_of_a_group"]


TIERS = {
    "test_unit.py": "def test_unit(): pass\n",
    "test_both.py": "import pytest\n\ndef test_unit(): pass\n\n@pytest.mark.worker\ndef test_worker(): pass\n",
    "test_file.py": "import pytest\n\npytestmark = pytest.mark.framework\n\ndef test_framework(): pass\n",
    "test_slow.py": "import pytest\n\n@pytest.mark.slow\ndef test_slow(): pass\n",
}


@pytest.mark.worker
@pytest.mark.parametrize(
    ("option", "ran"),
    [
        ("--unit", ["test_both.py::test_unit", "test_unit.py::test_unit"]),
        ("--beyond-unit", ["test_both.py::test_worker", "test_file.py::test_framework"]),
    ],
)
def test_each_test_is_in_one_tier_of_two(tmp_path: Path, option: str, ran: list[str]):
    done = _collect(tmp_path, TIERS, option)
    assert sorted(line for line in done.stdout.splitlines() if "::" in line) == ran


@pytest.mark.worker
def test_markers_from_elsewhere_are_refused(tmp_path: Path):
    elsewhere = {
        "marks.py": "import pytest\n\nmark = pytest.mark.worker\n",
        "test_theirs.py": "from marks import mark\n\n@mark\ndef test(): pass\n",
    }
    done = _collect(tmp_path, elsewhere)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_theirs.py: write the markers of its tests into the file itself" in done.stderr


def _collect(folder: Path, files: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Lets pytest collect these files with the options of our tests."""
    tests = Path(__file__).parent
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "conftest.py").write_text((tests / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  framework\n  worker\n  slow\n  extra\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--collect-only", *options, str(folder)]
    env = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{folder}"}
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
