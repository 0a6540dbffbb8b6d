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

    def duel(self, num_starts: int, rng: np.random.Generator) -> Matches:
        """Returns duels on `num_starts` starts, in which a player's performance on a start counts against every opponent.

        Performance is strength plus Gumbel noise. So one match follows Bradley-Terry exactly, while the matches of one start are not
        independent.
        """
        performance = self.strengths + rng.gumbel(size=(num_starts, len(self.strengths)))  # [starts, P]
        first, second = self.opponents()
        points = (performance[:, first] > performance[:, second]).astype(np.float64)  # [starts, pairs]
        starts = np.repeat(np.arange(num_starts), len(first))
        return Matches(np.tile(first, num_starts), np.tile(second, num_starts), points.ravel(), starts)

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


def play_on_several(
    present: Array, num_seeds: int, seed_std: float, num_games: int, rng: np.random.Generator, **model: float
) -> tuple[list[Matches], Array, Array]:
    """Simulates games in T environments; the strengths of an entrant in two environments have nothing in common.

    Entrant 0 has one player, like the random player, and stands 2 below the mean of the others in the first environment and lower in each
    further one.

    Args:
        present: `bool [T, E]`, who plays what.
        num_seeds: players of every other entrant.
        seed_std: standard deviation of the players' strengths around their entrant's, in log-odds.
        num_games: number of games of each pair of players from each seat.
        rng: source of strengths and results.
        model: `seat_advantage` and `tie_ratio` of the games.

    Returns:
        The matches of each environment, the entrant of each player `int64 [P]`, and the true strengths `[T, E]`.
    """
    tables, truth = [], []
    for env, here in enumerate(present):
        strength = rng.normal(0, 1, len(here)) - 2 * (env + 1) * (np.arange(len(here)) == 0)
        players = draw_players(strength, num_seeds, seed_std, rng, **model)
        plays = here[players.entrants] & ((players.entrants > 0) | (np.arange(len(players.entrants)) == 0))
        tables.append(players.games(num_games, rng, plays))
        truth.append(np.where(np.arange(len(here)) == 0, players.strengths[0], strength))
    return tables, players.entrants, np.array(truth)
