"""Several arenas at one experiment: in this process where a claim alone matters, and as processes that train, some of which are killed."""

import dataclasses
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.executors.base import Ended, MayBegin, OnEnd, OnEvent, Task
from arena.executors.local import LocalExecutor
from arena.experiment.claims import Claims, holder, is_claimed
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.formats.json import write_json
from arena.formats.trees import files_below
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings

FAKE = "arena.testing.fakes:FAKE_AGENT"
FILE = f"""agents = ["{FAKE}", {{ agent = "{FAKE}", name = "other", hyperparameters = {{ epsilon = 0.4 }} }}]
envs = ["arena/Identity-v0"]
seeds = 2
checkpoint_period = 6000
budget = {{ env_steps = 40000 }}
evaluation = {{ period = 9000, episodes = 5 }}
"""


def experiment(folder: Path, **changes: Any) -> Experiment:
    return from_table({"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["arena/Identity-v0"], **changes})


class Failing:
    """An executor whose runs all fail at once, `reason` being what they leave; `before` happens before the first may begin."""

    def __init__(self, reason: str = "broken", before: Any = lambda: None) -> None:
        self.reason, self.before = reason, before
        self.turns: dict[str, str] = {}

    def check(self, tasks: Sequence[Task]) -> None:
        """Accepts all."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin) -> None:
        self.before()
        for task in tasks:
            self.turns[task.name] = may_begin(task)
            if self.turns[task.name] == "now":
                on_end(task, Ended(timed_out=False, exit_code=1, reason=self.reason))


def test_a_run_belongs_to_one_arena_at_a_time(tmp_path: Path):
    (tmp_path / "a").mkdir()
    with Claims(tmp_path) as first, Claims(tmp_path) as second:
        assert first.take("a")
        assert is_claimed(tmp_path / "a")
        assert not second.take("a")
        assert holder(tmp_path / "a") == f"another arena (process {os.getpid()} on {platform.node()})"
        first.release("a")
        first.release("a")
        assert second.take("a")
    assert not is_claimed(tmp_path / "a")


@pytest.mark.parametrize("value", [{}, {"machine": "\x1b[2J", "process": 3}, {"machine": "m", "process": "3"}, []])
def test_what_a_folder_says_of_its_holder_is_not_trusted(tmp_path: Path, value: object):
    write_json(tmp_path / "holder.json", value)
    assert holder(tmp_path) == "another arena"


def test_without_waiting_the_runs_of_another_arena_are_left_to_it(tmp_path: Path):
    wanted = experiment(tmp_path, seeds=2)
    first, second = (run.name for run in wanted.runs())
    (wanted.path / first).mkdir(parents=True)
    executor = Failing()
    with Claims(wanted.path) as other:
        assert other.take(first)
        results = run_experiment(wanted, executor, wait=False)
    assert executor.turns == {first: "never", second: "now"}
    assert [result.run_name for result in results] == [second]


def test_a_run_that_failed_is_tried_again_by_one_arena_alone(tmp_path: Path):
    wanted = experiment(tmp_path)
    [name] = (run.name for run in wanted.runs())
    run_experiment(wanted, Failing())
    late = Failing("the second that tries", before=lambda: run_experiment(wanted, Failing(), retry_failed=True))
    [result] = run_experiment(wanted, late, retry_failed=True)
    assert late.turns == {name: "never"}
    assert result.reason == "broken", "the outcome of the first, though it is the same as before"
    assert len(RunRecord(wanted.path / name).failures) == 1


def test_an_arena_with_other_inputs_is_refused_while_the_first_is_at_work(tmp_path: Path):
    wanted = experiment(tmp_path)

    def come_with_other_inputs() -> None:
        with pytest.raises(ArenaError, match="holds runs with other inputs"):
            run_experiment(experiment(tmp_path, budget={"env_steps": 7}), Failing())

    run_experiment(wanted, Failing(before=come_with_other_inputs))


def start(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    (folder / "test.toml").write_text(FILE)
    command = [sys.executable, "-m", "arena", "run", str(folder / "test.toml"), "-o", str(folder), "-w", "1", "--quiet", *options]
    return subprocess.Popen(command)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[list[object]]:
    """Everything that one arena leaves which works alone."""
    folder = tmp_path_factory.mktemp("straight")
    alone = start(folder)
    assert alone.wait(600) == 0
    return outcomes(folder)


def outcomes(folder: Path) -> list[list[object]]:
    """Returns all that the runs leave but times, attempts and paths."""
    return [outcome(RunRecord(path.parent)) for path in sorted((folder / "test").rglob("result.json"))]


def outcome(record: RunRecord) -> list[object]:
    assert isinstance(record.result, RunResult)
    timings = {"path": "", "seconds": Timings(), "cpu_seconds": None, "num_attempts": 0}
    files = [(record.path / name).read_bytes() for name in ("episodes.jsonl", "evaluations.jsonl", "policy.onnx")]
    return [dataclasses.replace(record.result, **timings), *files]


def holders(folder: Path) -> set[str]:
    return {holder(path.parent) for path in files_below(folder / "test") if path.name == "holder.json"}


@pytest.mark.worker
@pytest.mark.xdist_group("runs of one arena")
def test_two_arenas_leave_what_one_leaves(tmp_path: Path, straight: list[list[object]]):
    arenas = [start(tmp_path), start(tmp_path)]
    assert [arena.wait(600) for arena in arenas] == [0, 0]
    assert len(straight) == 4
    assert outcomes(tmp_path) == straight
    assert len(holders(tmp_path)) == 2, "both worked"
    records = [RunRecord(path.parent) for path in (tmp_path / "test").rglob("result.json")]
    assert {len(record.attempts) for record in records} == {1}, "no run was begun twice"


@pytest.mark.worker
@pytest.mark.xdist_group("runs of one arena")
def test_the_runs_of_an_arena_that_is_killed_are_resumed_by_the_other(tmp_path: Path, straight: list[list[object]]):
    first, second = start(tmp_path), start(tmp_path)
    names = [f"another arena (process {arena.pid} on {platform.node()})" for arena in (first, second)]

    def at_work() -> set[Path]:
        """Returns the run that the first is in the middle of, once the second is at work too."""
        holding = {path.parent for path in files_below(tmp_path) if path.name == "holder.json"}
        claimed = {path for path in holding if not (path / "result.json").exists()}
        mine = {path for path in claimed if holder(path) == names[0] and (path / "checkpoint" / "latest.json").exists()}
        return mine if names[1] in holders(tmp_path) else set()

    deadline = time.monotonic() + 600.0
    while not (cut := at_work()) and time.monotonic() < deadline:
        time.sleep(0.02)
    first.kill()
    first.wait()
    cut = {path for path in cut if not (path / "result.json").exists()}
    assert len(cut) == 1, "the first was to be killed in mid-run"
    assert second.wait(600) == 0
    assert outcomes(tmp_path) == straight
    assert {holder(path) for path in cut} == {names[1]}


@pytest.mark.worker
def test_an_arena_that_waits_takes_over_from_one_that_lets_go(tmp_path: Path):
    wanted = experiment(tmp_path, budget={"env_steps": 2_000}, evaluation={"period": 1_000, "episodes": 5, "final_episodes": 5})
    [name] = (run.name for run in wanted.runs())
    (wanted.path / name).mkdir(parents=True)
    other = Claims(wanted.path)
    assert other.take(name)

    class LettingGo:
        """A view that ends the other arena's claim once this arena has seen it."""

        seen: tuple[str, ...] = ()

        def update(self, run_name: str, **fields: Any) -> None:
            if fields.get("status") == "elsewhere":
                other.release(run_name)
            self.seen = (*self.seen, *([fields["status"]] if "status" in fields else []))

    view = LettingGo()
    [result] = run_experiment(wanted, LocalExecutor(1), view)
    assert result.status == "finished"
    assert (view.seen[0], view.seen[-1]) == ("elsewhere", "finished")
