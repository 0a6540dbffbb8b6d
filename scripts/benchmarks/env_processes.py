"""Measures slow environments in processes of their own: env steps a second of random actions, by the number of processes, in turns."""

import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from arena.environments.config import EnvConfig
from arena.worker.env_workers import EnvWorkers
from benchmarks.options import option_parser
from benchmarks.processes import SCRIPTS

SLEEPING = f"{__name__}:Sleeping-v0"


class SleepingEnv(gym.Env[Any, Any]):
    """Environment that sleeps for 5 ms in each env step, as one does that waits for a simulator."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32), gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Sleeps."""
        del action
        time.sleep(0.005)
        return np.zeros(4, np.float32), 0.0, False, False, {}


gym.register("Sleeping-v0", f"{__name__}:SleepingEnv")


def main(options: Sequence[str]) -> None:
    """Reads the options, and measures."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--env", default=SLEEPING, help="environment; CarRacing-v3, for one")
    parser.add_argument("--num-envs", type=int, default=4, help="number of environments")
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 1, 2], help="numbers of processes; 0 steps the environments here")
    parser.add_argument("--vector-steps", type=int, default=20, help="vector steps of a round")
    parser.add_argument("--rounds", type=int, default=10, help="number of rounds")
    arguments = parser.parse_args(options)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])  # for the environment of this file
    measure(EnvConfig(arguments.env), arguments.num_envs, arguments.counts, arguments.vector_steps, arguments.rounds)


def measure(config: EnvConfig, num_envs: int, counts: Sequence[int], num_vector_steps: int, num_rounds: int) -> None:
    """Measures all numbers of processes in turns, and prints their env steps a second and their share of the first one's, by rounds."""
    envs = [EnvWorkers(count=count).make(config, num_envs) for count in counts]
    rng = np.random.default_rng(0)
    for env in envs:
        env.reset(seed=0)
    rates: list[list[float]] = []
    for _ in range(num_rounds):
        actions = [np.stack([envs[0].single_action_space.sample() for _ in range(num_envs)]) for _ in range(num_vector_steps)]
        rates.append([0.0] * len(envs))
        for place in rng.permutation(len(envs)):
            start = time.perf_counter()
            for row in actions:
                envs[place].step(row)
            rates[-1][place] = num_vector_steps * num_envs / (time.perf_counter() - start)
    for env in envs:
        env.close()
    print(f"{config.name}, {num_envs} environments, {num_rounds} rounds of {num_vector_steps} vector steps, wall time")
    for place, count in enumerate(counts):
        shares = [row[place] / row[0] for row in rates]
        first, median, third = statistics.quantiles(shares, n=4)
        rate = statistics.median(row[place] for row in rates)
        print(f"{count} processes: {rate:,.0f} env steps/s, {median:.2f} times the first (quartiles {first:.2f} to {third:.2f})")
