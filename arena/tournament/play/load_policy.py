"""Policies loaded for play: the only place in which a tournament opens a player's policy to act with it."""

import functools
from pathlib import Path

import numpy as np

from arena.policies.policy import OnnxPolicy, Policy, UniformPolicy
from arena.tournament.entry.env_spaces import Spaces


def load_policy(path: Path | None, spaces: Spaces, rng: np.random.Generator) -> Policy:
    """Returns the policy that plays for a player.

    Args:
        path: The player's policy file; None for the uniformly random player.
        spaces: Observation and action space of what is played.
        rng: Random numbers of the uniformly random player.
    """
    return UniformPolicy(spaces[1], rng, spaces[0]) if path is None else _onnx_policy(path)


@functools.lru_cache(maxsize=256)
def _onnx_policy(path: Path) -> OnnxPolicy:
    return OnnxPolicy(path)
