"""Shapley values of features (Lundberg and Lee, 2017, arXiv:1705.07874): what each adds to a score, averaged over all orders.

Features that are left out take the values of background observations, one after the other, and the scores are averaged over those. The
values of an observation add up to its score minus the mean score of the background.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]
"""Function from `[N, D]` to `[N, A]`."""

MAX_EXACT_FEATURES = 12
"""Largest number of features of which all sets are tried: 4,096 for each observation."""


def exact_shapley(function: Function, observations: Array, background: Array) -> Array:
    """Returns Shapley values `[N, D, A]`, from the scores of all sets of features: one batch of `2^D * B` rows for each observation.

    Args:
        function: Function to explain, `[N, D]` -> `[N, A]`.
        observations: Observations to explain, `[N, D]`.
        background: Observations that stand for features left out, `[B, D]`.

    Raises:
        ValueError: If there are more than `MAX_EXACT_FEATURES` features.
    """
    num_features = observations.shape[1]
    if num_features > MAX_EXACT_FEATURES:
        raise ValueError(f"{num_features} features have too many sets; sample them")
    sets = (np.arange(2**num_features)[:, None] >> np.arange(num_features)) & 1 == 1  # [S, D]
    sizes = sets.sum(1)
    weights = np.array([math.factorial(size) * math.factorial(num_features - size - 1) for size in range(num_features)])
    weights = weights / math.factorial(num_features)
    found = []
    for observation in observations:
        values = _value(function, sets, observation, background)  # [S, A]
        of_features = []
        for feature in range(num_features):
            without = np.flatnonzero(~sets[:, feature])
            gains = values[without | (1 << feature)] - values[without]  # [S / 2, A]
            of_features.append(weights[sizes[without]] @ gains)
        found.append(of_features)
    return np.array(found)


def sampled_shapley(
    function: Function, observations: Array, background: Array, rng: np.random.Generator, *, num_orders: int = 32
) -> tuple[Array, Array]:
    """Returns estimates of Shapley values `[N, D, A]` and their standard errors, from random orders of the features.

    Each order is walked forwards and backwards (antithetic sampling; Mitchell et al., 2022, arXiv:2104.12199), for one background
    observation, so that the values still add up for the backgrounds that were drawn.

    Args:
        function: Function to explain, `[N, D]` -> `[N, A]`.
        observations: Observations to explain, `[N, D]`.
        background: Observations that stand for features left out, `[B, D]`.
        rng: Random numbers of the orders.
        num_orders: Number of pairs of orders for each observation; at least 2.
    """
    num_features = observations.shape[1]
    estimates, errors = [], []
    for observation in observations:
        orders = np.array([rng.permutation(num_features) for _ in range(num_orders)])
        orders = np.stack([orders, orders[:, ::-1]], axis=1)  # [K, 2, D]
        others = background[np.arange(num_orders) % len(background)]  # [K, D]
        places = np.argsort(orders, axis=-1)  # place of each feature in its order
        steps = np.arange(num_features + 1)[:, None]
        taken = places[:, :, None, :] < steps  # [K, 2, D + 1, D]
        rows = np.where(taken, observation, others[:, None, None, :])
        scores = function(rows.reshape(-1, num_features)).reshape(num_orders, 2, num_features + 1, -1).astype(np.float64)
        gains = np.diff(scores, axis=2)  # [K, 2, D, A], by place
        by_feature = np.take_along_axis(gains, places[..., None], axis=2).mean(1)  # [K, D, A]
        estimates.append(by_feature.mean(0))
        errors.append(by_feature.std(0, ddof=1) / num_orders**0.5)
    return np.array(estimates), np.array(errors)


def _value(function: Function, sets: Array, observation: Array, background: Array) -> Array:
    """Returns the mean score of each set of features `[S, A]`, those outside of it from the background."""
    rows = np.where(sets[:, None, :], observation, background[None])  # [S, B, D]
    scores = function(rows.reshape(-1, rows.shape[-1]))
    return np.asarray(scores.reshape(len(sets), len(background), -1).astype(np.float64).mean(1))
