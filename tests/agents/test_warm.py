"""Two invocations give the same episodes and policies, to the last bit, whether a run's worker is spawned or forked from a warm server."""

from pathlib import Path

import pytest
from test_contract import SMALL, VARIANTS, each

from arena.agent.registry import agent_spec
from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings

pytestmark = pytest.mark.framework
ON_EVERY_CHANGE = ("random", "keras-ppo", "keras-dqn-tensorflow", "keras-dqn-torch", "kerasrl-dqn", "rllib-ppo", "sb3-ppo", "tfagents-dqn")
"""One variant for each set of imports that a warm server makes; the others run with the slow tests, every night."""
SAME = ("env_steps", "num_episodes", "learner_steps", "score_mean", "policy_env_steps", "parity")


def train(folder: Path, name: str, num_seeds: int, *, warm: bool) -> list[RunResult]:
    agent, hyperparameters = VARIANTS[name]
    small = {**SMALL.get(agent_spec(agent).algorithm, {}), **hyperparameters}
    table = {
        "name": "test",
        "output": str(folder),
        "agents": [{"agent": agent, "name": name, "hyperparameters": small}],
        "envs": ["CartPole-v1" if "discrete" in agent_spec(agent).action_spaces else "arena/BoxTarget-v0"],
        "seeds": num_seeds,
        "resources": {"device": "cpu"},
        "budget": {"env_steps": 1_600},
        "evaluation": {"period": 800, "episodes": 2, "final_episodes": 2},
        "checkpoint_period": 800,
    }
    return run_experiment(from_table(table), LocalExecutor(1, warm=warm))


@each({name: variant for name, variant in VARIANTS.items() if name != "torch-dqn"}, always=ON_EVERY_CHANGE)
def test_a_warm_worker_computes_what_a_spawned_one_computes_to_the_last_bit(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "cache"))
    (spawned,) = train(tmp_path / "spawned", name, 1, warm=False)
    forked, second = train(tmp_path / "warm", name, 2, warm=True)
    assert spawned.status == forked.status == second.status == "finished", (spawned.reason, forked.reason, second.reason)
    for file in ("episodes.jsonl", "policy.onnx"):
        assert (Path(spawned.path) / file).read_bytes() == (Path(forked.path) / file).read_bytes(), file
    assert (Path(spawned.path) / "episodes.jsonl").read_bytes().count(b"\n") > 5
    assert [getattr(spawned, field) for field in SAME] == [getattr(forked, field) for field in SAME]
    assert forked.seconds != Timings()
    if VARIANTS[name][0] not in ("constant", "random"):
        assert second.seconds.import_ < spawned.seconds.import_ / 3, "the framework was there already"
