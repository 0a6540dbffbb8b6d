"""CPU time of a step of a seat in a game, 16 environments together, by opponent: `python scripts/benchmarks/seat.py POLICY.onnx`."""

import sys
import time
from pathlib import Path

import numpy as np

from arena.environments.make import EnvConfig, make_vec_env
from arena.policies.policy import OnnxPolicy, UniformPolicy

NUM_ENVS, NUM_STEPS = 16, 500


def main(path: str) -> None:
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


if __name__ == "__main__":
    main(sys.argv[1])
