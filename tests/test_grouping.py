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
