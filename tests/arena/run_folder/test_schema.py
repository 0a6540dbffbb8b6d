import dataclasses
import json
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.result import RunResult
from arena.run_folder.schema import (
    Evaluated,
    Provenance,
    last_row,
    parse_result,
    parse_run,
    read_evaluations,
    rows,
    write_result,
    write_run,
)
from arena.run_folder.timings import Timings

OTHER_VERSION = "it was not written by this version of arena-rl"


def result(path: Path) -> RunResult:
    seconds = Timings(import_=1.0, train=4.0)
    return RunResult(status="finished", agent="a", env="CartPole-v1", seed=3, path=str(path), score_mean=1.5, seconds=seconds)


def changed(file: Path, **values: object) -> bytes:
    """Returns the JSON object in `file` with other values; None leaves a value out."""
    document = {**json.loads(file.read_bytes()), **values}
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_inputs_and_circumstances_come_back_as_they_were_written(files: RunDir, run: Run):
    assert parse_run(files.run.read_bytes(), files.run) == (run, Provenance())
    provenance = Provenance(versions={"numpy": "2.0", "ray": None}, git={"commit": "abc"}, command=("python", "-m"), started="now")
    write_run(files, run, provenance)
    assert parse_run(files.run.read_bytes(), files.run) == (run, provenance)


def test_an_outcome_comes_back_with_the_folder_that_it_is_read_from(files: RunDir, tmp_path: Path):
    write_result(files, result(files.path))
    assert parse_result(files.result.read_bytes(), files.path)[0] == result(files.path)
    assert parse_result(files.result.read_bytes(), tmp_path / "moved")[0] == result(tmp_path / "moved")


@pytest.mark.parametrize("version", [2, "1", None])
def test_another_version_of_the_form_is_refused(files: RunDir, version: object):
    with pytest.raises(ArenaError) as error:
        parse_run(changed(files.run, schema_version=version), files.run)
    wanted = f"has schema_version {version!r}, and this version of arena-rl reads 1; use the version that wrote it"
    assert str(error.value) == f"{files.run} {wanted}"


def test_what_is_no_object_is_refused(files: RunDir):
    with pytest.raises(ArenaError, match=r"run\.json must hold a JSON object$"):
        parse_run(b"[]", files.run)
    with pytest.raises(ArenaError, match=r"^cannot read .*run\.json"):
        parse_run(b"{", files.run)


def test_an_unknown_key_and_a_wrong_value_are_refused_with_the_file(files: RunDir):
    with pytest.raises(ArenaError, match=rf"run\.json: .*extra.*; {OTHER_VERSION}"):
        parse_run(changed(files.run, extra=1), files.run)
    write_result(files, result(files.path))
    with pytest.raises(ArenaError, match=rf"result\.json: .*status.*; {OTHER_VERSION}"):
        parse_result(changed(files.result, status="won", schema_version=1, seal=None), files.path)
    with pytest.raises(ArenaError, match=rf"result\.json: seconds=\[1\] must be an object; {OTHER_VERSION}"):
        parse_result(changed(files.result, seconds=[1], schema_version=1, seal=None), files.path)


def test_an_outcome_that_was_edited_is_refused(files: RunDir):
    write_result(files, result(files.path))
    for values in ({"score_mean": 2.5}, {"env_steps": 1}, {"reason": "x"}, {"seal": {}}):
        with pytest.raises(ArenaError, match=r"is damaged: result\.json is not what the run left"):
            parse_result(changed(files.result, **values), files.path)
    with pytest.raises(ArenaError, match=r"result\.json: seal"):
        parse_result(changed(files.result, seal=None), files.path)


@pytest.mark.parametrize("status", ["damaged", "lost"])
def test_a_state_that_no_run_writes_is_refused(files: RunDir, status: str):
    write_result(files, dataclasses.replace(result(files.path), status=status))
    with pytest.raises(ArenaError, match=rf"result\.json: status='{status}' is never written"):
        parse_result(files.result.read_bytes(), files.path)


def test_an_outcome_of_the_form_before_seals_is_read_without_one(files: RunDir):
    write_result(files, result(files.path))
    assert parse_result(changed(files.result, schema_version=1, seal=None), files.path) == (result(files.path), None)
    for version in (99, 0, True, "2", None):
        with pytest.raises(ArenaError, match=rf"has schema_version {version!r}, and this version of arena-rl reads 1 and 2"):
            parse_result(changed(files.result, schema_version=version), files.path)


def test_rows_are_read_in_their_order_without_a_half_written_one(files: RunDir, evaluation):
    assert list(rows(files.evaluations, Evaluated, whole=True)) == [], "a missing file has none"
    files.evaluations.write_text(evaluation("selection", 500, (1.0, 2.0)) + evaluation("final", 900, (4.0,)) + '{"kind')
    found = list(rows(files.evaluations, Evaluated, whole=False))
    assert [(row.kind, row.env_steps, row.episode_returns) for row in found] == [("selection", 500, (1.0, 2.0)), ("final", 900, (4.0,))]
    assert found[0].episode_return_mean == 1.5


def test_a_finished_run_whose_file_ends_in_a_row_is_refused(files: RunDir, evaluation):
    files.evaluations.write_text(evaluation("final", 900, (4.0,)).rstrip("\n"))
    with pytest.raises(ArenaError, match=r"evaluations\.jsonl ends in the middle of a row, though its run has finished"):
        list(rows(files.evaluations, Evaluated, whole=True))


def test_a_damaged_row_is_named_by_its_line(files: RunDir, evaluation):
    files.evaluations.write_text(evaluation("selection", 500, (1.0,)) + evaluation("selection", 500, (1.0,)).replace("500", '"500"', 1))
    with pytest.raises(ArenaError, match=rf"evaluations\.jsonl, line 2: .*env_steps.*; {OTHER_VERSION}"):
        list(rows(files.evaluations, Evaluated, whole=False))


def test_the_last_valid_row_is_found_behind_damage_and_in_a_window(files: RunDir, evaluation, monkeypatch: pytest.MonkeyPatch):
    assert last_row(files.evaluations, Evaluated) is None
    files.evaluations.write_text(evaluation("selection", 500, (1.0,)) + evaluation("selection", 700, (2.0,)) + "damaged\n{")
    found = last_row(files.evaluations, Evaluated)
    assert found is not None
    assert found.env_steps == 700
    monkeypatch.setattr(schema, "TAIL_BYTES", 20)
    assert last_row(files.evaluations, Evaluated) is None, "no whole row is within the window"


def test_a_run_is_written_over_what_was_there(files: RunDir, run: Run):
    write_run(files, dataclasses.replace(run, seed=4))
    assert parse_run(files.run.read_bytes(), files.run)[0].seed == 4


def write_evaluations(files: RunDir, *times: float) -> None:
    """Writes two evaluations without seconds, and the given times apart."""
    row = {"kind": "selection", "episode_return_mean": 1.0, "episode_returns": [1.0], "episode_lengths": [3]}
    files.evaluations.write_text("".join(json.dumps({**row, "env_steps": env_steps}) + "\n" for env_steps in (100, 200)))
    files.evaluation_times.write_text("".join(json.dumps({"train_seconds": time}) + "\n" for time in times))


def test_each_evaluation_gets_its_time(files: RunDir):
    write_evaluations(files, 1.5, 2.5, 3.5)  # a third evaluation is under way: its time is written first
    assert [(row.env_steps, row.train_seconds) for row in read_evaluations(files, whole=False)] == [(100, 1.5), (200, 2.5)]


def test_an_evaluation_without_a_time_is_refused_by_name(files: RunDir):
    write_evaluations(files, 1.5)
    with pytest.raises(ArenaError, match=r"evaluation_times\.jsonl has 1 rows, and evaluations\.jsonl has 2"):
        list(read_evaluations(files, whole=True))


def test_seconds_among_the_evaluations_are_those_of_an_earlier_version(files: RunDir, evaluation):
    files.evaluations.write_text(evaluation("final", 300, (1.0, 2.0)))
    assert [row.train_seconds for row in read_evaluations(files, whole=True)] == [3.0]
