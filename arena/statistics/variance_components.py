"""Variances of means that were estimated from few values: of training seeds, of evaluation starts, of players within entrants.

A variance estimated from K values has K - 1 degrees of freedom. A sum v of independent estimates v_i with d_i degrees of freedom has
v^2 / sum(v_i^2 / d_i) of them (Satterthwaite, 1946, doi:10.2307/3002019), so that a t interval of the sum can be given. Here is the one
place where that is computed: `EstimatedVariance` carries the denominator along.

The final returns of an agent, `[K, E]`, vary in two crossed ways: K training seeds by E starts of evaluation episodes, which are the same
for all seeds. `variance_of_starts` tells what the choice of starts adds to the variance of the mean, whatever the number of seeds.
"""

import dataclasses
import functools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.statistics.student import critical_value

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class EstimatedVariance:
    """Variances of any shape, each a sum of independent estimates with few degrees of freedom."""

    variance: Array
    """`[...]`, the variances."""
    squares: Array
    """`[...]`, sum over the estimates in each variance of estimate^2 / degrees of freedom; 0 for a variance that is known."""

    @classmethod
    def from_degrees(cls, variance: Array | float, degrees: Array | float) -> "EstimatedVariance":
        """Returns variances `[...]` that were estimated with so many degrees of freedom `[...]`."""
        variance = np.asarray(variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            return cls(variance, np.asarray(variance**2 / degrees))

    @classmethod
    def of_mean(cls, values: Array) -> "EstimatedVariance":
        """Returns the variances `[...]` of the means over the last axis of independent `values` `[..., K]`, K > 1."""
        count = values.shape[-1]
        return cls.from_degrees(values.var(-1, ddof=1) / count, count - 1)

    @classmethod
    def total(cls, parts: Iterable["EstimatedVariance"]) -> "EstimatedVariance":
        """Returns the sum of independent parts, added in their order."""
        return functools.reduce(operator.add, parts)

    def __add__(self, other: "EstimatedVariance") -> "EstimatedVariance":
        """Returns the variance of a sum of two independent quantities."""
        return EstimatedVariance(self.variance + other.variance, self.squares + other.squares)

    def scaled(self, factor: Array | float) -> "EstimatedVariance":
        """Returns the variances times `factor`, with the same degrees of freedom."""
        return EstimatedVariance(self.variance * factor, self.squares * factor**2)

    @property
    def degrees(self) -> Array:
        """Satterthwaite's degrees of freedom `[...]`; infinite for a variance that is known, or zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = self.variance**2 / self.squares
        return np.where(np.isnan(degrees), np.inf, degrees)

    def half_width(self, confidence: float) -> Array:
        """Returns half the width of the t interval `[...]` of a quantity with this variance."""
        return np.asarray(critical_value(confidence, self.degrees) * np.sqrt(self.variance))


def variance_of_starts(*sides: Array) -> EstimatedVariance:
    """Returns what the choice of the E starts adds to the variance `[...]` of a sum of means.

    It is the part of the variance of the starts' means that the interaction of starts and seeds does not explain: an analysis of variance
    in two crossed random ways (Owen, 2007, doi:10.1214/07-AOAS122). The spread between seeds already holds what is left out here. With one
    start it cannot be estimated, and is 0.

    Args:
        sides: one array `[..., K, E]` for each mean in the sum; K may differ, and a difference of two means has a negated second side.
    """
    by_start = sum(side.mean(-2) for side in sides)  # [..., E]
    assert isinstance(by_start, np.ndarray)
    num_starts = by_start.shape[-1]
    if num_starts == 1:
        return EstimatedVariance(np.zeros(by_start.shape[:-1]), np.zeros(by_start.shape[:-1]))
    explained = sum(interaction_variance(side) / side.shape[-2] for side in sides)
    variance = np.maximum(0.0, by_start.var(-1, ddof=1) - explained) / num_starts
    return EstimatedVariance.from_degrees(variance, num_starts - 1)


def interaction_variance(values: Array) -> Array:
    """Returns the variance `[...]` of the interaction of seeds and starts in `values` `[..., K, E]`; 0 with one seed or one start."""
    num_seeds, num_starts = values.shape[-2:]
    if num_seeds == 1 or num_starts == 1:
        return np.zeros(values.shape[:-2])
    interaction = values - values.mean(-1, keepdims=True) - values.mean(-2, keepdims=True) + values.mean((-2, -1), keepdims=True)
    return np.asarray((interaction**2).sum((-2, -1)) / ((num_seeds - 1) * (num_starts - 1)))


def means_of_groups(values: Array, group: Array, num_groups: int) -> tuple[Array, EstimatedVariance]:
    """Returns the mean of each group of values `[G]` and the variance of that mean by the spread within the group `[G]`.

    A group of one value has variance 0, since it shows no spread; an empty group has mean 0 and variance 0.

    Args:
        values: `[N]`.
        group: `int [N]`, the group of each value, from 0.
        num_groups: G.
    """
    count = np.bincount(group, minlength=num_groups).astype(np.float64)  # [G], K of each group
    means = np.bincount(group, values, minlength=num_groups) / np.maximum(count, 1)
    spread = np.bincount(group, (values - means[group]) ** 2, minlength=num_groups)
    degrees = np.maximum(count - 1, 1)
    return means, EstimatedVariance.from_degrees(spread / degrees / np.maximum(count, 1), degrees)
