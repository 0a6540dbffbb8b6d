"""Checkpoints: what they hold, and that a run resumes from them exactly or is told in one line why not."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from arena.environments.counts import MeterCounts
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.formats import disk
from arena.formats.disk import DiskFull, full_disk_reason
from arena.run_folder.checkpoint_seal import read_seal, write_seal
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings
from arena.worker.checkpoint import Checkpointer
from arena.worker.run_log import LogLengths
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason

COUNTS = MeterCounts(env_steps=400, env_seconds=1.5, num_episodes=7, num_cut_episodes=4)
LENGTHS = LogLengths(episodes=100, evaluations=50, evaluation_times=30)


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
    assert parts.checkpointer.restore() == (LogLengths(episodes=0, evaluations=0), [])
    assert (agent.word, parts.state.num_attempts, parts.factory.num_cuts) == ("fresh", 1, 0)


def test_a_checkpoint_resets_all_environments(written):
    assert written.factory.num_cuts == 1


def test_a_new_process_takes_over_everything(written, run_dir: RunDir):
    run_dir.policy.write_bytes(b"later")
    written.agent.word = "fresh"
    parts = make(run_dir, written.agent, TrainingState(timings=Timings(start=2.0, train=0.5)))
    assert parts.checkpointer.restore() == (LENGTHS, [])
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
    assert value["lengths"] == {"episodes": 100, "evaluations": 50, "evaluation_times": 30, "sha256": {}}
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
        (lambda value: {**value, "schema_version": 4}, r"training\.json has schema_version 4, and this version of arena-rl resumes from 3"),
        (lambda value: {**value, "meter": [400, 1.5, 7, 4]}, r"training\.json: meter"),
        (lambda value: {**value, "stop_reason": "bored"}, r"training\.json: stop_reason"),
        (lambda value: {name: value[name] for name in value if name != "num_cuts"}, r"training\.json: .*num_cuts"),
        (lambda value: [], "must hold a JSON object"),
    ],
)
def test_another_versions_checkpoint_is_refused_in_one_clear_line(written, run_dir: RunDir, change, reason: str):
    directory = run_dir.latest_checkpoint()
    file = directory / "training.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    write_seal(run_dir.folder, f"checkpoint/{directory.name}")
    parts = make(run_dir, written.agent)
    with pytest.raises(ArenaError, match=rf"cannot be restored \(.*{reason}.*\); delete .* to begin anew") as caught:
        parts.checkpointer.restore()
    assert "\n" not in str(caught.value)
    assert parts.state.num_attempts == 1, "nothing was taken over"


@pytest.mark.parametrize(("value", "version"), [(OLD, 1), ({**OLD, "schema_version": 2}, 2)])
def test_an_earlier_versions_checkpoint_without_checksums_is_refused_in_one_clear_line(written, run_dir: RunDir, value, version: int):
    (run_dir.latest_checkpoint() / "manifest.json").unlink()
    (run_dir.latest_checkpoint() / "training.json").write_text(json.dumps(value))
    with pytest.raises(
        ArenaError, match=rf"training\.json has schema_version {version}, and this .* resumes from 3.*; delete .*"
    ) as caught:
        make(run_dir, written.agent).checkpointer.restore()
    assert "\n" not in str(caught.value)


def test_an_agent_that_cannot_restore_itself_is_named_with_what_to_delete(written, run_dir: RunDir):
    directory = run_dir.latest_checkpoint()
    (directory / "agent" / "word.txt").unlink()
    write_seal(run_dir.folder, f"checkpoint/{directory.name}")
    with pytest.raises(ArenaError, match=rf"No such file .*word\.txt.*; delete {run_dir.path} to begin anew"):
        make(run_dir, written.agent).checkpointer.restore()


class SharingAgent:
    """Saves one more segment at each checkpoint, beside a word."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def save(self, directory: Path) -> None:
        (directory / "segments").mkdir(exist_ok=True)
        for number, word in enumerate(self.words):
            if not (directory / "segments" / f"{number}.txt").exists():
                (directory / "segments" / f"{number}.txt").write_text(word)
        (directory / "state.json").write_text(str(len(self.words)))

    def restore(self, directory: Path) -> None:
        count = int((directory / "state.json").read_text())
        self.words = [(directory / "segments" / f"{number}.txt").read_text() for number in range(count)]


def advance(parts: SimpleNamespace, env_steps: int) -> None:
    parts.agent.words.append(f"learned until {env_steps}")
    parts.factory.meter.restore(MeterCounts(env_steps=env_steps, env_seconds=0.0, num_episodes=0, num_cut_episodes=0))
    parts.checkpointer.write(LogLengths(episodes=env_steps, evaluations=0))


@pytest.fixture
def twice(run_dir: RunDir) -> SimpleNamespace:
    """The parts of a run with three checkpoints, of which two are left."""
    parts = make(run_dir, SharingAgent())
    run_dir.policy.write_bytes(b"policy")
    for env_steps in (100, 200, 300):
        advance(parts, env_steps)
    return parts


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:  # in place: a hard link keeps the damage
        file.write(content)


def test_the_last_two_are_kept_and_what_they_share_is_stored_once(twice, run_dir: RunDir):
    newest, before = run_dir.checkpoints()
    assert (newest.name, before.name) == ("env-steps-300", "env-steps-200")
    names = {path.name: path.stat().st_ino for path in (newest / "agent" / "segments").iterdir()}
    shared = {path.name: path.stat().st_ino for path in (before / "agent" / "segments").iterdir()}
    assert names.items() > shared.items()
    assert sorted(shared) == ["0.txt", "1.txt"]


def test_checkpoints_share_nothing_where_the_disk_has_no_hard_links(twice, run_dir: RunDir, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    advance(twice, 400)
    newest, before = run_dir.checkpoints()
    flip(newest / "agent" / "segments" / "0.txt")
    parts = make(run_dir, SharingAgent())
    assert parts.checkpointer.restore()[0].episodes == 300
    assert before.exists()


def test_a_segment_that_an_agent_wrote_anew_is_sealed_anew(twice, run_dir: RunDir):
    class Rewriting(SharingAgent):
        def save(self, directory: Path) -> None:
            super().save(directory)
            (directory / "segments" / "0.txt").unlink()
            (directory / "segments" / "0.txt").write_text("another word")

    parts = make(run_dir, Rewriting())
    parts.checkpointer.restore()
    advance(parts, 400)
    parts = make(run_dir, SharingAgent())
    assert parts.checkpointer.restore()[0].episodes == 400
    assert parts.agent.words[0] == "another word"


@pytest.mark.parametrize("name", ["training.json", "policy.onnx", "manifest.json", "agent/state.json", "agent/segments/2.txt"])
@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda path: os.truncate(path, 0)], ids=["flipped", "missing", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(twice, run_dir: RunDir, name: str, damage: Callable[[Path], None]):
    newest, before = run_dir.checkpoints()
    damage(newest / name)
    run_dir.policy.write_bytes(b"later")
    parts = make(run_dir, SharingAgent())
    lengths, damages = parts.checkpointer.restore()
    assert lengths.episodes == 200, "the records are cut to what the checkpoint before knows"
    [said] = damages
    assert "the checkpoint env-steps-300 is damaged: " in said
    assert name.rpartition("/")[2] in said or name == "manifest.json"
    assert said.endswith("; the run resumes from the one before, env-steps-200")
    assert "\n" not in said
    assert (run_dir.policy.read_bytes(), parts.agent.words) == (b"policy", ["learned until 100", "learned until 200"])
    assert (newest.exists(), run_dir.checkpoints()) == (False, [before])
    advance(parts, 300)
    again = make(run_dir, SharingAgent())
    assert again.checkpointer.restore() == (LogLengths(episodes=300, evaluations=0), [])


def test_damage_in_what_both_share_lets_the_run_begin_anew_with_a_clear_word(twice, run_dir: RunDir):
    flip(run_dir.checkpoints()[0] / "agent" / "segments" / "0.txt")
    run_dir.add_snapshot(run_dir.policy, 100)
    parts = make(run_dir, SharingAgent())
    lengths, damages = parts.checkpointer.restore()
    assert lengths == LogLengths()
    assert [said.partition(" is damaged")[0] for said in damages] == ["the checkpoint env-steps-300", "the checkpoint env-steps-200"]
    assert damages[-1].endswith("; no checkpoint is left, and the run begins anew")
    assert (run_dir.checkpoints(), run_dir.policy.exists(), list(run_dir.snapshots.iterdir())) == ([], False, [])
    assert (parts.state.num_attempts, parts.agent.words) == (1, [])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"directory": "env-stepz-300"}', '{"directory": "env-steps-300"}'])
def test_a_damaged_pointer_costs_no_checkpoint(twice, run_dir: RunDir, content: str):
    (run_dir.path / "checkpoint" / "latest.json").write_text(content)
    parts = make(run_dir, SharingAgent())
    assert parts.checkpointer.restore()[0].episodes == 300
    advance(parts, 400)
    assert [path.name for path in run_dir.checkpoints()] == ["env-steps-400", "env-steps-300"]


def test_a_worker_that_ends_between_the_seal_and_the_pointer_leaves_the_checkpoint_before(twice, run_dir: RunDir, monkeypatch):
    monkeypatch.setattr(RunDir, "commit_checkpoint", lambda *arguments: None)
    advance(twice, 400)
    monkeypatch.undo()
    parts = make(run_dir, SharingAgent())
    assert parts.checkpointer.restore() == (LogLengths(episodes=300, evaluations=0), [])
    advance(parts, 400)
    assert make(run_dir, SharingAgent()).checkpointer.restore()[0].episodes == 400


def test_what_a_worker_left_that_was_killed_while_it_deleted_the_last_but_one_is_deleted(twice, run_dir: RunDir):
    (run_dir.path / "checkpoint" / "env-steps-100").mkdir()
    (run_dir.path / "checkpoint" / "env-steps-100" / "training.json").touch()
    before = run_dir.checkpoints()
    make(run_dir, SharingAgent()).checkpointer.restore()
    assert run_dir.checkpoints() == before
    assert sorted(path.name for path in (run_dir.path / "checkpoint").iterdir()) == ["env-steps-200", "env-steps-300", "latest.json"]


def test_a_known_files_checksum_is_that_of_the_checkpoint_before(twice, run_dir: RunDir):
    newest, before = (read_seal(run_dir.folder, f"checkpoint/{path.name}").files for path in run_dir.checkpoints())
    assert newest["agent/segments/0.txt"] == before["agent/segments/0.txt"]


def test_a_checkpoint_without_room_is_not_begun(twice, run_dir: RunDir, monkeypatch: pytest.MonkeyPatch):
    before = sorted(path.name for path in run_dir.path.rglob("*"))
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1_000_000)
    with pytest.raises(DiskFull, match="the disk is full: a checkpoint takes about "):
        advance(twice, 400)
    assert sorted(path.name for path in run_dir.path.rglob("*")) == before
    assert twice.factory.num_cuts == 3
    assert make(run_dir, SharingAgent()).checkpointer.restore()[0].episodes == 300


WRITES = ("open", "mkdir", "rename", "link", "fsync")
"""Calls of the operating system that a checkpoint consists of."""


def fail_at(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Lets the write with this number, counted over all of `WRITES`, and every later one find no room; returns the list of calls."""
    calls: list[str] = []

    def limited(name: str) -> Callable[..., object]:
        call = getattr(os, name)

        def write(*arguments: object, **options: object) -> object:
            if name != "open" or int(arguments[1]) & os.O_CREAT:
                calls.append(name)
                if len(calls) > number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **options)

        return write

    for name in WRITES:
        monkeypatch.setattr(os, name, limited(name))
    return calls


def test_a_checkpoint_that_finds_no_room_at_any_of_its_writes_costs_none_before_it(run_dir: RunDir):
    run_dir.policy.write_bytes(b"policy")
    parts, number, is_written, failure = make(run_dir, SharingAgent()), 0, False, OSError()
    for env_steps in (100, 200, 300):
        advance(parts, env_steps)
    while not is_written:
        parts = make(run_dir, SharingAgent())
        assert parts.checkpointer.restore() == (LogLengths(episodes=300, evaluations=0), []), f"after write {number}"
        with pytest.MonkeyPatch.context() as patch:
            fail_at(patch, number)
            try:
                advance(parts, 400)
                is_written = True
            except OSError as error:
                failure = error
        assert is_written or full_disk_reason(failure) is not None
        run_dir.clear_remains()
        if run_dir.latest_checkpoint().name == "env-steps-400":  # the pointer was renamed, and its folder could not be synced
            break
        number += 1
    assert number > 15, "a checkpoint has many writes"
    assert make(run_dir, SharingAgent()).checkpointer.restore()[0].episodes == 400
