from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.json import write_json
from arena.run_folder import checkpoint_summary
from arena.run_folder.checkpoint_summary import CheckpointSummary
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings


def commit(files: RunDir, env_steps: int) -> None:
    """Commits a checkpoint that has taken 3 learner steps."""
    directory = files.new_checkpoint(env_steps)
    progress = {"learner_steps": 3, "policy_env_steps": None, "seconds": {}, "num_attempts": 1}
    write_json(directory / "training.json", {"meter": {"env_steps": env_steps}, "progress": progress})
    files.commit_checkpoint(directory)


def test_a_run_without_a_checkpoint_has_no_summary(files: RunDir):
    assert CheckpointSummary.latest(files) is None


@pytest.mark.parametrize("meter", [{"env_steps": 500}, [500, 9]], ids=["by name", "by position"])
def test_the_counts_are_those_of_the_checkpoint(files: RunDir, write_checkpoint, meter: object):
    write_checkpoint(meter)
    expected = CheckpointSummary(env_steps=500, learner_steps=7, policy_env_steps=400, seconds=Timings(train=2.0), num_attempts=2)
    assert CheckpointSummary.latest(files) == expected


@pytest.mark.parametrize("meter", [{}, [], 5, None, {"env_steps": None}])
def test_counts_of_another_form_are_refused(files: RunDir, write_checkpoint, meter: object):
    file = write_checkpoint(meter)
    with pytest.raises(ArenaError) as error:
        CheckpointSummary.latest(files)
    assert str(error.value).startswith(f"{file} isn't a checkpoint of this version of arena-rl: ")


def test_a_checkpoint_that_is_replaced_while_it_is_read_gives_way_to_the_next(files: RunDir, monkeypatch: pytest.MonkeyPatch):
    commit(files, 100)
    read = checkpoint_summary.read_json_object

    def read_late(file: Path) -> dict:
        if "env-steps-100" in file.parts:
            commit(files, 200)
        return read(file)

    monkeypatch.setattr(checkpoint_summary, "read_json_object", read_late)
    found = CheckpointSummary.latest(files)
    assert found is not None
    assert found.env_steps == 200


def test_a_latest_checkpoint_that_cannot_be_read_is_refused(files: RunDir, write_checkpoint):
    file = write_checkpoint({"env_steps": 500})
    file.unlink()
    with pytest.raises(ArenaError, match=r"training\.json"):
        CheckpointSummary.latest(files)


def test_a_checkpoint_that_cannot_be_read_leaves_the_one_before(files: RunDir, write_checkpoint):
    before = write_checkpoint({"env_steps": 500}).parent
    newest = files.new_checkpoint(900)
    (newest / "training.json").write_text("{")
    files.commit_checkpoint(newest, before)
    found = CheckpointSummary.latest(files)
    assert found is not None
    assert found.env_steps == 500
