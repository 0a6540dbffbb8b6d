"""Workers that are forked from a server that has imported their framework compute what workers with an import of their own compute."""

from pathlib import Path
from typing import Any

import pytest

from arena.agent.registry import agent_ids
from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings

pytestmark = pytest.mark.framework
SMALL: dict[str, dict[str, Any]] = {
    "dqn": {"learning_starts": 200, "hidden_sizes": [32], "batch_size": 32},
    "ppo": {"rollout_length": 32, "hidden_sizes": [32]},
}


def train(folder: Path, agent: str, *, warm: bool) -> list[RunResult]:
    table = {"name": "test", "output": str(folder), "agents": [agent], "envs": ["CartPole-v1"], "seeds": 2, "resources": {"device": "cpu"}}
    table |= {"budget": {"env_steps": 1_200}, "evaluation": {"period": 600, "episodes": 2, "final_episodes": 2}, "checkpoint_period": 600}
    small = SMALL.get(agent.rpartition("-")[2])
    if small is not None:
        table["hyperparameters"] = {agent: small}
    return run_experiment(from_table(table), LocalExecutor(1, warm=warm))


@pytest.mark.parametrize("agent", agent_ids())
def test_a_warm_worker_computes_what_a_spawned_one_computes_to_the_last_bit(
    tmp_path: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "cache"))
    spawned, warm = train(tmp_path / "spawned", agent, warm=False), train(tmp_path / "warm", agent, warm=True)
    for one, other in zip(spawned, warm, strict=True):
        assert one.status == other.status == "finished", (one.reason, other.reason)
        for name in ("episodes.jsonl", "policy.onnx"):
            assert (Path(one.path) / name).read_bytes() == (Path(other.path) / name).read_bytes(), name
        same = ("env_steps", "num_episodes", "learner_steps", "score_mean", "policy_env_steps", "parity")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert other.seconds != Timings()
    if agent not in ("constant", "random"):
        assert warm[1].seconds.import_ < spawned[1].seconds.import_ / 3, "the framework was there already"
