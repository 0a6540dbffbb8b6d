"""Progress of a run, read from its folder."""

import json
import re
from pathlib import Path

import pytest

from arena.formats.locks import FolderLock
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result
from arena.run_folder.status import progress


def test_a_run_is_at_work_while_its_lock_is_held(files: RunDir, evaluation):
    files.evaluations.write_text(evaluation("selection", 500, (12.5,)) + evaluation("selection", 900, (2.5,)) + '{"kind":"sel')
    with FolderLock(files.path):
        state = progress(files, "x")
    assert (state.state, state.env_steps, state.max_env_steps, state.best_return) == ("running", 900, 1_000, 12.5)
    assert state.age_seconds is not None
    assert progress(files, "x").state == "interrupted"


def test_a_run_that_was_made_ready_and_has_not_begun_is_to_do(files: RunDir):
    assert progress(files, "x").state == "to do"
    files.log.touch()
    assert progress(files, "x").state == "interrupted"


@pytest.mark.parametrize("inputs", [[], "x", None, {"budget": []}, {"budget": {"env_steps": "many"}}])
def test_a_run_file_that_does_not_say_what_was_run_is_named(files: RunDir, inputs):
    files.run.write_text(json.dumps({"schema_version": 1, "inputs": inputs}))
    found = progress(files, "x")
    assert found.state == "damaged"
    assert re.search(r"run\.json: .*; it was not written by this version of arena-rl", found.reason)


@pytest.mark.parametrize(
    "state", [{}, {"meter": []}, {"meter": "x"}, {"meter": [1], "progress": []}, {"meter": [1], "progress": {"seconds": 1}}]
)
def test_a_checkpoint_that_another_program_wrote_is_named(files: RunDir, write_checkpoint, state):
    write_checkpoint([500]).write_text(json.dumps(state))
    found = progress(files, "x")
    assert (found.state, "training.json isn't a checkpoint" in found.reason) == ("damaged", True)


@pytest.mark.parametrize("line", ["[]", "{}", '{"kind": "selection"}', "3", "{", '{"kind":"selection","env_steps":"x","train_seconds":1}'])
def test_an_evaluation_that_another_program_wrote_is_named(files: RunDir, evaluation, line):
    files.evaluations.write_text(evaluation("selection", 500, (12.5,)) + line + "\n")
    found = progress(files, "x")
    assert (found.state, "evaluations.jsonl, line 2: " in found.reason) == ("damaged", True)


def test_a_folder_without_inputs_is_to_do(tmp_path: Path):
    assert progress(RunDir(tmp_path / "missing"), "x").state == "to do"


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [("finished", "finished", "over"), ("pruned", "pruned", "over"), ("timed_out", "failed", "timed_out: over")],
)
def test_an_ended_run_has_the_state_and_the_reason_of_its_result(files: RunDir, run, write_checkpoint, status, state, reason):
    write_checkpoint({"env_steps": 500})
    result = RunResult(status=status, agent="a", env=run.env.name, seed=3, path="", reason="over", env_steps=700, score_mean=4.0)
    write_result(files, result)
    with FolderLock(files.path):  # the worker has written its result and is about to end
        found = progress(files, "x")
    assert (found.name, found.state, found.reason, found.env_steps, found.score_mean) == ("x", state, reason, 700, 4.0)
    assert found.checkpoint_env_steps == 500


def test_an_interrupted_run_is_as_far_as_its_files_say(files: RunDir, write_checkpoint, episode):
    write_checkpoint({"env_steps": 500})
    files.episodes.write_text(episode(640))
    found = progress(files, "x")
    assert (found.state, found.env_steps, found.checkpoint_env_steps, found.reason) == ("interrupted", 640, 500, "")
