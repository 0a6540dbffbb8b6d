"""Simulated tournaments with known true strengths, on which ratings and schedules are measured and tested."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.matches import Matches

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedPlayers:
    """E entrants and their P players with known strengths, in log-odds."""

    true_strength: Array
    """`float64 [E]`, each entrant's mean over all training seeds there could be; with one player, that player's own strength."""
    strengths: Array
    """`float64 [P]`, strength of each player."""
    entrants: Array
    """`int64 [P]`, entrant of each player."""
    seat_advantage: float = 0.0
    """What moving first adds to the strength in games."""
    tie_ratio: float = 0.0
    """Ties relative to wins of either side, between equals: nu of the model."""

    def play(self, first: Array, second: Array, rng: np.random.Generator) -> Array:
        """Returns points `[M]` of the first players in independent matches, drawn from the model that ratings fit.

        Args:
            first: `int64 [M]`, the first players.
            second: `int64 [M]`, their opponents.
            rng: source of the results.
        """
        half = (self.strengths[first] - self.strengths[second] + self.seat_advantage) / 2
        win, loss = np.exp(half), np.exp(-half)
        draw = rng.random(len(first)) * (win + loss + self.tie_ratio)
        return np.where(draw < win, 1.0, np.where(draw < win + self.tie_ratio, 0.5, 0.0))

    def games(self, num_games: int, rng: np.random.Generator, among: Array | None = None) -> Matches:
        """Returns `num_games` games of each pair of players from each seat.

        Args:
            num_games: number of games of each pair with the same first player.
            rng: source of the results.
            among: `bool [P]`, who takes part; None for all.
        """
        first, second = self.opponents()
        if among is not None:
            first, second = (players[among[first] & among[second]] for players in (first, second))
        first, second = (np.repeat(players, num_games) for players in (first, second))
        first, second = np.concatenate([first, second]), np.concatenate([second, first])
        return Matches(first, second, self.play(first, second, rng), seated=True)

    def opponents(self) -> tuple[Array, Array]:
        """Returns all pairs of players of different entrants."""
        first, second = np.triu_indices(len(self.strengths), 1)
        foreign = self.entrants[first] != self.entrants[second]
        return first[foreign], second[foreign]


def draw_players(
    true_strength: Array, num_seeds: int, seed_std: Array | float, rng: np.random.Generator, **model: float
) -> SimulatedPlayers:
    """Returns entrants with random players.

    Args:
        true_strength: `float64 [E]`, strength of each entrant.
        num_seeds: players of each entrant.
        seed_std: standard deviation of the players' strengths around their entrant's, one for all or `[E]`.
        rng: source of the strengths.
        model: `seat_advantage` and `tie_ratio` of the games.
    """
    entrants = np.repeat(np.arange(len(true_strength)), num_seeds)
    spread = np.broadcast_to(seed_std, true_strength.shape)[entrants]
    strengths = true_strength[entrants] + spread * rng.standard_normal(len(entrants))
    return SimulatedPlayers(strengths if num_seeds == 1 else np.asarray(true_strength), strengths, entrants, **model)
