"""Simulated round robins in which the expected points are known: entrants whose training seeds spread, fail, or stand at a ceiling."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from arena.rating.matches import Matches

Array = npt.NDArray[Any]

FALL = 4.0
"""Log-odds by which a failing seed stands below the others of its entrant."""
NUM_TRUE_SEEDS = 1_000
"""Seeds of each entrant from which the truth is computed."""


@dataclasses.dataclass(frozen=True, eq=False)
class SeedShape:
    """How the training seeds of E entrants differ, and whether strong players tie."""

    mean: Array
    """`float64 [E]`, strength of the typical seed in log-odds."""
    std: Array
    """`float64 [E]`, standard deviation between seeds in log-odds."""
    failure_rate: Array
    """`float64 [E]`, probability that a seed fails."""
    ceiling: bool
    """Whether two strong players nearly always tie."""

    def draw(self, num_seeds: int, rng: np.random.Generator) -> Array:
        """Returns the strengths of so many seeds of each entrant, `float64 [E, K]`."""
        shape = (len(self.mean), num_seeds)
        strengths = self.mean[:, None] + self.std[:, None] * rng.standard_normal(shape)
        return np.asarray(strengths - FALL * (rng.random(shape) < self.failure_rate[:, None]))

    def outcome(self, first: Array, second: Array) -> tuple[Array, Array]:
        """Returns the probabilities that the first of two players wins and that they tie, in the shape of their strengths."""
        tie = expit(3 * first) * expit(3 * second) if self.ceiling else np.zeros(np.broadcast_shapes(first.shape, second.shape))
        return (1 - tie) * expit(first - second), tie

    def true_points(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns the expected points of all pairs `[E, E]` (1/2 on the diagonal) and against the field `[E]`."""
        strengths = self.draw(NUM_TRUE_SEEDS, rng)
        matrix = np.full((len(strengths),) * 2, 0.5)
        for i, j in zip(*np.triu_indices(len(strengths), 1), strict=True):
            win, tie = self.outcome(strengths[i][:, None], strengths[j][None])
            matrix[i, j] = (win + tie / 2).mean()
            matrix[j, i] = 1 - matrix[i, j]
        return matrix, (matrix.sum(1) - 0.5) / (len(strengths) - 1)

    def play(self, strengths: Array, num_starts: int, rng: np.random.Generator) -> tuple[Matches, Array]:
        """Returns matches of all pairs of players of different entrants on all starts, and the entrant of each player `int64 [P]`.

        Args:
            strengths: `float64 [E, K]`, from `draw`.
            num_starts: number of matches of each pair of players.
            rng: source of the results.
        """
        entrants = np.repeat(np.arange(len(strengths)), strengths.shape[1])
        first, second = np.triu_indices(strengths.size, 1)
        foreign = entrants[first] != entrants[second]
        first, second = first[foreign], second[foreign]
        win, tie = self.outcome(strengths.ravel()[first], strengths.ravel()[second])
        drawn = rng.random((num_starts, len(first)))
        points = np.where(drawn < win, 1.0, np.where(drawn < win + tie, 0.5, 0.0))
        starts = np.repeat(np.arange(num_starts), len(first))
        return Matches(np.tile(first, num_starts), np.tile(second, num_starts), points.ravel(), starts), entrants
