import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.environments.counts import Episode
from arena.errors import ArenaError
from arena.run_folder.checkpoint_summary import CheckpointSummary
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord, run_folders
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Provenance, write_result, write_run
from arena.run_folder.timings import Timings

RESULT = RunResult(
    status="finished",
    agent="a",
    env="CartPole-v1,render_fps=5",
    seed=3,
    path="elsewhere",
    env_steps=1_000,
    log_tail=("x", "y"),
    seconds=Timings(import_=2.0),
)
RESULT_OF_ANOTHER = json.dumps(
    {"schema_version": 1, "status": "finished", "agent": "a", "env": "e", "seed": 0, "path": "", "seconds": {"fly": 1}}
)


def test_what_was_written_is_read_again(files: RunDir, run, evaluation, episode):
    provenance = Provenance(versions={"numpy": "2", "ray": None}, machine={"cpu": "x"}, command=("python", "-m"), started="now")
    write_run(files, run, provenance)
    files.evaluations.write_text(
        evaluation("selection", 500, (1.0, 2.0)) + evaluation("target", 500, (3.0,)) + evaluation("final", 9, (4.0,))
    )
    files.episodes.write_text(episode(10) + episode(20))
    write_result(files, RESULT)
    record = RunRecord(files.path)
    assert record.run == run
    assert record.provenance == provenance
    assert record.result is not None
    assert record.result.path == str(files.path), "the folder may have been moved"
    assert (record.result.log_tail, record.result.seconds) == (("x", "y"), Timings(import_=2.0))
    assert [row.kind for row in record.evaluations] == ["selection", "target", "final"]
    assert [(row.env_steps, row.episode_return_mean, row.episode_returns) for row in record.selection] == [(500, 1.5, (1.0, 2.0))]
    assert record.final is not None
    assert record.final.episode_returns == (4.0,)
    assert record.episodes == tuple(Episode(steps, 1.5, 2, terminated=True) for steps in (10, 20))


def test_a_run_that_has_not_begun_has_inputs_and_nothing_else(files: RunDir, run):
    record = RunRecord(files.path)
    assert record.run == run
    assert (record.provenance, record.result, record.checkpoint) == (Provenance(), None, None)
    assert (record.evaluations, record.selection, record.final, record.episodes) == ((), (), None, ())
    assert record.last_known()["env_steps"] == 0


def test_files_are_read_when_they_are_asked_for_and_kept(files: RunDir, run, evaluation):
    record = RunRecord(files.path)
    files.evaluations.write_text(evaluation("selection", 500, (1.0,)))
    files.result.write_text("{")
    assert record.run == run, "the broken result is not read for it"
    files.result.unlink()
    assert len(record.selection) == 1
    files.evaluations.write_text("")
    assert len(record.selection) == 1


def test_a_half_written_last_row_is_left_out_unless_the_run_has_finished(files: RunDir, evaluation):
    files.evaluations.write_text(evaluation("selection", 500, (1.0,)) + '{"kind":"sel')
    assert len(RunRecord(files.path).evaluations) == 1
    write_result(files, RESULT)
    with pytest.raises(ArenaError, match=r"evaluations\.jsonl ends in the middle of a row"):
        RunRecord(files.path).evaluations  # noqa: B018


@pytest.mark.parametrize(
    ("name", "content", "ask", "message"),
    [
        ("run.json", "{", lambda record: record.run, r"run\.json: it is not JSON"),
        ("run.json", "[]", lambda record: record.run, r"run\.json must hold a JSON object"),
        ("run.json", '{"inputs": {}}', lambda record: record.run, r"run\.json has schema_version None, and this version .* reads 1"),
        ("run.json", '{"schema_version": 2, "inputs": {}}', lambda record: record.run, r"run\.json has schema_version 2"),
        ("run.json", '{"schema_version": 1, "inputs": {"agent": 3}}', lambda record: record.run, r"run\.json: agent=3"),
        ("result.json", '{"schema_version": 1, "status": "won"}', lambda record: record.result, r"result\.json: status='won'"),
        ("result.json", '{"schema_version": 1, "score": 1}', lambda record: record.result, r"result\.json: .*status.*required|score"),
        (
            "result.json",
            '{"schema_version": 1, "seconds": [1]}',
            lambda record: record.result,
            r"result\.json: seconds=\[1\] must be an object",
        ),
        ("result.json", RESULT_OF_ANOTHER, lambda record: record.result, r"result\.json: seconds\.fly=1 was written by another version"),
        ("evaluations.jsonl", "{}\n", lambda record: record.evaluations, r"evaluations\.jsonl, line 1: kind: Field required"),
        ("evaluations.jsonl", '{"kind": "se\n', lambda record: record.final, r"evaluations\.jsonl, line 1: Invalid JSON"),
        ("episodes.jsonl", "[]\n", lambda record: record.episodes, r"episodes\.jsonl, line 1"),
    ],
)
def test_what_another_program_wrote_is_refused_with_file_and_reason(
    files: RunDir, name: str, content: str, ask: Callable[[RunRecord], object], message: str
):
    (files.path / name).write_text(content)
    with pytest.raises(ArenaError, match=message):
        ask(RunRecord(files.path))


def test_an_input_that_this_version_does_not_know_is_refused(files: RunDir):
    document = json.loads(files.run.read_text())
    document["inputs"]["budget"]["joules"] = 3
    files.run.write_text(json.dumps(document))
    with pytest.raises(ArenaError, match=r"run\.json: budget\.joules=3: Unexpected keyword argument; it was not written by this version"):
        RunRecord(files.path).run  # noqa: B018


def test_a_missing_run_file_is_named(tmp_path: Path):
    with pytest.raises(ArenaError, match=r"cannot read .*run\.json: No such file"):
        RunRecord(tmp_path).run  # noqa: B018


@pytest.mark.parametrize("meter", [{"env_steps": 500}, [500, 0.1, 3, 0]], ids=["by name", "by position, as before the first release"])
def test_a_checkpoint_says_how_far_the_run_was(files: RunDir, meter: object, write_checkpoint):
    write_checkpoint(meter)
    assert RunRecord(files.path).checkpoint == CheckpointSummary(
        env_steps=500, learner_steps=7, policy_env_steps=400, seconds=Timings(train=2.0), num_attempts=2
    )


def test_a_checkpoint_of_another_program_is_named(files: RunDir, write_checkpoint):
    write_checkpoint("x").write_text("{}")
    with pytest.raises(ArenaError, match=r"training\.json isn't a checkpoint of this version of arena-rl: KeyError\('meter'\)"):
        RunRecord(files.path).checkpoint  # noqa: B018


def test_counts_of_a_run_without_a_result_are_the_last_that_it_wrote_down(files: RunDir, evaluation, episode, write_checkpoint):
    write_checkpoint([500])
    files.evaluations.write_text(evaluation("selection", 600, (1.0,)) + "garbage\n")
    files.episodes.write_text(episode(400) + episode(700) + '{"env_st')
    known = RunRecord(files.path).last_known()
    assert known == {
        "env_steps": 700,
        "num_episodes": 2,
        "learner_steps": 7,
        "policy_env_steps": 400,
        "seconds": Timings(train=6.0),
        "num_attempts": 2,
    }
    assert RunResult(status="crashed", agent="a", env="e", seed=0, path="", **known).env_steps == 700


def test_run_folders_are_found_below_a_root(files: RunDir, tmp_path: Path):
    assert run_folders(tmp_path) == [files.path]
    assert run_folders(tmp_path / "missing") == []
