"""Experiments of fake agents in real worker processes."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.executors.base import MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.formats.jsonl import read_jsonl
from arena.formats.locks import is_locked
from arena.policies.policy import OnnxPolicy
from arena.run_folder.events import EvaluationEnded
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.status import progress
from arena.run_folder.timings import Timings

pytestmark = pytest.mark.worker
FAKE = "arena.testing.fakes:FAKE_AGENT"


def experiment(folder: Path, agents=(FAKE,), *, timeout: float = 60.0, **changes) -> Experiment:
    table = {
        "name": "test",
        "output": str(folder),
        "agents": list(agents),
        "envs": ["arena/Identity-v0"],
        "budget": {"env_steps": 4_000},
        "evaluation": {"period": 1_000, "episodes": 5, "final_episodes": 10},
        "checkpoint_period": 1_000,
        "resources": {"timeout_seconds": timeout},
    }
    return from_table({**table, **changes})


def faulty(fault: str, **settings) -> dict:
    return {"agent": FAKE, "name": fault, "hyperparameters": {"fault": fault, **settings}}


def only(results: list[RunResult]) -> RunResult:
    assert len(results) == 1
    return results[0]


def test_a_run_leaves_a_complete_record(tmp_path: Path):
    result = only(run_experiment(experiment(tmp_path), LocalExecutor()))
    run_dir = RunDir(Path(result.path))
    assert result.status == "finished"
    assert result == RunRecord(run_dir.path).result
    assert result.env_steps == 4_000, "four environments, no reset-only steps on this path: the budget is used up exactly"
    assert result.score_mean == 100.0
    assert result.score_episodes == 10
    assert result.parity == 1.0
    record = json.loads(run_dir.run.read_text())
    assert record["inputs"]["agent"]["hyperparameters"]["learning_rate"] == 0.2
    assert record["record"]["versions"]["numpy"]
    assert record["record"]["machine"]["python"]
    assert record["record"]["environment"]["distribution"] == "arena-rl"
    assert record["record"]["workers"] == 1
    assert record["record"]["load_at_start"] >= 0
    assert record["record"]["load_at_end"] >= 0
    episodes = list(read_jsonl(run_dir.episodes))
    assert len(episodes) == result.num_episodes
    assert {episode["episode_length"] for episode in episodes} == {100}
    kinds = [evaluation["kind"] for evaluation in read_jsonl(run_dir.evaluations)]
    assert kinds == ["selection"] * 4 + ["final"]
    assert OnnxPolicy(run_dir.policy).signature.num_scores >= 2
    assert list(run_dir.path.glob("events.out.tfevents.*"))
    assert run_dir.latest_checkpoint() is not None
    assert "pickle" not in "".join(path.name for path in run_dir.path.rglob("*"))


def test_faults_become_results_and_the_others_go_on(tmp_path: Path):
    agents = [faulty("crash"), faulty("exit"), faulty("nan"), FAKE]
    results = {result.agent: result for result in run_experiment(experiment(tmp_path, agents), LocalExecutor(2))}
    assert {name: result.status for name, result in results.items()} == {
        "crash": "crashed",
        "exit": "crashed",
        "nan": "diverged",
        "fake": "finished",
    }
    assert "the fake agent crashes after" in results["crash"].reason
    assert any("fakes.py" in line and "in learn" in line for line in results["crash"].log_tail), "the tail shows where it crashed"
    assert "13" in results["exit"].reason
    assert "td is nan" in results["nan"].reason
    for name in ("crash", "nan"):
        result = results[name]
        assert result.env_steps >= 400, "the last known: the end of the last episodes, not zero"
        assert result.num_episodes == len(list(read_jsonl(RunDir(Path(result.path)).episodes))) > 0


def test_a_hanging_worker_is_ended_at_its_time_limit(tmp_path: Path):
    result = only(run_experiment(experiment(tmp_path, [faulty("hang")], timeout=4.0), LocalExecutor()))
    assert result.status == "timed_out"
    assert "4 s" in result.reason


def test_a_run_that_is_given_up_ends_at_once_and_the_others_go_on(tmp_path: Path):
    wanted = experiment(tmp_path, [{"agent": FAKE, "name": "bad"}, {"agent": FAKE, "name": "good"}])
    told: list[str] = []

    def judge(run_name: str, event) -> str | None:
        told.append(run_name)
        return "hopeless" if run_name.startswith("bad/") and isinstance(event, EvaluationEnded) else None

    bad, good = run_experiment(wanted, LocalExecutor(2), judge=judge)
    assert (bad.status, bad.reason) == ("pruned", "hopeless")
    assert progress(RunDir(Path(bad.path)), "x").state == "pruned"
    assert good.status == "finished"
    assert set(told) == {run.name for run in wanted.runs()}
    assert run_experiment(wanted, LocalExecutor(2)) == [bad, good], "it is not tried again"


def test_finished_runs_are_kept_and_new_seeds_are_added(tmp_path: Path):
    first = only(run_experiment(experiment(tmp_path), LocalExecutor()))
    before = (Path(first.path) / "result.json").stat().st_mtime_ns
    results = run_experiment(experiment(tmp_path, seeds=2), LocalExecutor(2))
    assert [result.seed for result in results] == [0, 1]
    assert (Path(first.path) / "result.json").stat().st_mtime_ns == before


def test_other_inputs_in_the_same_folder_are_refused_with_the_difference(tmp_path: Path):
    run_experiment(experiment(tmp_path), LocalExecutor())
    with pytest.raises(ArenaError, match=r"agent\.hyperparameters\.epsilon: 0\.2 there, 0\.5 wanted"):
        run_experiment(experiment(tmp_path, hyperparameters={"fake": {"epsilon": 0.5}}), LocalExecutor())


def test_a_failed_run_is_tried_again_only_on_demand(tmp_path: Path):
    failing = experiment(tmp_path, [faulty("crash", fault_env_steps=2_500)])
    first = only(run_experiment(failing, LocalExecutor()))
    assert (first.status, first.num_attempts) == ("crashed", 1)
    result_file = Path(first.path) / "result.json"
    before = result_file.stat().st_mtime_ns
    assert only(run_experiment(failing, LocalExecutor())) == first
    assert result_file.stat().st_mtime_ns == before, "nothing is written where nothing is tried"
    again = only(run_experiment(failing, LocalExecutor(), retry_failed=True))
    assert again.status == "crashed"
    attempts = RunRecord(Path(first.path)).failures
    assert [(attempt.status, attempt.reason) for attempt in attempts] == [("crashed", first.reason)], "the first attempt stays on record"
    assert result_file.stat().st_mtime_ns > before


def test_the_same_run_twice_gives_the_same_episodes(tmp_path: Path):
    paths = [Path(only(run_experiment(experiment(tmp_path / name), LocalExecutor())).path) for name in ("a", "b")]
    for name in ("episodes.jsonl", "policy.onnx"):
        assert (paths[0] / name).read_bytes() == (paths[1] / name).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_whose_parent_is_killed_goes_on_as_if_it_never_stopped(tmp_path: Path, number: signal.Signals):
    # Long enough to be killed in the middle; checkpoints fall between the points of the curves.
    table = {"budget": {"env_steps": 150_000}, "checkpoint_period": 12_500, "evaluation": {"period": 25_000, "episodes": 5}}
    straight = Path(only(run_experiment(experiment(tmp_path / "straight", **table), LocalExecutor())).path)
    cut = experiment(tmp_path / "cut", **table)
    code = """
import json, sys
from arena import LocalExecutor, run_experiment
from arena.experiment.file import from_table
table = json.loads(sys.stdin.read())
run_experiment(from_table(table), LocalExecutor())
"""
    arguments = {"name": "test", "output": str(tmp_path / "cut"), "agents": [FAKE], "envs": ["arena/Identity-v0"], **table}
    arguments["evaluation"] = {**table["evaluation"], "final_episodes": 100}
    run_dir = RunDir(cut.path / next(cut.runs()).name)
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    assert parent.stdin is not None
    parent.stdin.write(json.dumps(arguments).encode())
    parent.stdin.close()
    deadline = time.monotonic() + 600.0
    while run_dir.latest_checkpoint() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(parent.pid, number)
    parent.wait(600)
    assert RunRecord(run_dir.path).result is None, "the parent was to be killed in mid-run"
    result = only(run_experiment(cut, LocalExecutor()))
    assert result.status == "finished"
    assert result.num_attempts >= 2
    for name in ("episodes.jsonl", "evaluations.jsonl", "policy.onnx"):
        assert (run_dir.path / name).read_bytes() == (straight / name).read_bytes(), name
    assert len(RunRecord(run_dir.path).attempts) == result.num_attempts
    expected = RunRecord(straight).result
    assert expected is not None
    same = ("env_steps", "num_episodes", "num_cut_episodes", "learner_steps", "score_mean", "policy_env_steps")
    assert [getattr(result, name) for name in same] == [getattr(expected, name) for name in same]


def test_a_target_ends_training_once_it_is_held(tmp_path: Path):
    budget = {"env_steps": 50_000, "target_return": 100.0, "target_episodes": 20}
    result = only(run_experiment(experiment(tmp_path, budget=budget), LocalExecutor()))
    assert result.reason == "a return of 100 held over 20 episodes"
    assert result.env_steps < 10_000
    assert result.policy_env_steps == result.env_steps
    assert "target" in [evaluation["kind"] for evaluation in read_jsonl(RunDir(Path(result.path)).evaluations)]


def test_the_parts_of_a_run_take_no_more_than_the_whole(tmp_path: Path):
    start = time.monotonic()
    result = only(run_experiment(experiment(tmp_path), LocalExecutor()))
    wall = time.monotonic() - start
    assert 0.0 < result.seconds.start < result.seconds.until_training < result.seconds.total < wall


def test_a_budget_of_seconds_ends_training(tmp_path: Path):
    budget = {"env_steps": 100_000_000, "seconds": 0.5}
    result = only(run_experiment(experiment(tmp_path, budget=budget, checkpoint_period=10_000_000, log_period=1_000), LocalExecutor()))
    assert result.reason == "0.5 seconds of training"
    assert result.seconds.train >= 0.5
    assert result.env_steps < 50_000_000


def test_an_unwritable_output_is_refused_before_any_work(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match="cannot make the output folder"):
        run_experiment(dataclasses.replace(experiment(tmp_path), output=tmp_path / "file"), LocalExecutor())


def test_an_environment_may_be_named_with_its_module(tmp_path: Path):
    result = only(run_experiment(experiment(tmp_path, envs=["gymnasium:CartPole-v1"]), LocalExecutor()))
    assert (result.status, result.env) == ("finished", "gymnasium-CartPole-v1")


def test_sigterm_ends_the_workers_too(tmp_path: Path):
    command = [sys.executable, "-m", "arena", "train", FAKE, "arena/Identity-v0", "--output", str(tmp_path), "--set", "fault=hang"]
    parent = subprocess.Popen([*command, "--steps", "100000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    lock = tmp_path / "train" / "fake" / "arena-Identity-v0" / "seed-0" / ".lock"
    deadline = time.monotonic() + 600.0
    while not lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.terminate()
    _, errors = parent.communicate(timeout=600)
    assert parent.returncode == 130
    assert b"resume with" in errors
    assert not is_locked(lock.parent)


def test_a_parent_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path):
    evaluation = {"period": 9_000, "episodes": 5}
    table = {"seeds": 2, "budget": {"env_steps": 40_000}, "checkpoint_period": 6_000, "evaluation": evaluation}
    agents = [FAKE, {"agent": FAKE, "name": "other", "hyperparameters": {"epsilon": 0.4}}]
    start = time.monotonic()
    straight = run_experiment(experiment(tmp_path / "straight", agents, **table), LocalExecutor(2))
    seconds = time.monotonic() - start
    cut = experiment(tmp_path / "cut", agents, **table)
    (tmp_path / "cut.toml").write_text(
        f"""name = "test"
agents = ["{FAKE}", {{ agent = "{FAKE}", name = "other", hyperparameters = {{ epsilon = 0.4 }} }}]
envs = ["arena/Identity-v0"]
seeds = 2
checkpoint_period = 6000
budget = {{ env_steps = 40000 }}
evaluation = {{ period = 9000, episodes = 5 }}
"""
    )
    entropy = int.from_bytes(os.urandom(4))
    print(f"moments drawn with {entropy}")  # shown if it fails
    rng = np.random.default_rng(entropy)
    command = [sys.executable, "-m", "arena", "run", str(tmp_path / "cut.toml"), "--output", str(tmp_path / "cut"), "-w", "2", "--quiet"]
    for moment in rng.uniform(0.0, seconds, 3):
        parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            parent.wait(moment)
        except subprocess.TimeoutExpired:
            parent.kill()
            parent.wait()
    results = run_experiment(cut, LocalExecutor(2))
    assert len(results) == len(straight) == 4
    for result, expected in zip(results, straight, strict=True):
        assert outcome(result) == outcome(expected)


def outcome(result: RunResult) -> list[object]:
    """Returns all that a run leaves but times, attempts and paths."""
    path = Path(result.path)
    timings = {"path": "", "seconds": Timings(), "cpu_seconds": None, "num_attempts": 0}
    files = [(path / name).read_bytes() for name in ("episodes.jsonl", "evaluations.jsonl", "policy.onnx")]
    return [dataclasses.replace(result, **timings), *files]


class NotedTasks:
    """An executor that starts no worker: the folders are prepared, and a test works in them itself."""

    tasks: Sequence[Task] = ()

    def check(self, tasks: Sequence[Task]) -> None:
        """Accepts all."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        self.tasks = [task for task in tasks if may_begin(task) == "now"]


COLLECT = """
import gc, sys
from pathlib import Path
from arena.worker import worker
from arena.run_folder.folder import RunDir

load, train = worker.AgentSpec.load, worker.train
def noted_load(spec):
    print(gc.isenabled(), gc.get_freeze_count())
    return load(spec)
def noted_train(*arguments):
    print(gc.isenabled(), gc.get_freeze_count() > 10_000)
    return train(*arguments)
worker.AgentSpec.load, worker.train = noted_load, noted_train
worker.work(RunDir(Path(sys.argv[1])), lambda event: None, sys.argv[2:])
"""


def test_a_worker_collects_no_garbage_until_its_agent_is_built_and_leaves_what_is_there_out_of_later_collections(tmp_path: Path):
    wanted = experiment(tmp_path)
    executor = NotedTasks()
    assert run_experiment(wanted, executor) == []
    [task] = executor.tasks
    done = subprocess.run([sys.executable, "-c", COLLECT, str(task.run_dir), *task.allow], capture_output=True, text=True, check=True)
    assert done.stdout == "False 0\nTrue True\n"
