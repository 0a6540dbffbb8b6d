"""The frameworks' own loops do as much work as ours: the same env steps, and the same updates by their optimizer's own count."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.cases import benchmark_cases
from benchmarks.variants import measure_baseline

CASES = {case.name: case for case in benchmark_cases()}


@pytest.mark.framework
@pytest.mark.parametrize(
    ("case", "baseline", "env_steps", "updates"),
    [
        ("tfagents-dqn", "stock", 768, 128),
        ("tfagents-dqn", "example", 768, 128),
        ("kerasrl-dqn", "stock", 768, 128),
        pytest.param("rllib-dqn", "stock", 1_024, 192, marks=pytest.mark.slow),
        pytest.param("rllib-dqn", "best", 1_024, 192, marks=pytest.mark.slow),
        pytest.param("rllib-ppo", "stock", 2_048, 80, marks=pytest.mark.slow),
        pytest.param("rllib-ppo", "best", 2_048, 80, marks=pytest.mark.slow),
    ],
)
def test_a_stock_loop_makes_the_updates_that_ours_makes(tmp_path: Path, case: str, baseline: str, env_steps: int, updates: int):
    shortened = dataclasses.replace(CASES[case], env_steps=env_steps)
    [chosen] = [other for other in shortened.baselines if other.name == baseline]
    measured = measure_baseline(shortened, chosen, 0, tmp_path)
    assert measured["env_steps"] == pytest.approx(env_steps, rel=0.15)
    # RLlib also trains on a masked row of each episode, and episodes are short here
    assert measured["updates"] / measured["env_steps"] == pytest.approx(updates / env_steps, rel=0.15)
    assert {"env", "act", "learn"} <= set(measured["parts"])
    assert 0.0 < sum(measured["parts"].values()) <= measured["wall_seconds"]
    assert measured["start_seconds"] > 0.1


@pytest.mark.framework
def test_the_start_of_keras_example_is_timed(tmp_path: Path):
    [chosen] = [other for other in CASES["keras-dqn"].baselines if other.name == "example"]
    measured = measure_baseline(CASES["keras-dqn"], chosen, 0, tmp_path)
    assert measured["env_steps"] == 1
    assert measured["start_seconds"] > 0.1
