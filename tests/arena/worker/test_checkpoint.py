"""Checkpoints: what they hold, and that a run resumes from them exactly or is told in one line why not."""

import json
from types import SimpleNamespace

import pytest

from arena.environments.metering import Meter, MeterCounts
from arena.errors import ArenaError
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings
from arena.worker.checkpoint import Checkpointer
from arena.worker.run_log import LogLengths
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason

COUNTS = MeterCounts(env_steps=400, env_seconds=1.5, num_episodes=7, num_cut_episodes=4)
LENGTHS = LogLengths(episodes=100, evaluations=50)


class StubFactory:
    def __init__(self) -> None:
        self.meter, self.num_cuts = Meter(), 0

    def cut_episodes(self, num_cuts: int | None = None) -> None:
        self.num_cuts = self.num_cuts + 1 if num_cuts is None else num_cuts


def make(run_dir: RunDir, agent, state: TrainingState | None = None) -> SimpleNamespace:
    factory, state = StubFactory(), state or TrainingState()
    checkpointer = Checkpointer(run_dir, agent, factory, state, period=100)
    return SimpleNamespace(checkpointer=checkpointer, factory=factory, state=state, agent=agent)


@pytest.fixture
def written(run_dir: RunDir, agent):
    """A checkpoint after 400 env steps, and the parts that wrote it."""
    state = TrainingState(
        learner_steps=9,
        best_return=12.5,
        policy_env_steps=300,
        parity=1.0,
        stop_reason=StopReason.TARGET,
        num_attempts=2,
        earlier_cpu_seconds=30.0,
        timings=Timings(train=4.0, evaluate=1.0),
    )
    parts = make(run_dir, agent, state)
    parts.factory.meter.restore(COUNTS)
    agent.word = "trained"
    run_dir.policy.write_bytes(b"policy")
    parts.checkpointer.write(LENGTHS)
    return parts


def test_a_run_without_a_checkpoint_begins_anew(run_dir: RunDir, agent):
    parts = make(run_dir, agent)
    assert parts.checkpointer.restore() == LogLengths(episodes=0, evaluations=0)
    assert (agent.word, parts.state.num_attempts, parts.factory.num_cuts) == ("fresh", 1, 0)


def test_a_checkpoint_resets_all_environments(written):
    assert written.factory.num_cuts == 1


def test_a_new_process_takes_over_everything(written, run_dir: RunDir):
    run_dir.policy.write_bytes(b"later")
    written.agent.word = "fresh"
    parts = make(run_dir, written.agent, TrainingState(timings=Timings(start=2.0, train=0.5)))
    assert parts.checkpointer.restore() == LENGTHS
    assert parts.agent.word == "trained"
    assert parts.factory.meter.counts() == COUNTS
    assert parts.factory.num_cuts == 1
    assert run_dir.policy.read_bytes() == b"policy"
    state = parts.state
    assert (state.learner_steps, state.best_return, state.policy_env_steps, state.parity) == (9, 12.5, 300, 1.0)
    assert state.stop_reason is StopReason.TARGET
    assert state.num_attempts == 3
    assert state.earlier_cpu_seconds > 30.0
    assert state.timings == Timings(start=2.0, train=4.5, evaluate=1.0)


def test_a_run_that_has_kept_no_policy_yet_is_saved_without_one(run_dir: RunDir, agent):
    make(run_dir, agent).checkpointer.write(LogLengths())
    parts = make(run_dir, agent)
    parts.checkpointer.restore()
    assert not run_dir.policy.exists()
    assert (parts.state.best_return, parts.state.stop_reason) == (None, None)


def test_snapshots_that_are_younger_than_the_checkpoint_are_dropped(written, run_dir: RunDir):
    for env_steps in (300, 400, 500):
        run_dir.add_snapshot(run_dir.policy, env_steps)
    make(run_dir, written.agent).checkpointer.restore()
    assert sorted(path.name for path in run_dir.snapshots.iterdir()) == ["env-steps-000000000300.onnx", "env-steps-000000000400.onnx"]


def test_the_file_names_its_counts(written, run_dir: RunDir):
    value = json.loads((run_dir.latest_checkpoint() / "training.json").read_text())
    assert value["meter"] == {"env_steps": 400, "env_seconds": 1.5, "num_episodes": 7, "num_cut_episodes": 4, "num_outside": 0}
    assert value["lengths"] == {"episodes": 100, "evaluations": 50}
    assert (value["stop_reason"], value["progress"]["seconds"]["train"]) == ("target", 4.0)


OLD = {
    "progress": {"learner_steps": 9, "next_evaluation": 500, "best_return": 12.5, "seconds": {"train": 4.0}, "num_attempts": 1},
    "meter": [400, 1.5, 7, 4],
    "num_cuts": 1,
    "stop_reason": "",
    "offsets": {"episodes": 100, "evaluations": 50},
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda value: OLD, r"training\.json has schema_version 1, and this version of arena-rl resumes from 2"),
        (lambda value: {**value, "schema_version": 3}, "schema_version 3"),
        (lambda value: {**value, "meter": [400, 1.5, 7, 4]}, r"training\.json: meter"),
        (lambda value: {**value, "stop_reason": "bored"}, r"training\.json: stop_reason"),
        (lambda value: {name: value[name] for name in value if name != "num_cuts"}, r"training\.json: .*num_cuts"),
        (lambda value: [], "must hold a JSON object"),
    ],
)
def test_another_versions_checkpoint_is_refused_in_one_clear_line(written, run_dir: RunDir, change, reason: str):
    file = run_dir.latest_checkpoint() / "training.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    parts = make(run_dir, written.agent)
    with pytest.raises(ArenaError, match=rf"cannot be restored \(.*{reason}.*\); delete .* to begin anew") as caught:
        parts.checkpointer.restore()
    assert "\n" not in str(caught.value)
    assert parts.state.num_attempts == 1, "nothing was taken over"


def test_an_agent_that_cannot_restore_itself_is_named_with_what_to_delete(written, run_dir: RunDir):
    (run_dir.latest_checkpoint() / "agent" / "word.txt").unlink()
    with pytest.raises(ArenaError, match=rf"No such file .*word\.txt.*; delete {run_dir.path} to begin anew"):
        make(run_dir, written.agent).checkpointer.restore()
