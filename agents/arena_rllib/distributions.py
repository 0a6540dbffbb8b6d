"""The action distributions of RLlib's PPO in NumPy: samples and their log probabilities."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.choices import split_heads

Array = npt.NDArray[Any]


def sample_categorical(logits: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns actions `int64 [N]` and log probabilities `float32 [N]` for `logits` `[N, A]`, by the Gumbel-max trick."""
    actions = (logits + rng.gumbel(size=logits.shape)).argmax(-1)
    shifted = logits - logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(shifted, actions[:, None], axis=-1)[:, 0]
    return actions, chosen - np.log(np.exp(shifted).sum(-1))


def sample_choices(logits: Array, sizes: Sequence[int], rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns actions `int64 [N, C]` of C independent choices, and the sums of their log probabilities, `float32 [N]`.

    Args:
        logits: Logits of one choice after the other, `[N, A]`.
        sizes: Number of values of each choice.
        rng: Generator of the samples.
    """
    actions, log_probabilities = zip(*(sample_categorical(head, rng) for head in split_heads(logits, sizes)), strict=True)
    return np.stack(actions, axis=-1), np.asarray(np.sum(log_probabilities, axis=0))


def sample_gaussian(inputs: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Returns actions `float32 [N, A]` and log probabilities `float32 [N]`.

    Args:
        inputs: means and log standard deviations, `[N, 2 A]`.
        rng: gives the samples.
    """
    means, log_std = np.split(inputs, 2, axis=1)
    noise = rng.standard_normal(means.shape, np.float32)
    log_probabilities = -(0.5 * noise**2 + log_std + np.float32(0.5 * math.log(2.0 * math.pi))).sum(-1)
    return means + np.exp(log_std) * noise, log_probabilities
