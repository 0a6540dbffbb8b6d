"""Hyperparameters that benchmarks train with: those of `configs/cartpole.toml`, and those of RL Zoo for Stable-Baselines3."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.experiment.bundled import config_path
from arena.experiment.file import from_toml

LEARNING_STARTS = 256
"""Env steps before DQN's first update, on both sides: with the usual 1,000 a short measurement would hold too few updates."""
RL_ZOO = "https://github.com/DLR-RM/rl-baselines3-zoo/blob/master/hyperparams"
RL_ZOO_DQN: Mapping[str, Any] = {
    "hidden_sizes": [256, 256],
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "replay_capacity": 100_000,
    "discount": 0.99,
    "train_period": 256,
    "num_updates": 128,
    "target_update_period": 256,
    "epsilon_end": 0.04,
    "epsilon_decay_steps": 8_000,  # 0.16 of 50,000
}
"""CartPole-v1 in RL Zoo's `dqn.yml`. Its `target_update_interval` of 10 env steps amounts to one copy after each burst of updates."""
RL_ZOO_PPO: Mapping[str, Any] = {
    "hidden_sizes": [64, 64],
    "learning_rate": 1e-3,
    "anneal_steps": 100_000,
    "num_envs": 8,
    "rollout_length": 32,
    "batch_size": 256,
    "num_epochs": 20,
    "discount": 0.98,
    "gae_lambda": 0.8,
}
"""CartPole-v1 in RL Zoo's `ppo.yml`. RL Zoo also lowers the clip ratio linearly; our PPO does not, which does not change its speed."""


def from_cartpole(agent: str, **changes: Any) -> Mapping[str, Any]:
    """Returns the hyperparameters of `agent` in `configs/cartpole.toml`, with `changes`."""
    [entry] = [entry for entry in from_toml(config_path("cartpole")).agents if entry.name == agent]
    return {**entry.hyperparameters, **changes}


def resolved(agent: str, hyperparameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns every hyperparameter of `agent`: those given, and the defaults of the others."""
    config = build_config(agent_spec(agent).config, hyperparameters, where=f"agent {agent!r}")
    return dataclasses.asdict(config)
