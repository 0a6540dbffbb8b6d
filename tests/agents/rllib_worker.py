"""Runs functions of the RLlib tests as a worker would: in a process of their own, with other frameworks hidden."""

import json
import os
import subprocess
import sys

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import FRAMEWORK_MODULES
from arena.environments.make import ArenaEnvFactory, EnvConfig
from arena.environments.metering import Meter
from arena_rllib.specs import DQN


def in_worker(function, *arguments):
    """Runs `function` of a test file in a fresh process; returns what it returns (JSON). Warnings and output to stderr fail.

    The file must end with `if __name__ == "__main__": answer(globals())`.
    """
    command = [sys.executable, "-W", "error", function.__code__.co_filename, function.__name__, json.dumps(arguments)]
    env = {**os.environ, **DQN.process_env_for(None), "OMP_NUM_THREADS": "1", "ARENA_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def answer(functions):
    """Is the process that `in_worker` starts."""
    for blocked in FRAMEWORK_MODULES - DQN.modules_for(None):
        sys.modules[blocked] = None
    print(json.dumps(functions[sys.argv[1]](*json.loads(sys.argv[2]))))


def make_agent(spec, table, env_id="CartPole-v1", seed=3):
    config = build_config(spec.config, table, where=spec.id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(1))
    return spec.load()(factory, config, seed=seed, device="cpu"), factory


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def largest_difference(module, other):
    ours, theirs = weights(module), weights(other)
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs)
