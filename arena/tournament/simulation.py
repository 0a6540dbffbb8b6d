"""Simulated tournaments whose true strengths are known: what ratings and schedules are measured and tested with."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.tournament.bradley_terry import Matches

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """Entrants and their players, in log-odds."""

    true_strength: Array
    """`float64 [E]`: an entrant's mean over all training seeds there could be; its player's own strength where it has one player."""
    strengths: Array
    """`float64 [P]` of the players."""
    entrants: Array
    """`int64 [P]`"""
    seat_advantage: float = 0.0
    tie_ratio: float = 0.0

    def play(self, first: Array, second: Array, rng: np.random.Generator) -> Array:
        """Returns points `[M]` of the first players in independent matches, drawn from the model that is fitted."""
        half = (self.strengths[first] - self.strengths[second] + self.seat_advantage) / 2
        win, loss = np.exp(half), np.exp(-half)
        draw = rng.random(len(first)) * (win + loss + self.tie_ratio)
        return np.where(draw < win, 1.0, np.where(draw < win + self.tie_ratio, 0.5, 0.0))

    def duel(self, num_starts: int, rng: np.random.Generator) -> Matches:
        """Returns duels in which a player's performance on a start counts against every opponent.

        Performance is strength plus Gumbel noise, so one match follows Bradley-Terry exactly, while the matches of a start do not
        come independently.
        """
        performance = self.strengths + rng.gumbel(size=(num_starts, len(self.strengths)))  # [starts, P]
        first, second = self.opponents()
        points = (performance[:, first] > performance[:, second]).astype(np.float64)  # [starts, pairs]
        starts = np.repeat(np.arange(num_starts), len(first))
        return Matches(np.tile(first, num_starts), np.tile(second, num_starts), points.ravel(), starts)

    def games(self, num_games: int, rng: np.random.Generator) -> Matches:
        """Returns `num_games` games of each pair of players from each seat."""
        first, second = (np.repeat(players, num_games) for players in self.opponents())
        first, second = np.concatenate([first, second]), np.concatenate([second, first])
        return Matches(first, second, self.play(first, second, rng), seated=True)

    def opponents(self) -> tuple[Array, Array]:
        """Returns all pairs of players of different entrants."""
        first, second = np.triu_indices(len(self.strengths), 1)
        foreign = self.entrants[first] != self.entrants[second]
        return first[foreign], second[foreign]


def make_world(true_strength: Array, num_seeds: int, seed_std: Array | float, rng: np.random.Generator, **model: float) -> World:
    """Returns a world with `num_seeds` players per entrant, whose strengths spread by `seed_std` `[E]` around the entrant's."""
    entrants = np.repeat(np.arange(len(true_strength)), num_seeds)
    spread = np.broadcast_to(seed_std, true_strength.shape)[entrants]
    strengths = true_strength[entrants] + spread * rng.standard_normal(len(entrants))
    return World(strengths if num_seeds == 1 else np.asarray(true_strength), strengths, entrants, **model)
