import math
from pathlib import Path

import pytest
from strangers import reseal

from arena.errors import ArenaError
from arena.experiment.file import from_table
from arena.formats.json import read_json
from arena.machine.cores import usable_cores
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings
from benchmarks import to_475
from benchmarks.performance_page import markdown
from benchmarks.to_475 import measure_to_475, read_runs
from benchmarks.verdicts import target_rows


def write_run(folder: Path, agent: str, seed: int, *, train: float, reached: bool = True) -> None:
    run_dir = RunDir(folder / agent / "CartPole-v1" / f"seed-{seed}")
    run_dir.path.mkdir(parents=True)
    table = {"name": "t", "agents": [agent], "envs": ["CartPole-v1"], "seeds": [seed]}
    (run,) = from_table(table).runs()
    schema.write_run(run_dir, run)
    reason = "a return of 475 held over 100 episodes" if reached else "200,000 env steps"
    seconds = Timings(start=0.5, import_=1.5, build=3.0, train=train, evaluate=50.0, checkpoint=0.5, log=0.25, env=1.0)
    result = RunResult(status="finished", agent=agent, env="CartPole-v1", seed=seed, path=str(run_dir.path), reason=reason, seconds=seconds)
    schema.write_result(run_dir, result)


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """Two of our agents, three seeds each; SB3 takes 60 s for DQN and never gets there by PPO."""
    for seed, train in enumerate((10.0, 20.0, 90.0)):
        write_run(tmp_path / "runs", "keras-dqn", seed, train=train)
        write_run(tmp_path / "runs", "keras-ppo", seed, train=train, reached=seed == 0)
        write_run(tmp_path / "runs", "kerasrl-sarsa", seed, train=train)
    asked: list[str] = []

    def measure_peer(module, request, peers, *_):
        asked.append(request["loop"])
        return {"start_seconds": 7.0, "wall_seconds": 60.0, "reached": request["loop"] == "sb3-dqn-to-475"}

    monkeypatch.setattr(to_475, "measure_peer", measure_peer)
    cores = usable_cores()[:1]
    options = {"num_seeds": 3, "cores": cores, "peers": tmp_path, "say": lambda _: None}
    runs = read_runs(tmp_path / "runs")
    measure_to_475(tmp_path, runs, **options)
    again = measure_to_475(tmp_path, runs, **options)
    assert asked == ["sb3-dqn-to-475"] * 3 + ["sb3-ppo-to-475"] * 3  # what was measured is kept
    monkeypatch.setattr(to_475, "RL_ZOO_PPO", {**to_475.RL_ZOO_PPO, "discount": 0.9})
    measure_to_475(tmp_path, runs, **{**options, "num_seeds": 1})
    assert len(asked) == 7
    measure_to_475(tmp_path, runs, **options)
    assert asked[6:] == ["sb3-ppo-to-475"] * 3  # but nothing that was measured under other conditions
    monkeypatch.setattr(to_475, "machine_info", lambda: {"cpu": "another"})
    measure_to_475(tmp_path, runs, **options)
    assert len(asked) == 9 + 6
    return again


def test_start_up_counts_once_and_evaluation_never(outcome: dict):
    found = {row.name: row for row in target_rows([outcome])}
    assert set(found) == {"keras-dqn-to-475", "keras-dqn-to-475-warm", "keras-ppo-to-475", "keras-ppo-to-475-warm"}
    with_start, without = found["keras-dqn-to-475"], found["keras-dqn-to-475-warm"]
    assert (with_start.figure.median, with_start.target) == (25.75, 67.0)
    assert (without.figure.median, without.target) == (20.75, 60.0)
    assert (with_start.verdict, without.verdict) == ("met", "met")
    assert with_start.note == "3 of 3 seeds, SB3 3 of 3"


def test_a_seed_that_never_got_there_took_forever(outcome: dict):
    found = {row.name: row for row in target_rows([outcome])}
    row = found["keras-ppo-to-475"]
    assert math.isinf(row.figure.median)
    assert row.verdict == "missed"
    assert row.note == "1 of 3 seeds, SB3 0 of 3"


def test_the_page_has_a_row_for_each(outcome: dict):
    text = markdown([outcome], "chart.svg")
    assert "| `keras-dqn`: seconds to 475, start-up included, against SB3 | below 67.0 s | 25.8 s | 15.8 s to 95.8 s | - | met" in text
    assert len(target_rows([outcome])) == 4


def test_a_seed_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_run(tmp_path / "runs", "keras-dqn", 0, train=1.0)

    def measure_peer(module, request, peers, *_):
        if request["seed"] == 0:
            raise ArenaError(f"{request['loop']} failed")
        return {"start_seconds": 7.0, "wall_seconds": 60.0, "reached": True}

    monkeypatch.setattr(to_475, "measure_peer", measure_peer)
    options = {"num_seeds": 2, "cores": usable_cores()[:1], "peers": tmp_path, "say": lambda _: None}
    with pytest.raises(ArenaError, match="to-475 failed"):
        measure_to_475(tmp_path, read_runs(tmp_path / "runs"), **options)
    assert set(read_json(tmp_path / "to-475.json")["sb3"]) == {"dqn/1", "ppo/1"}


def test_runs_whose_start_was_not_clocked_are_refused(tmp_path: Path):
    write_run(tmp_path / "runs", "keras-dqn", 0, train=1.0)
    path = tmp_path / "runs" / "keras-dqn" / "CartPole-v1" / "seed-0" / "result.json"
    path.write_text(path.read_text().replace('"start": 0.5', '"start": 0.0'))
    reseal(path.parent)
    with pytest.raises(ArenaError, match="earlier version"):
        read_runs(tmp_path / "runs")


def test_a_folder_without_runs_is_refused(tmp_path: Path):
    with pytest.raises(ArenaError, match="no results in"):
        read_runs(tmp_path / "absent")
