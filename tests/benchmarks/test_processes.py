import sys
import time

import pytest

from arena.errors import ArenaError
from arena.machine.cores import usable_cores
from benchmarks.processes import SCRIPTS, child_environment, last_json_line, module_command, on_free_cores, pinned


def test_cores_are_given_back():
    before = usable_cores()
    with pinned(before[:1]):
        assert usable_cores() == before[:1]
    assert usable_cores() == before


def test_a_core_that_is_not_there_is_refused():
    with pytest.raises(ArenaError, match=r"cores \[4096\] are not among"), pinned([4096]):
        pass


@pytest.mark.worker
def test_the_last_json_object_counts():
    program = "for line in ('{\"value\": 1}', '{\"value\": 2}', 'a greeting'): print(line)"
    assert last_json_line([sys.executable, "-c", program], {}, 60.0, "it") == {"value": 2}


@pytest.mark.worker
@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('a greeting')", r"it failed: it printed no measurement \(exit 0\)"),
        ("import sys; print('{}'); sys.exit('too\\nbad')", "it failed: bad"),
        ("import time; time.sleep(60)", "it took longer than 0.2 s"),
    ],
)
def test_a_process_without_a_measurement_is_one_line(program: str, message: str):
    with pytest.raises(ArenaError, match=message):
        last_json_line([sys.executable, "-c", program], {}, 0.2 if "sleep" in program else 60.0, "it")


@pytest.mark.worker
def test_a_child_imports_the_benchmarks_from_anywhere(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    environment = child_environment(3)
    assert environment["PYTHONPATH"] == str(SCRIPTS)
    assert (environment["OMP_NUM_THREADS"], environment["NPROC"]) == ("3", "3")
    with pytest.raises(ArenaError, match=r"benchmarks\.child\.nothing"):
        last_json_line(module_command("benchmarks.child.nothing"), environment, 60.0, "it")


def test_an_agents_own_variables_are_added():
    assert child_environment(1, "keras-dqn", {"backend": "jax"})["KERAS_BACKEND"] == "jax"
    with pytest.raises(ArenaError, match="agent 'keras-dqn' has no hyperparameter 'nonsense'"):
        child_environment(1, "keras-dqn", {"nonsense": 1})


def test_as_many_tasks_run_at_a_time_as_there_are_shares_of_cores():
    core = usable_cores()[0]
    running: list[int] = []
    most: list[int] = []

    def work(task: int) -> list[int]:
        running.append(task)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(task)
        if task == 3:
            raise ArenaError("no such task")
        return usable_cores()

    before = usable_cores()
    found = dict(on_free_cores(range(6), [[core], [core]], work))
    assert sorted(found) == list(range(6))
    assert all(found[task].result() == [core] for task in range(6) if task != 3)
    with pytest.raises(ArenaError, match="no such task"):
        found[3].result()
    assert max(most) <= 2
    assert usable_cores() == before
