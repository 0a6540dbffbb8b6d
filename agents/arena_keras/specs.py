"""The agents `keras-dqn` and `keras-ppo`, as data."""

import os
from typing import Any

from arena.agent.spec import AgentSpec
from arena_keras.config import KerasDQNConfig, KerasPPOConfig

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


DQN = AgentSpec(
    id="keras-dqn",
    entry_point="arena_keras.dqn:DQN",
    config=KerasDQNConfig,
    framework="Keras",
    algorithm="dqn",
    modules=_modules,
    distributions=("keras", "jax", "tensorflow", "torch", "numpy"),
    observation_spaces=frozenset({"flat", "image"}),
    action_masks=True,
    process_env=_process_env,
    unneeded=frozenset({"matplotlib", "pandas"}),  # for plots of images, and for data frames
    device_iteration=lambda config: config.device_iteration,
    extra=lambda config: _EXTRAS[config.backend],
)

PPO = AgentSpec(
    id="keras-ppo",
    entry_point="arena_keras.ppo:PPO",
    config=KerasPPOConfig,
    framework="Keras",
    algorithm="ppo",
    modules=_modules,
    distributions=("keras", "jax", "tensorflow", "torch", "numpy"),
    action_spaces=frozenset({"discrete", "box"}),
    observation_spaces=frozenset({"flat", "image"}),
    action_masks=True,
    process_env=_process_env,
    unneeded=frozenset({"matplotlib", "pandas"}),
    device_iteration=lambda config: config.device_iteration,
    extra=lambda config: _EXTRAS[config.backend],
)
