"""The values that a search without a file tries: one space for each algorithm, around the settings that published agents use.

Ranges follow RL Zoo (github.com/DLR-RM/rl-baselines3-zoo, rl_zoo3/hyperparams_opt.py), under the arena's names and kept to values that fit
together with the defaults of the rest.
"""

from collections.abc import Mapping
from typing import Any

from arena.agent.spec import AgentSpec
from arena.errors import ArenaError

_NETWORKS: Mapping[str, Any] = {"choices": [[64, 64], [128, 128], [256, 256]]}
_DISCOUNTS: Mapping[str, Any] = {"choices": [0.9, 0.95, 0.98, 0.99, 0.995]}
_LEARNING_RATES: Mapping[str, Any] = {"low": 1e-4, "high": 1e-2, "log": True}
_EXPLORATION: Mapping[str, Mapping[str, Any]] = {
    "epsilon_end": {"low": 0.01, "high": 0.2},
    "epsilon_decay_steps": {"low": 2_000, "high": 50_000, "log": True},
}
_DQN: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": _LEARNING_RATES,
    "discount": _DISCOUNTS,
    "batch_size": {"choices": [32, 64, 128, 256]},
    "num_updates": {"choices": [8, 16, 32, 64]},
    "target_update_period": {"choices": [64, 128, 256, 512, 1024]},
    "hidden_sizes": _NETWORKS,
    **_EXPLORATION,
}
_CONTINUOUS: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": _LEARNING_RATES,
    "discount": _DISCOUNTS,
    "batch_size": {"choices": [64, 128, 256]},
    "num_updates": {"choices": [8, 16, 32, 64]},
    "target_update_tau": {"low": 0.002, "high": 0.08, "log": True},
    "hidden_sizes": {"choices": [[64, 64], [256, 256]]},
}

DEFAULT_SPACES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "dqn": _DQN,
    "c51": _DQN,
    "sarsa": {"learning_rate": _LEARNING_RATES, "discount": _DISCOUNTS, "hidden_sizes": _NETWORKS, **_EXPLORATION},
    "ppo": {
        "learning_rate": _LEARNING_RATES,
        "discount": _DISCOUNTS,
        "gae_lambda": {"choices": [0.8, 0.9, 0.95, 0.98, 1.0]},
        "rollout_length": {"choices": [32, 64, 128, 256]},
        "batch_size": {"choices": [64, 128, 256]},
        "num_epochs": {"choices": [4, 10, 20]},
        "clip_ratio": {"choices": [0.1, 0.2, 0.3]},
        "entropy_coefficient": {"choices": [0.0, 0.001, 0.01, 0.03]},
        "normalize_observations": {"choices": [False, True]},
        "normalize_rewards": {"choices": [False, True]},
        "hidden_sizes": _NETWORKS,
    },
    "sac": _CONTINUOUS,
    "ddpg": {**_CONTINUOUS, "exploration_noise": {"low": 0.05, "high": 0.3}},
    "td3": {**_CONTINUOUS, "exploration_noise": {"low": 0.05, "high": 0.3}},
}
"""Search space by algorithm, in the form of the table `tune.space` of a file."""


def default_space(spec: AgentSpec) -> Mapping[str, Mapping[str, Any]]:
    """Returns the search space of an agent's algorithm.

    Raises:
        ArenaError: if there is none.
    """
    if spec.algorithm not in DEFAULT_SPACES:
        raise ArenaError(
            f"no default search space for {spec.id!r}, whose algorithm is {spec.algorithm!r} (there are some for: "
            f"{', '.join(DEFAULT_SPACES)}); give a file with a table [tune.space]"
        )
    return DEFAULT_SPACES[spec.algorithm]
