"""Measures the CPU time of a step of connect four against an opponent: `benchmark.py seat POLICY.onnx`.

16 environments step together, once against the random player and once against the policy.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arena.environments.config import EnvConfig
from arena.environments.vectorize import make_vec_env
from arena.policies.policy import OnnxPolicy, UniformPolicy
from benchmarks.options import option_parser

NUM_ENVS, NUM_STEPS = 16, 500


def main(options: Sequence[str]) -> None:
    """Measures, and prints microseconds."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("policy", help="policy.onnx of an agent that plays connect four")
    path = parser.parse_args(options).policy
    policy = OnnxPolicy(Path(path))
    for opponent in ("random", path):
        env = make_vec_env(EnvConfig("arena/ConnectFour-v0", {"opponent": opponent}), NUM_ENVS)
        uniform = UniformPolicy(env.single_action_space, np.random.default_rng(0), env.single_observation_space)
        observations, _ = env.reset(seed=0)
        start = time.process_time()
        for _ in range(NUM_STEPS):
            observations, *_ = env.step(uniform.act(observations))
        print(f"{opponent}: {(time.process_time() - start) / (NUM_STEPS * NUM_ENVS) * 1e6:.0f} us a step")
    for count in (1, NUM_ENVS):
        start = time.process_time()
        for _ in range(NUM_STEPS):
            policy.act(observations[:count])
        print(f"policy, {count} positions a call: {(time.process_time() - start) / (NUM_STEPS * count) * 1e6:.1f} us a position")
