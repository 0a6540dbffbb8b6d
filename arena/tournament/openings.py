"""Random openings: the moves with which the games of two greedy policies begin, lest they play one game over and over."""

import zlib

import numpy as np

from arena.errors import ArenaError
from arena.games import Game
from arena.tournament.duels import SEED_STREAM

MAX_DRAWS = 100
"""Tries to find an opening that is not over yet and not taken."""

Opening = tuple[int, ...]


class Openings:
    """An endless list of openings of one game; no two are equal while that is possible.

    Args:
        game_id: of the game.
        tournament_seed: decides them all.
        num_plies: random legal moves of each.
    """

    def __init__(self, game_id: str, tournament_seed: int, num_plies: int) -> None:
        self._game = Game(game_id)
        self._seed, self._num_plies = tournament_seed, num_plies
        self._drawn: list[tuple[int, Opening]] = []
        self._taken: set[Opening] = set()

    def __getitem__(self, index: int) -> tuple[int, Opening]:
        """Returns the seed of the game and its first moves.

        Raises:
            ArenaError: if games are over within so few moves.
        """
        while len(self._drawn) <= index:
            self._drawn.append(self._draw(len(self._drawn)))
            self._taken.add(self._drawn[-1][1])
        return self._drawn[index]

    def _draw(self, index: int) -> tuple[int, Opening]:
        key = (SEED_STREAM, zlib.crc32(self._game.id.encode()), index)
        seed = int(np.random.SeedSequence(self._seed, spawn_key=key).generate_state(1)[0])
        rng = np.random.default_rng(seed)
        chosen: Opening | None = None
        for _ in range(MAX_DRAWS):
            opening = self._play(seed, rng)
            chosen = chosen if opening is None else opening
            if opening is not None and opening not in self._taken:
                break
        if chosen is None:
            raise ArenaError(f"{self._game.id} is over within {self._num_plies} random moves; give fewer opening_plies")
        return seed, chosen

    def _play(self, seed: int, rng: np.random.Generator) -> Opening | None:
        """Returns random legal moves, or None if the game ends with them."""
        self._game.reset(seed)
        moves: list[int] = []
        while len(moves) < self._num_plies:
            moves.append(int(rng.choice(self._game.action_mask.nonzero()[0])))
            self._game.step(moves[-1])
            if self._game.over:
                return None
        return tuple(moves)
