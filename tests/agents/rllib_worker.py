"""Runs functions of the RLlib tests in the process of RLlib."""

import numpy as np
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena_rllib.specs import DQN


def in_worker(function, *arguments, fresh=False):
    """Calls `function` of a test file in the process of RLlib; returns what it returns (JSON). Warnings and output fail."""
    return ask(function, *arguments, spec=DQN, strict=True, silent=True, fresh=fresh)


def make_agent(spec, table, env_id="CartPole-v1", seed=3):
    config = build_config(spec.config, table, where=spec.id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(1))
    return spec.load()(factory, config, seed=seed, device="cpu"), factory


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def largest_difference(module, other):
    ours, theirs = weights(module), weights(other)
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs)
