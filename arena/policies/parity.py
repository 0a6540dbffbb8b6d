"""Parity: whether an exported policy file chooses the same actions as the agent that exported it."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.choices import are_in_range, head_sizes, taken_values
from arena.environments.images import largest_values
from arena.environments.spaces import MaskedBox, random_masks
from arena.errors import TrainingDiverged
from arena.policies.policy import OnnxPolicy
from arena.seeding import parity_rng

Array = npt.NDArray[Any]

PARITY_BATCH_SIZE = 512
"""Batch size of the parity check; an agent that compiles `act` does so for this batch size."""


class ParityBroken(RuntimeError):
    """Raised when an exported policy chooses other actions than its agent: its score would say nothing about the agent."""


def check_parity(
    policy: OnnxPolicy,
    act: Callable[[Array], Array],
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    visited: Array,
    *,
    seed: int,
) -> float:
    """Returns the fraction of observations on which a policy and its agent choose the same action; anything below 1 is refused.

    Half of the `PARITY_BATCH_SIZE` observations are random, half were visited by the policy.

    Args:
        policy: the exported policy.
        act: the agent's own greedy actions, `[N, *obs]` -> `[N, *act]`.
        observation_space: the space of one environment.
        action_space: the space of one environment.
        visited: observations that the policy has visited, `[M, *obs]`.
        seed: the run's seed; decides which observations are compared.

    Raises:
        TrainingDiverged: if a score of the policy isn't finite.
        ParityBroken: if any action differs by more than float32 rounding explains.
    """
    observations = parity_observations(observation_space, visited, seed)
    scores = policy.scores(observations)
    if not np.isfinite(scores).all():
        raise TrainingDiverged("the policy's scores are not finite; try a smaller learning_rate")
    width = action_space.high - action_space.low if isinstance(action_space, gym.spaces.Box) else 1.0
    same = same_choices(policy.act(observations), scores, np.asarray(act(observations)), width=width, sizes=head_sizes(action_space))
    _refuse_others(same)
    return 1.0


def check_every(policy: OnnxPolicy, act: Callable[[Array], Array], action_space: gym.Space[Any], observations: Array) -> None:
    """Refuses a policy that chooses another action than its agent on any of the observations; nothing is said of scores that aren't finite.

    Args:
        policy: the exported policy.
        act: the agent's own greedy actions, `[N, *obs]` -> `[N, *act]`; asked for `PARITY_BATCH_SIZE` observations at a time.
        action_space: the space of one environment.
        observations: observations to compare, `[M, *obs]`.

    Raises:
        ParityBroken: if any action differs by more than float32 rounding explains.
    """
    width = action_space.high - action_space.low if isinstance(action_space, gym.spaces.Box) else 1.0
    filled = observations[np.arange(-(-len(observations) // PARITY_BATCH_SIZE) * PARITY_BATCH_SIZE) % len(observations)]
    for batch in np.split(filled, len(filled) // PARITY_BATCH_SIZE):
        scores = policy.scores(batch)
        if np.isfinite(scores).all():
            _refuse_others(same_choices(policy.act(batch), scores, np.asarray(act(batch)), width=width, sizes=head_sizes(action_space)))


def _refuse_others(same: Array) -> None:
    if not same.all():
        raise ParityBroken(f"the exported policy acts as the agent does on only {same.mean():.1%} of {len(same)} observations")


def parity_observations(space: gym.Space[Any], visited: Array, seed: int) -> Array:
    """Returns the observations `[PARITY_BATCH_SIZE, *obs]` that `check_parity` compares: random ones, then visited ones."""
    assert isinstance(space, gym.spaces.Box)
    rng, count = parity_rng(seed), PARITY_BATCH_SIZE // 2
    scattered = random_observations(space, count, rng)
    return np.concatenate([scattered, visited[rng.integers(0, len(visited), count)]])


def random_observations(space: gym.spaces.Box, count: int, rng: np.random.Generator) -> Array:
    """Returns random observations `[count, *obs]` of a space in the common form: bytes of images, normal features, random masks."""
    if (largest := largest_values(space)) is not None:
        scattered = rng.integers(0, np.int64(largest) + 1, (count, *space.shape)).astype(space.dtype)
    else:
        scattered = rng.normal(size=(count, *space.shape)).astype(space.dtype)
    if isinstance(space, MaskedBox):
        scattered[:, space.num_features :] = random_masks(rng, count, space.num_actions, space.choices)
    return scattered


def same_choices(
    actions: Array,
    scores: Array,
    other_actions: Array,
    *,
    tolerance: float = 1e-5,
    width: Array | float = 1.0,
    sizes: Sequence[int] = (),
) -> Array:
    """Returns for each row, `bool [N]`, whether another implementation's actions are greedy choices too, up to float32 rounding.

    Two forward passes may choose differently between actions with almost equal scores; any other difference is a different policy. An
    action that isn't in range, of either, is no greedy choice.

    Args:
        actions: actions of the policy, `[N, *act]`.
        scores: scores of the policy, `[N, A]`; not used for Box actions.
        other_actions: actions of the other implementation on the same observations.
        tolerance: largest difference of scores, relative to one plus their size, and of Box actions, relative to ten times `width`.
        width: `high - low` of a Box action.
        sizes: Number of values of each of several choices (`arena.environments.choices.head_sizes`); empty for one choice.
    """
    if actions.shape != other_actions.shape:
        return np.zeros(len(actions), np.bool_)
    if not np.issubdtype(actions.dtype, np.integer):
        close = np.abs(actions - other_actions) <= 10.0 * tolerance * width  # a Box action is the network's output, not one choice of few
        return np.asarray(close.reshape(len(actions), -1).all(-1))
    counts = sizes or scores.shape[1:]
    are_known = are_in_range(actions, counts) & are_in_range(other_actions, counts)
    best, others = taken_values(scores, actions, sizes), taken_values(scores, other_actions, sizes)  # [N, C]
    return np.asarray((others >= best - tolerance * (1.0 + np.abs(best))).all(-1) & are_known)
