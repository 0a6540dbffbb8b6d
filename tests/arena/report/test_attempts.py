import dataclasses
from pathlib import Path

import pytest

from arena.formats.json import read_json
from arena.report.terminal import report
from arena.run_folder.attempts import Attempt, add_attempt
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.schema import keep_failure, write_result

FAILED = RunResult(status="crashed", agent="a", env="CartPole-v1", seed=0, path="", reason="IndexError: <b>")
INTERRUPTED = "interrupted, without a result"


def begin(path: Path, *starts: int) -> None:
    for start in starts:
        add_attempt(RunDir(path), Attempt(started="2026-01-01T00:00:00+0000", env_steps=start))


def report_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[int, dict], str, str]:
    """Returns the rows of the runs by seed, the page, and what was printed."""
    report([folder], None, mode="plain")
    rows = read_json(folder / "report" / "report.json")["runs"]
    return {row["seed"]: row for row in rows}, (folder / "report" / "report.html").read_text(), capsys.readouterr().out


def test_a_run_of_several_attempts_tells_on_page_terminal_and_json_where_each_began_and_how_it_ended(tmp_path, write_run, capsys):
    path = write_run(tmp_path, "a", 0)
    begin(path, 0, 250, 1_500)
    keep_failure(RunDir(path), FAILED)
    begin(write_run(tmp_path, "a", 1), 0)
    rows, page, printed = report_of(tmp_path, capsys)
    assert rows[0]["attempt_starts"] == [0, 250, 1_500]
    assert rows[0]["attempt_ends"] == ["crashed: IndexError: <b>", INTERRUPTED, "finished: over"]
    assert (rows[1]["attempt_starts"], rows[1]["attempt_ends"]) == ([0], [])
    sentence = f"3 attempts from 0, 250, 1,500 env steps: crashed: IndexError: <b>; {INTERRUPTED}; finished: over"
    assert f"a CartPole-v1 seed 0: {sentence}" in printed
    assert "seed 1: " not in printed
    assert page.count('<td class="wrap">finished <small class="bad">3 attempts') == 1, "a long sentence must not widen the table"
    assert page.count(sentence.replace("<b>", "&lt;b&gt;")) == page.count(" attempts from ") > 0


def test_interruptions_alone_are_told_too_and_an_unfinished_run_says_so(tmp_path, write_run, capsys):
    write_run(tmp_path, "a", 1)
    begin(write_run(tmp_path, "a", 0, status=None), 0, 500)
    rows, _, printed = report_of(tmp_path, capsys)
    assert rows[0]["attempt_ends"] == [INTERRUPTED, "unfinished"]
    assert f"a CartPole-v1 seed 0: 2 attempts from 0, 500 env steps: {INTERRUPTED}; unfinished" in printed


@pytest.mark.parametrize("content", [None, "{"])
def test_the_result_tells_the_number_of_attempts_where_their_file_does_not(tmp_path, write_run, capsys, content):
    write_run(tmp_path, "a", 1)
    path = write_run(tmp_path, "a", 0, status=None)
    if content is not None:
        RunDir(path).attempts.write_text(content)
    write_result(RunDir(path), dataclasses.replace(FAILED, path=str(path), num_attempts=2))
    rows, _, printed = report_of(tmp_path, capsys)
    assert (rows[0]["attempt_starts"], rows[0]["attempt_ends"]) == ([], [INTERRUPTED, "crashed: IndexError: <b>"])
    assert f"2 attempts: {INTERRUPTED}; crashed: IndexError" in printed


def test_failures_before_training_began_count_though_no_process_recorded_its_attempt(tmp_path, write_run, capsys):
    path = write_run(tmp_path, "a", 0)
    for _ in range(2):
        keep_failure(RunDir(path), dataclasses.replace(FAILED, reason="ImportError"))
    begin(path, 0)
    rows, _, _ = report_of(tmp_path, capsys)
    assert rows[0]["attempt_ends"] == ["crashed: ImportError"] * 2 + ["finished: over"]
