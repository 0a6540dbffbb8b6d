"""Measures the floor of a case of the benchmark `performance`: see `benchmarks.floor`. The loop is `dqn` or `ppo`."""

from typing import Any

import gymnasium as gym

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from benchmarks.child.probe import LoopProbe
from benchmarks.floor import CLOCKS, time_env_steps, time_single_env_steps, time_updates
from benchmarks.fused_floor import time_fused_updates


def main() -> None:
    """Measures, and prints the seconds of one env step and of one update, made by NumPy and by compiled code."""
    probe = LoopProbe()
    hyperparameters, env = probe.hyperparameters, make_env(EnvConfig("CartPole-v1"))
    assert isinstance(env.action_space, gym.spaces.Discrete)
    assert env.observation_space.shape is not None
    probe.begin()
    sizes = env.observation_space.shape[0], int(env.action_space.n)
    updates = time_updates(probe.loop, hyperparameters, *sizes)
    fused = time_fused_updates(probe.loop, hyperparameters, *sizes)
    steps = time_env_steps(hyperparameters["num_envs"])
    seconds = {"env_step": steps, "single_env_step": time_single_env_steps(), "update": updates, "fused_update": fused}
    further: dict[str, Any] = {
        f"{what}_{clock}": value for what, pair in seconds.items() for clock, value in zip(CLOCKS, pair, strict=True)
    }
    probe.finish(env_steps=0, updates=0, **further)


if __name__ == "__main__":
    main()
