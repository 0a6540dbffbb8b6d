import importlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.run_folder.folder import RunDir
from arena.run_folder.gathered import Runs, load
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result
from arena.run_folder.timings import Timings


@pytest.fixture
def finished(files: RunDir, run: Run, evaluation: Callable[..., str], episode: Callable[[int], str]) -> Path:
    """Returns the folder of a run that has finished."""
    result = RunResult(
        status="finished",
        agent="a",
        env=run.env.name,
        seed=3,
        path=str(files.path),
        env_steps=1_000,
        score_mean=4.5,
        score_std=0.5,
        score_episodes=2,
        policy_env_steps=500,
        seconds=Timings(train=2.0),
    )
    files.evaluations.write_text(evaluation("selection", 500, (1.0, 2.0)) + evaluation("final", 500, (4.0, 5.0)))
    files.episodes.write_text(episode(10) + episode(20))
    write_result(files, result)
    return files.path


def test_runs_are_gathered_from_folders_and_can_be_sliced(finished: Path):
    runs = load(finished.parents[2], str(finished))
    assert [record.path for record in runs] == [finished, finished]
    assert runs[0].path == finished
    assert isinstance(runs[:1], Runs)
    assert len(runs[:1]) == 1
    assert repr(runs) == f"Runs(2 runs: a on {runs[0].run.env.name})"
    assert repr(runs[0]) == f"RunRecord({str(finished)!r}, finished after 1,000 env steps, score 4.5 ± 0.5)"


def test_a_run_that_cannot_be_read_is_left_out_by_name(finished: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    (other / "episodes.jsonl").write_text("")
    runs = load(finished, other)
    assert [record.path for record in runs] == [finished]
    assert [(each.path, "episodes.jsonl" in each.reason) for each in runs.left_out] == [(other, True)]
    assert "1 left out, as they cannot be read" in repr(runs)
    assert "damaged: " in repr(RunRecord(other))
    with pytest.raises(ArenaError, match=f"no runs in {other}; left out: {other}, because .*episodes.jsonl"):
        load(other)


def test_a_folder_without_runs_is_an_error(tmp_path: Path):
    with pytest.raises(ArenaError, match=f"no runs in {tmp_path}, nowhere"):
        load(tmp_path, "nowhere")
    with pytest.raises(ArenaError, match="no runs in no folder"):
        load()


def test_tables_without_pandas_say_what_to_install(finished: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArenaError, match=r"tables of runs need pandas: .*\[pandas\]"):
        _ = load(finished).runs


@pytest.mark.framework  # pandas is not in the core
def test_tables_hold_what_the_files_say(finished: Path, files: RunDir, run):
    pd = importlib.import_module("pandas")
    runs = load(finished)
    [row] = runs.runs.to_dict("records")
    assert (row["agent"], row["env"], row["seed"], row["status"], row["env_steps"]) == ("a", run.env.name, 3, "finished", 1_000)
    assert (row["seconds.train"], row["hyperparameters.num_envs"], row["run"]) == (2.0, 2, str(finished))
    assert list(runs.evaluations["episode_return_mean"]) == [1.5, 4.5]
    assert list(runs.evaluations["num_episodes"]) == [2, 2]
    assert list(runs.evaluation_episodes.query("kind == 'final'")["return"]) == [4.0, 5.0]
    assert list(runs.episodes["env_steps"]) == [10, 20]
    assert runs.scores.groupby("agent")["score_mean"].mean()["a"] == 4.5
    assert isinstance(runs.scores, pd.DataFrame)
    assert runs.runs is runs.runs
    files.result.unlink()
    unfinished = load(finished)
    assert list(unfinished.runs["status"]) == ["unfinished"]
    assert unfinished.scores.empty
