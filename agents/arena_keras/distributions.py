"""Distributions of actions: drawn from in NumPy while collecting, differentiated with `keras.ops` while learning.

A *choice* is what the policy draws: the action itself if discrete, all of them if there are several, the action before scaling for a Box.
Log probabilities of choices are computed for a whole rollout at once, from what `draw` returns beside them; they are the same as those of
each step. All distributions have the same members; `parameters` are the policy's, the network's first.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.environments.choices import head_sizes

Array = npt.NDArray[Any]


class Categorical:
    """Distribution over discrete actions, by logits `[N, A]`."""

    def __init__(self, num_actions: int) -> None:
        self.num_outputs = num_actions
        self.choice_shape: tuple[int, ...] = ()
        self.choice_dtype: Any = np.int64

    def extra_parameters(self) -> list[Array]:
        """Returns the parameters beside the network's."""
        return []

    def draw(self, logits: Array, _: list[Array], rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns choices `int64 [N]`, and the logits."""
        return (logits + rng.gumbel(size=logits.shape)).argmax(-1), logits  # the Gumbel-max trick: Maddison et al., 2014, arXiv:1411.0030

    def log_probs(self, choices: Array, logits: Array, _: list[Array]) -> Array:
        """Returns log probabilities `float32 [N]` of choices `[N]` that were drawn by logits `[N, A]`."""
        shifted = logits - logits.max(-1, keepdims=True)
        return np.asarray(shifted[np.arange(len(choices)), choices] - np.log(np.exp(shifted).sum(-1)))

    def evaluate(self, logits: Any, _: list[Any], choices: Any) -> tuple[Any, Any]:
        """Returns log probabilities of `choices` and entropies, each `[B]`."""
        log_probs = logits - ops.logsumexp(logits, -1, keepdims=True)  # [B, A]
        entropies = -ops.sum(ops.exp(log_probs) * log_probs, -1)
        return pick(log_probs, choices), entropies


class MultiCategorical:
    """Distribution over several discrete actions at once, drawn independently; the logits `[N, A]` are those of one after the other."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.num_outputs = sum(sizes)
        self.choice_shape: tuple[int, ...] = (len(sizes),)
        self.choice_dtype: Any = np.int64
        ends = list(itertools.accumulate(sizes))
        self._heads = [(Categorical(size), slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]

    def extra_parameters(self) -> list[Array]:
        """Returns the parameters beside the network's."""
        return []

    def draw(self, logits: Array, extra: list[Array], rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns choices `int64 [N, C]`, and the logits."""
        return np.stack([head.draw(logits[:, place], extra, rng)[0] for head, place in self._heads], axis=-1), logits

    def log_probs(self, choices: Array, logits: Array, extra: list[Array]) -> Array:
        """Returns log probabilities `float32 [N]` of choices `[N, C]` that were drawn by logits `[N, A]`: the sum of those of each."""
        parts = [head.log_probs(choices[:, index], logits[:, place], extra) for index, (head, place) in enumerate(self._heads)]
        return np.asarray(np.sum(parts, axis=0))

    def evaluate(self, logits: Any, extra: list[Any], choices: Any) -> tuple[Any, Any]:
        """Returns log probabilities of `choices` and entropies, each `[B]`: sums over the choices."""
        parts = [head.evaluate(logits[:, place], extra, choices[:, index]) for index, (head, place) in enumerate(self._heads)]
        return sum(log_probs for log_probs, _ in parts), sum(entropies for _, entropies in parts)


class Gaussian:
    """Distribution over unscaled actions, where [-1, 1] spans the bounds, by means `[N, A]`.

    The log deviation is one parameter for each dimension.
    """

    def __init__(self, num_dimensions: int) -> None:
        self.num_outputs = num_dimensions
        self.choice_shape: tuple[int, ...] = (num_dimensions,)
        self.choice_dtype: Any = np.float32

    def extra_parameters(self) -> list[Array]:
        """Returns the parameters beside the network's: log deviations `[A]`, zero to begin with."""
        return [np.zeros(self.num_outputs, np.float32)]

    def draw(self, means: Array, extra: list[Array], rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns choices `float32 [N, A]`, and the noise in them."""
        (log_std,) = extra
        noise = rng.standard_normal(means.shape, np.float32)
        return means + np.exp(log_std) * noise, noise

    def log_probs(self, _: Array, noise: Array, extra: list[Array]) -> Array:
        """Returns log probabilities `float32 [N]` of choices in which there is `noise` `[N, A]`."""
        (log_std,) = extra
        return np.asarray((-0.5 * np.square(noise) - log_std - np.float32(0.5 * math.log(2 * math.pi))).sum(-1))

    def evaluate(self, means: Any, extra: list[Any], choices: Any) -> tuple[Any, Any]:
        """Returns log probabilities of `choices` and entropies, each `[B]`."""
        (log_std,) = extra
        noise = (choices - means) * ops.exp(-log_std)
        log_probs = -0.5 * ops.square(noise) - log_std - 0.5 * math.log(2 * math.pi)
        entropy = ops.sum(log_std) + 0.5 * self.num_outputs * math.log(2 * math.pi * math.e)
        return ops.sum(log_probs, -1), entropy + ops.zeros_like(log_probs[:, 0])


def pick(values: Any, indices: Any) -> Any:
    """Returns `values[i, indices[i]]` `[B]` of `values` `[B, A]`.

    By comparison, since PyTorch's `one_hot` looks at the indices' values, which `torch.compile` cannot trace.
    """
    chosen = ops.expand_dims(indices, -1) == ops.arange(values.shape[-1], dtype=indices.dtype)  # [B, A]
    return ops.sum(ops.where(chosen, values, 0.0), -1)


Distribution = Categorical | MultiCategorical | Gaussian


def make_distribution(action_space: gym.Space[Any]) -> Distribution:
    """Returns the distribution for a Discrete, a MultiDiscrete or a one-axis Box action space."""
    if isinstance(action_space, gym.spaces.Discrete):
        return Categorical(int(action_space.n))
    if isinstance(action_space, gym.spaces.MultiDiscrete):
        return MultiCategorical(head_sizes(action_space))
    assert action_space.shape is not None
    return Gaussian(action_space.shape[0])
