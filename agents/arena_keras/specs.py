"""The agents `keras-dqn`, `keras-ppo`, `keras-sac` and `keras-td3`, as data."""

import os
from typing import Any

from arena.agent.spec import AgentSpec
from arena_keras.config import KerasDQNConfig, KerasPPOConfig, KerasSACConfig, KerasTD3Config

_EXTRAS = {"jax": "keras", "tensorflow": "keras-tensorflow", "torch": "keras-torch"}


def _modules(config: Any) -> frozenset[str]:
    return frozenset({"keras", config.backend})


def _process_env(config: Any) -> dict[str, str]:
    env = {"KERAS_BACKEND": config.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}  # XLA inside JAX heeds this name too
    if config.backend == "jax":
        env["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        env["NPROC"] = os.environ.get("ARENA_NUM_THREADS", "1")  # size of XLA's own pool of threads on a CPU
    return env


_SHARED: dict[str, Any] = {
    "framework": "Keras",
    "modules": _modules,
    "distributions": ("keras", "jax", "tensorflow", "torch", "numpy"),
    "process_env": _process_env,
    "unneeded": frozenset({"matplotlib", "pandas", "sklearn"}),  # for plots of images, data frames and estimators
    "extra": lambda config: _EXTRAS[config.backend],
}

DQN = AgentSpec(
    id="keras-dqn",
    entry_point="arena_keras.dqn:DQN",
    config=KerasDQNConfig,
    algorithm="dqn",
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    action_masks=True,
    device_iteration=lambda config: config.device_iteration,
    **_SHARED,
)

PPO = AgentSpec(
    id="keras-ppo",
    entry_point="arena_keras.ppo:PPO",
    config=KerasPPOConfig,
    algorithm="ppo",
    action_spaces=frozenset({"discrete", "choices", "box"}),
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    action_masks=True,
    device_iteration=lambda config: config.device_iteration,
    **_SHARED,
)

SAC = AgentSpec(
    id="keras-sac",
    entry_point="arena_keras.sac:SAC",
    config=KerasSACConfig,
    algorithm="sac",
    action_spaces=frozenset({"box"}),
    **_SHARED,
)

TD3 = AgentSpec(
    id="keras-td3",
    entry_point="arena_keras.td3:TD3",
    config=KerasTD3Config,
    algorithm="td3",
    action_spaces=frozenset({"box"}),
    **_SHARED,
)
