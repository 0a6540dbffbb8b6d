"""Random openings: the moves with which the games of two greedy policies begin, since they would otherwise play one game over and over."""

import contextlib
import itertools
from collections.abc import Iterator

import numpy as np

from arena.environments.games import Game
from arena.errors import ArenaError
from arena.formats.readable import one_line
from arena.seeding import opening_seed, probe_rng

MAX_DRAWS = 100
"""Number of random openings that are tried to find one that has not ended and leads to a new position; then the moves are searched."""
MAX_SEARCHED = 20_000
"""Number of positions after which that search gives up, as if no other opening were left."""

Opening = tuple[int, ...]
"""The first moves of a game, as actions."""
Position = tuple[int, bytes, bytes]
"""The seat that moves next, and what either seat sees."""


class Openings:
    """An endless list of openings of one game. No two lead to one position as long as the game has another position to offer.

    Two greedy policies would continue the same game from one position, whatever the order of the moves that led to it.

    Args:
        game_id: Id of the game.
        tournament_seed: Seed that decides all openings.
        num_plies: Number of random legal moves of each opening.

    Raises:
        ArenaError: If there is no such game, or its own code fails; the methods raise it too.
    """

    def __init__(self, game_id: str, tournament_seed: int, num_plies: int) -> None:
        with _faults_of(game_id):
            self._game = Game(game_id)
        self._seed, self._num_plies = tournament_seed, num_plies
        self._drawn: list[tuple[int, Opening]] = []
        self._taken: set[Position] = set()
        self._useless: set[Opening] = set()
        """Openings that lead to a position that is taken."""
        self._repeats = False
        """Whether any opening that is drawn may be taken: no other is left, or the same moves lead elsewhere under another seed."""
        self._has_chance = False
        """Whether the game itself draws, as games with cards or dice do."""

    def __getitem__(self, index: int) -> tuple[int, Opening]:
        """Returns the seed of a game and its first moves.

        Raises:
            ArenaError: If games end within so few moves, or the game's own code fails.
        """
        while len(self._drawn) <= index:
            with _faults_of(self._game.id):
                self._drawn.append(self._draw(len(self._drawn)))
        return self._drawn[index]

    def num_distinct(self, count: int) -> int:
        """Returns how many of the first `count` openings lead to positions of their own; raises as drawing them does.

        Where the game itself draws (cards, dice), all do: each opening has a seed of its own.
        """
        while len(self._drawn) < count and not self._repeats:
            self[len(self._drawn)]
        return count if self._has_chance else min(count, len(self._taken))

    def _draw(self, index: int) -> tuple[int, Opening]:
        seed = opening_seed(self._seed, self._game.id, index)
        rng = np.random.default_rng(seed)
        chosen: Opening | None = None
        for _ in range(MAX_DRAWS):
            opening = self._play(seed, rng)
            chosen = chosen if opening is None else opening
            if opening is not None and (self._repeats or self._is_new(opening)):
                break
        if chosen is None:
            raise ArenaError(f"{self._game.id} is over within {self._num_plies} random moves; give fewer opening_plies")
        if not self._repeats and chosen in self._useless:
            self._has_chance = self._draws_itself()
            other = None if self._has_chance else self._search(seed, rng)
            self._repeats, chosen = other is None, other or chosen
        self._game.reset(seed)
        for move in chosen:
            self._game.step(move)
        self._taken.add(self._position())
        self._useless.add(chosen)
        return seed, chosen

    def _play(self, seed: int, rng: np.random.Generator) -> Opening | None:
        """Returns random legal moves, which have been played, or None if the game ends with them."""
        self._game.reset(seed)
        moves: list[int] = []
        while len(moves) < self._num_plies:
            moves.append(int(rng.choice(self._game.action_mask.nonzero()[0])))
            self._game.step(moves[-1])
            if self._game.over:
                return None
        return tuple(moves)

    def _is_new(self, opening: Opening) -> bool:
        """Returns whether the opening that has just been played leads to a position that is not taken."""
        if opening in self._useless or self._position() in self._taken:
            self._useless.add(opening)
            return False
        return True

    def _position(self) -> Position:
        return self._game.seat, self._game.observation(0).tobytes(), self._game.observation(1).tobytes()

    def _search(self, seed: int, rng: np.random.Generator) -> Opening | None:
        """Returns an opening to a position that is not taken, found depth first in random order, or None if there is none."""
        waiting: list[Opening] = [()]
        for _ in range(MAX_SEARCHED):
            if not waiting:
                break
            moves = waiting.pop()
            if moves in self._useless:
                continue
            self._game.reset(seed)
            for move in moves:
                self._game.step(move)
            if self._game.over:
                continue
            if len(moves) == self._num_plies:
                if self._is_new(moves):
                    return moves
                continue
            waiting += [(*moves, int(move)) for move in rng.permutation(self._game.action_mask.nonzero()[0])]
        return None

    def _draws_itself(self) -> bool:
        """Returns whether the moves of one random game lead either seat to other views under another seed."""
        game, rng, moves = self._game, probe_rng(), list[int]()
        seen = set()
        for seed in range(5):
            game.reset(seed)
            views = []
            for ply in itertools.count():
                views.append(self._position())
                if game.over or (seed and ply == len(moves)):
                    break
                if not seed:
                    moves.append(int(rng.choice(game.action_mask.nonzero()[0])))
                if not game.action_mask[moves[ply]]:
                    return True
                game.step(moves[ply])
            seen.add(tuple(views))
        return len(seen) > 1


@contextlib.contextmanager
def _faults_of(game_id: str) -> Iterator[None]:
    """Turns errors of the game's own code into one line for the user."""
    try:
        yield
    except ArenaError:
        raise
    except Exception as error:  # the game is another package's code
        raise ArenaError(f"game {game_id} failed while its openings were drawn: {type(error).__name__}: {one_line(error)}") from error
