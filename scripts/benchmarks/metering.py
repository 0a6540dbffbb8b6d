"""Measures what the metering costs: the same random actions on a bare and on a metered CartPole vector environment, in turns.

python scripts/benchmarks/metering.py [num_envs] [num_vector_steps] [num_rounds]
"""

import statistics
import sys
import time

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv

from arena.environments.metering import Meter, MeteredVectorEnv


def make_bare(num_envs: int) -> VectorEnv:
    return gym.make_vec("CartPole-v1", num_envs, vectorization_mode="vector_entry_point")


def cpu_seconds(env: VectorEnv, actions: np.ndarray) -> float:
    env.reset(seed=0)
    start = time.process_time()
    for row in actions:
        env.step(row)
    return time.process_time() - start


def main(num_envs: int = 64, num_vector_steps: int = 200, num_rounds: int = 300) -> None:
    bare, meter = make_bare(num_envs), Meter(max_env_steps=10**12)
    metered = MeteredVectorEnv(make_bare(num_envs), meter, next_seed=lambda: 0)
    actions = np.random.default_rng(0).integers(0, 2, (num_vector_steps, num_envs))
    cpu_seconds(bare, actions)
    cpu_seconds(metered, actions)
    ratios, bare_seconds, metered_seconds = [], [], []
    for round_index in range(num_rounds):
        meter.take_episodes()
        order = [(bare, bare_seconds), (metered, metered_seconds)]
        for env, seconds in order if round_index % 2 else reversed(order):
            metered.must_reset = True  # so that both start from seed 0
            seconds.append(cpu_seconds(env, actions))
        ratios.append(metered_seconds[-1] / bare_seconds[-1])
    microseconds = [statistics.median(seconds) / num_vector_steps * 1e6 for seconds in (bare_seconds, metered_seconds)]
    print(f"CartPole-v1, {num_envs} environments, {num_rounds} rounds of {num_vector_steps} vector steps, CPU time")
    print(f"bare {microseconds[0]:.1f} us, metered {microseconds[1]:.1f} us per vector step")
    first, median, third = (100 * (ratio - 1) for ratio in statistics.quantiles(ratios, n=4))
    print(f"metering costs {median:.1f}% (median of rounds; quartiles {first:.1f}% to {third:.1f}%)")
    least = 100 * (min(metered_seconds) / min(bare_seconds) - 1)
    print(f"least of all rounds: {least:.1f}%")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
