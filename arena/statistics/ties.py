"""The rule for exact ties: numbers that differ by float noise alone are equal, and equal numbers share a rank.

Two numbers are equal if they differ by no more than `NOISE` times the largest magnitude among the numbers compared. Sums of the same
rewards in another order, or a fit that stops at another digit, differ by about 1e-13 of that; results that differ in earnest by less
than 1e-9 are unknown.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NOISE = 1e-9
"""Largest difference between equal numbers, relative to the largest magnitude among all that are compared."""


def without_noise(values: Array) -> Array:
    """Returns `values` with equal numbers made identical: each becomes the smallest of the numbers that it equals.

    Args:
        values: numbers `[...]` that are compared with each other. Infinite ones and NaN stay as they are.
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return values.copy()
    distinct, place = np.unique(values[finite], return_inverse=True)
    is_new = np.diff(distinct, prepend=-np.inf) > NOISE * np.abs(distinct).max()
    cleaned = values.copy()
    cleaned[finite] = distinct[is_new][np.cumsum(is_new) - 1][place]
    return cleaned


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rank:
    """A place in an order that may hold ties, with the places that are not excluded."""

    value: int
    """Place from 1, best first; equal ones share the best place that they hold together (1, 1, 3)."""
    tied: bool
    """Whether another one has the same place."""
    low: int
    """Best place that is not excluded."""
    high: int
    """Worst place that is not excluded."""

    @property
    def label(self) -> str:
        """The place alone: `1`, or `1=` if it is shared."""
        return f"{self.value}{'=' if self.tied else ''}"


def places(values: Array) -> Array:
    """Returns the place of each of `values` `[N]`, from 1, the largest first; equal ones share a place, and NaN comes last."""
    cleaned = np.nan_to_num(without_noise(values), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return np.asarray(1 + (cleaned[:, None] < cleaned).sum(1))


def rank_all(values: Mapping[str, float], better: Collection[tuple[str, str]] = ()) -> dict[str, Rank]:
    """Returns the rank of each name, the largest value first.

    Args:
        values: name -> the number that ranks.
        better: pairs (better, worse) that are decided; whatever they do not exclude is a possible place. The place by `values` is
            always one.
    """
    names = list(values)
    found = places(np.array([values[name] for name in names], np.float64))
    ranks = {}
    for name, place in zip(names, found.tolist(), strict=True):
        last = place + int((found == place).sum()) - 1
        low = 1 + sum(worse == name for _, worse in better)
        high = len(names) - sum(winner == name for winner, _ in better)
        ranks[name] = Rank(value=place, tied=last > place, low=min(low, place), high=max(high, last))
    return ranks
