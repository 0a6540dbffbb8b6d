import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from strangers import reseal

from arena.run_folder.copies import find_copies
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run


@pytest.fixture
def runs(tmp_path, run, evaluation, episode):
    """Three seeds of one agent that differ in their episodes."""
    paths = []
    for seed in range(3):
        files = RunDir(tmp_path / f"seed-{seed}")
        files.path.mkdir()
        write_run(files, dataclasses.replace(run, seed=seed))
        files.episodes.write_text(episode(10 + seed) + episode(30 + seed))
        files.evaluations.write_text(evaluation("selection", 500, (1.0, 2.0)) + evaluation("final", 1_000, (3.0, 4.0)))
        write_result(files, RunResult(status="finished", agent="a", env=run.env.name, seed=seed, path=str(files.path)))
        paths.append(files.path)
    return paths


def _names(paths: list[Path]) -> dict[str, str]:
    return {copy.path.name: original.path.name for copy, original in find_copies(map(RunRecord, paths)).items()}


def test_seeds_that_were_trained_are_no_copies(runs):
    assert _names(runs) == {}


def test_a_run_under_other_seed_numbers_is_found_and_the_smallest_seed_counts(runs):
    for path in runs[1:]:
        for name in ("episodes.jsonl", "evaluations.jsonl"):
            shutil.copy(runs[0] / name, path / name)
        reseal(path)
    assert _names(runs[::-1]) == {"seed-1": "seed-0", "seed-2": "seed-0"}


def test_seeds_that_all_end_at_a_ceiling_are_copies_only_if_their_seconds_agree(runs):
    """Every episode of every seed has the same return, so that nothing but time tells them apart."""
    for path in runs:
        (path / "episodes.jsonl").write_text('{"env_steps":200,"episode_return":-200.0,"episode_length":200,"terminated":false}\n')
    for path, seconds in zip(runs, (1.0, 1.0, 1.25), strict=True):
        row = {"kind": "final", "env_steps": 200, "train_seconds": seconds, "episode_return_mean": -200.0}
        row |= {"episode_returns": [-200.0], "episode_lengths": [200]}
        (path / "evaluations.jsonl").write_text(json.dumps(row) + "\n")
        reseal(path)
    assert _names(runs) == {"seed-1": "seed-0"}


def test_runs_without_training_episodes_or_without_an_end_are_never_copies(runs):
    for path in runs[1:]:
        shutil.copy(runs[0] / "episodes.jsonl", path / "episodes.jsonl")
        reseal(path)
    (runs[1] / "result.json").unlink()
    assert _names(runs) == {"seed-2": "seed-0"}
    for path in runs:
        (path / "episodes.jsonl").unlink()
        reseal(path)
    assert _names(runs) == {}
