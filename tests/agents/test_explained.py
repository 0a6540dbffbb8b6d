"""Features that are known to be irrelevant come last in the explanation of what an agent of each framework has learned.

In arena/Instruction-v0 the colour in a text says what to do; every other word, and the lamp, has nothing to do with it.
"""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import BudgetExhausted
from arena.explain.explanation import ExplainedObservations, explain
from arena.policies.policy import OnnxPolicy
from arena_envs.nested_probes import COLOURS

ENV = EnvConfig("arena/Instruction-v0")
NUM_STEPS = 6_000
DQN = {
    "hidden_sizes": [32],
    "num_envs": 4,
    "learning_rate": 5e-3,
    "batch_size": 32,
    "discount": 0.5,
    "learning_starts": 200,
    "train_period": 16,
    "num_updates": 4,
    "target_update_period": 64,
    "epsilon_decay_steps": 1_500,
    "epsilon_end": 0.2,
}
PPO = {"hidden_sizes": [32], "num_envs": 4, "learning_rate": 1e-2, "discount": 0.5, "rollout_length": 32, "batch_size": 64}
AGENTS = {"keras-ppo": PPO, "kerasrl-dqn": DQN, "rllib-ppo": PPO, "sb3-ppo": PPO, "tfagents-dqn": DQN}
"""One agent of each framework, with settings by which it learns the task."""

pytestmark = [pytest.mark.framework, pytest.mark.slow]


def importance(agent_id: str, table: dict[str, Any]) -> dict[str, float]:
    """Returns the importance of each feature that varies to what an agent has learned."""
    spec = agent_spec(agent_id)
    config = build_config(spec.config, table, where=agent_id)
    refuse_other_frameworks(spec.modules_for(config))
    factory = ArenaEnvFactory(ENV, Meter(max_env_steps=NUM_STEPS), np.random.SeedSequence(0))
    agent = spec.load()(factory, config, seed=0, device="cpu")
    with contextlib.suppress(BudgetExhausted):
        while True:
            agent.learn(1_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "policy.onnx")
        agent.export_policy(path)
        agent.close()
        found: Any = explain(OnnxPolicy(path), ENV, ExplainedObservations(num_explained=30, num_background=20))
    return {found.feature_names[index]: float(found.importance[index]) for index in found.ranking}


@pytest.mark.parametrize("name", AGENTS)
def test_what_is_irrelevant_comes_last(name: str) -> None:
    spec = agent_spec(name)
    found = ask(importance, name, AGENTS[name], spec=spec, config=build_config(spec.config, AGENTS[name], where=name))
    relevant = {f"instruction: {colour}" for colour in COLOURS}
    assert set(list(found)[: len(relevant)]) == relevant, found
    assert len(found) > 15
