"""Normalised scores: returns on the scale on which random actions score 0 and a solved environment scores 1."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.statistics.estimate import Bounds

UNBOUNDED: Bounds = (-math.inf, math.inf)
"""Bounds of a quantity that nothing is known of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreScale:
    """The known returns of one environment, by which its returns become scores."""

    random: float
    """Mean return of uniformly random actions; it scores 0."""
    solved: float | None
    """Return from which the environment counts as solved; it scores 1. None if nobody says; the environment has no scores then."""
    bounds: Bounds = UNBOUNDED
    """Smallest and largest possible return; infinite if not known."""

    def score(self, returns: npt.NDArray[Any] | float) -> npt.NDArray[Any]:
        """Returns the scores of `returns`, in their shape. The scale must have a solved return."""
        assert self.solved is not None, "an environment without a solved return has no scores"
        return np.asarray((returns - self.random) / (self.solved - self.random))


def mean_score_bounds(scales: Sequence[ScoreScale]) -> Bounds:
    """Returns the smallest and the largest possible mean score over the environments of `scales`."""
    bounds = np.array([scale.score(np.array(scale.bounds)) for scale in scales])  # [M, 2]
    return float(bounds[:, 0].mean()), float(bounds[:, 1].mean())
