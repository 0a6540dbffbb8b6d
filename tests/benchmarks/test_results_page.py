from pathlib import Path

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_table
from arena.formats.json import json_line
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings
from benchmarks import parity_page, results_page
from benchmarks.processes import ROOT


def write_run(folder: Path, agent: str, seed: int, *, score: float, episodes: list[int], status: str = "finished") -> None:
    files = RunDir(folder / agent / "CartPole-v1" / f"seed-{seed}")
    files.path.mkdir(parents=True)
    (run,) = from_table({"name": "t", "agents": [agent], "envs": ["CartPole-v1"], "seeds": [seed]}).runs()
    schema.write_run(files, run, schema.Provenance(machine={"cpu": "a CPU"}))
    record = {"kind": "selection", "env_steps": 1_000, "train_seconds": 0.5, "episode_return_mean": score}
    files.evaluations.write_text(json_line({**record, "episode_returns": [score], "episode_lengths": [500]}))
    rows = ({"env_steps": steps, "episode_return": 1.0, "episode_length": 1, "terminated": True} for steps in episodes)
    files.episodes.write_text("".join(map(json_line, rows)))
    seconds = Timings(start=1.0, import_=1.0, build=2.0, train=2.0 + seed)
    counts = {"env_steps": 1_000, "learner_steps": 200, "score_mean": score, "seconds": seconds}
    schema.write_result(files, RunResult(status=status, agent=agent, env="CartPole-v1", seed=seed, path=str(files.path), **counts))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed, score in enumerate((500.0, 480.0, 100.0)):
        write_run(tmp_path / "runs", "keras-dqn", seed, score=score, episodes=[100, 300, 600])
        write_run(tmp_path / "runs", "rllib-dqn", seed, score=score, episodes=[100, 300, 500])
    write_run(tmp_path / "runs", "keras-dqn", 3, score=500.0, episodes=[])
    write_run(tmp_path / "runs", "rllib-dqn", 3, score=500.0, episodes=[], status="crashed")
    return tmp_path / "runs"


def test_the_table_has_medians_over_seeds(runs: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    results_page.main([str(runs), str(page)])
    assert "| `keras-dqn` | 3/4 | 395.0 | 1,000 | 3.5 | 4.0 | 7.5 | 292 | 58 |" in page.read_text()
    assert (tmp_path / "page.svg").read_text().startswith("<?xml")


def test_a_folder_without_runs_is_refused(tmp_path: Path):
    with pytest.raises(ArenaError, match="no results in"):
        results_page.main([str(tmp_path), str(tmp_path / "page.md")])


def test_the_page_of_the_zoo_has_the_columns_that_are_written():
    text = (ROOT / "docs" / "cartpole.md").read_text()
    assert all(f" {name} |" in text for name, _, _ in results_page.COLUMNS)


def test_parity_compares_the_seeds_that_every_agent_has_finished(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    parity_page.main([str(runs), str(tmp_path / "parity.svg")])
    told = capsys.readouterr().out
    assert told.startswith("3 seeds;")
    assert "| keras-dqn, rllib-dqn | 300 (300 to 300) |" in told
    assert "p = 1.000" in told


def test_agents_that_differ_in_every_seed_are_told_apart():
    seeds = np.random.default_rng(0).normal(size=10)
    apart = np.stack([seeds, seeds + 1.0, seeds - 1.0])
    assert parity_page.p_value(apart) == pytest.approx(2 / 2**10)
    assert parity_page.p_value(np.stack([seeds, -seeds])) > 0.05
