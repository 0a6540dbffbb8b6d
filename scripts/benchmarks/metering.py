"""Measures the cost of metering: the same random actions on a bare and on a metered CartPole vector environment, in turns."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from arena.environments.metering import Meter, MeteredVectorEnv
from benchmarks.options import option_parser


def make_bare(num_envs: int) -> VectorEnv[Any, Any, Any]:
    """Returns Gymnasium's own vectorised CartPole."""
    return gym.make_vec("CartPole-v1", num_envs, vectorization_mode="vector_entry_point")


def cpu_seconds(env: VectorEnv[Any, Any, Any], actions: npt.NDArray[Any]) -> float:
    """Returns the CPU seconds of stepping with `actions` `[vector steps, environments]` after a reset, and of settling the accounts."""
    env.reset(seed=0)
    start = time.process_time()
    for row in actions:
        env.step(row)
    if isinstance(env, MeteredVectorEnv):
        env.meter.settle()
    return time.process_time() - start


def main(options: Sequence[str]) -> None:
    """Reads the options, and measures."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--num-envs", type=int, default=64, help="number of environments")
    parser.add_argument("--vector-steps", type=int, default=200, help="vector steps of a round")
    parser.add_argument("--rounds", type=int, default=300, help="number of rounds")
    arguments = parser.parse_args(options)
    measure(arguments.num_envs, arguments.vector_steps, arguments.rounds)


def measure(num_envs: int, num_vector_steps: int, num_rounds: int) -> None:
    """Measures both environments in turns, and prints the difference."""
    bare, meter = make_bare(num_envs), Meter(max_env_steps=10**12)
    metered = MeteredVectorEnv(make_bare(num_envs), meter, next_seed=lambda: 0)
    actions = np.random.default_rng(0).integers(0, 2, (num_vector_steps, num_envs))
    cpu_seconds(bare, actions)
    cpu_seconds(metered, actions)
    ratios: list[float] = []
    bare_seconds: list[float] = []
    metered_seconds: list[float] = []
    for round_index in range(num_rounds):
        meter.take_episodes()
        order = [(bare, bare_seconds), (metered, metered_seconds)]
        for env, seconds in order if round_index % 2 else reversed(order):
            metered.must_reset = True  # so that both begin with seed 0
            seconds.append(cpu_seconds(env, actions))
        ratios.append(metered_seconds[-1] / bare_seconds[-1])
    microseconds = [statistics.median(seconds) / num_vector_steps * 1e6 for seconds in (bare_seconds, metered_seconds)]
    print(f"CartPole-v1, {num_envs} environments, {num_rounds} rounds of {num_vector_steps} vector steps, CPU time")
    print(f"bare {microseconds[0]:.1f} us, metered {microseconds[1]:.1f} us per vector step")
    first, median, third = (100 * (ratio - 1) for ratio in statistics.quantiles(ratios, n=4))
    print(f"metering costs {median:.1f}% (median of rounds; quartiles {first:.1f}% to {third:.1f}%)")
    fastest = 100 * (min(metered_seconds) / min(bare_seconds) - 1)
    print(f"fastest rounds: {fastest:.1f}%")
