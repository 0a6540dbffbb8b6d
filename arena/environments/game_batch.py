"""Many games of one kind at once: as arrays where a plug-in has them and they are equal to PettingZoo's own, else one by one."""

import functools
import importlib
from collections import defaultdict
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arena.environments.games import Game
from arena.environments.plugins import plugins
from arena.environments.spaces import random_actions

Array = npt.NDArray[Any]

NUM_COMPARED = 12
"""Number of random games in which arrays are compared with `Game` before they are taken."""


class GameBatch(Protocol):
    """N games. Call `reset` before anything else; places of games are counted from zero."""

    seats: Array
    """Seat that moves next in each game, `int64 [N]`."""
    over: Array
    """Whether each game has ended, `bool [N]`."""
    returns: Array
    """Sum of each seat's rewards so far, `float64 [N, 2]`."""

    def reset(self, which: Array) -> None:
        """Begins new games in the places `which` `[M]`."""

    def observations(self, which: Array, seats: Array | None = None) -> Array:
        """Returns what seats see, by default those to move, `float32 [M, D + A]`, as `Game.observation` does."""

    def legal(self, which: Array, actions: Array) -> Array:
        """Returns whether those to move may take `actions` `[M]`, numbers of any size, `bool [M]`."""

    def step(self, which: Array, actions: Array) -> None:
        """Plays legal actions `[M]` for those to move; raises ValueError if one is illegal."""

    def put(self, which: Array, actions: Array) -> None:
        """Does what `step` does with actions that `legal` allowed; they are not looked at again."""


class SingleGames:
    """N games that are stepped one after the other (a `GameBatch`).

    Args:
        game_id: Id of the game.
        seeds: Seed of each game; it matters only where the game itself draws.
    """

    def __init__(self, game_id: str, seeds: list[int]) -> None:
        self._spare = _spare[game_id]
        self._games = [self._spare.pop() if self._spare else Game(game_id) for _ in seeds]
        self._seeds = seeds
        self.seats = np.zeros(len(seeds), np.int64)
        """Seat that moves next in each game, `[N]`."""
        self.over = np.zeros(len(seeds), np.bool_)
        """Whether each game has ended, `[N]`."""
        self.returns = np.zeros((len(seeds), 2))
        """Sum of each seat's rewards so far, `[N, 2]`."""
        self.reset(np.arange(len(seeds)))

    def reset(self, which: Array) -> None:
        """Begins new games with their seeds."""
        for place in which.tolist():
            self._games[place].reset(self._seeds[place])
            self._note(place)

    def observations(self, which: Array, seats: Array | None = None) -> Array:
        """Returns what seats see, by default those to move."""
        wanted = [None] * len(which) if seats is None else seats.tolist()
        return np.stack([self._games[place].observation(seat) for place, seat in zip(which.tolist(), wanted, strict=True)])

    def legal(self, which: Array, actions: Array) -> Array:
        """Returns whether those to move may take `actions`."""
        masks = [self._games[place].action_mask for place in which.tolist()]
        return np.array([0 <= action < len(mask) and bool(mask[action]) for mask, action in zip(masks, actions.tolist(), strict=True)])

    def step(self, which: Array, actions: Array) -> None:
        """Plays legal actions for those to move."""
        for place, action in zip(which.tolist(), actions.tolist(), strict=True):
            self._games[place].step(action)
            self._note(place)

    def put(self, which: Array, actions: Array) -> None:
        """Plays legal actions for those to move."""
        self.step(which, actions)

    def give_back(self) -> None:
        """Keeps the games for other batches of this process; this one is not used again."""
        self._spare += self._games
        self._games = []

    def _note(self, place: int) -> None:
        game = self._games[place]
        self.seats[place], self.over[place], self.returns[place] = game.seat, game.over, game.returns


_spare: dict[str, list[Game]] = defaultdict(list)
"""Games of this process that are over, for use again: making one takes as long as ten moves."""


def make_games(game_id: str, seeds: list[int]) -> GameBatch:
    """Returns games that have just begun, one for each seed; as arrays where these do what `Game` does.

    Args:
        game_id: Id of the game, as `Game` takes it.
        seeds: Seed of each game; it matters only where the game itself draws.

    Raises:
        ArenaError: the reasons for which `Game` raises it.
    """
    arrays = array_games(game_id, len(seeds))
    return SingleGames(game_id, seeds) if arrays is None else arrays


def array_games(game_id: str, count: int) -> Any:
    """Returns `count` games as arrays, or None if no plug-in has them, or they are not equal to `Game` in this process."""
    kind = _kind(game_id)
    if kind is None:
        return None
    if game_id not in _agrees:
        _agrees[game_id] = are_equal(kind(NUM_COMPARED), game_id)
    return kind(count) if _agrees[game_id] else None


@functools.cache
def _kind(game_id: str) -> Any:
    for plugin in plugins():
        if game_id in plugin.games:
            module, _, name = plugin.games[game_id].partition(":")
            return getattr(importlib.import_module(module), name)
    return None


_agrees: dict[str, bool] = {}
"""Result of the comparison of arrays with `Game`, by the id of the game."""


def are_equal(arrays: GameBatch, game_id: str) -> bool:
    """Plays random games both ways; returns whether all positions, turns, ends and returns are the same.

    Args:
        arrays: `NUM_COMPARED` games that have just begun.
        game_id: Id of the game.
    """
    try:
        return _is_equal(arrays, [Game(game_id) for _ in range(NUM_COMPARED)])
    except Exception:  # another package's code: whoever plays the game will say what is wrong
        return False


def _is_equal(arrays: GameBatch, games: list[Game]) -> bool:
    rng = np.random.default_rng(0)
    for game in games:
        game.reset()
    everything = np.arange(len(games))
    running = everything
    while True:
        for seat in (0, 1):
            if not np.array_equal(arrays.observations(everything, np.full(len(games), seat)), [game.observation(seat) for game in games]):
                return False
        state = [(game.seat, game.over, *game.returns) for game in games]
        if state != list(zip(arrays.seats.tolist(), arrays.over.tolist(), *arrays.returns.T.tolist(), strict=True)):
            return False
        running = np.flatnonzero(~arrays.over)
        if not len(running):
            return True
        actions = random_actions(rng, np.stack([games[place].action_mask for place in running]))
        arrays.step(running, actions)
        for place, action in zip(running.tolist(), actions.tolist(), strict=True):
            games[place].step(action)
