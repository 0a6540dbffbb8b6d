"""Many seats of one game at once, `arena_envs.games.Seat` as arrays: the same seats, opponents, moves and rewards."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.game_batch import array_games
from arena_envs.arrays.array_vector_env import ArrayVectorEnv
from arena_envs.arrays.choice import bare
from arena_envs.games import Opponent, Seat, answer
from arena_envs.tictactoe import optimal_moves

Array = npt.NDArray[Any]


class Seats(ArrayVectorEnv):
    """N seats, each with random numbers, a seat and an opponent of its own.

    Opponents that are policies are asked one position at a time, as `Seat` asks them: matrix products of another size differ in their last
    bits.

    Args:
        env: A `Seat`, which says who the opponents are.
        games: N games as arrays (an `arena.environments.game_batch.GameBatch`).
        *arguments: Arguments of `ArrayVectorEnv`.
    """

    def __init__(self, env: Seat, games: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._env, self._games = env, games
        self._num_actions = int(env.game.action_space.n)
        self._seats = np.zeros(self.num_envs, np.int64)
        self._opponents: list[Opponent | None] = [None] * self.num_envs
        self._all = np.arange(self.num_envs)

    def begin(self, which: Array) -> Array:
        """Begins games: draws seats, opponents, and a number that seeds games of chance."""
        for index in which.tolist():
            rng = self.rng(index)
            self._seats[index] = rng.integers(2)
            self._opponents[index] = self._env.draw_opponent(rng)
            rng.integers(2**31)
        self._games.reset(which)
        self._let_opponents_move(which[self._seats[which] != 0])
        return np.asarray(self._games.observations(which, self._seats[which]))

    def move(self, actions: Array) -> tuple[Array, Array, Array]:
        """Plays moves, and the opponents' answers."""
        games, everything, seats = self._games, self._all, self._seats
        games.step(everything, np.asarray(actions))
        over = games.over
        self._let_opponents_move(np.flatnonzero(~over) if np.count_nonzero(over) else everything)
        rewards = games.returns[everything, seats]
        return games.observations(everything, seats), rewards, games.over.copy()

    def _let_opponents_move(self, which: Array) -> None:
        if not len(which):
            return
        games, places = self._games, which.tolist()
        if self._env.is_perfect:
            positions = games.observations(which)
            optimal = [optimal_moves(position) for position in positions]
            draws = [self.rng(index).integers(len(moves)) for index, moves in zip(places, optimal, strict=True)]  # as `choice` draws
            games.put(which, np.array([moves[drawn] for moves, drawn in zip(optimal, draws, strict=True)]))
            return
        numbers = np.zeros((len(places), self._num_actions))
        asked = []
        for row, index in enumerate(places):
            if self._opponents[index] is None:
                self.rng(index).random(out=numbers[row])
            else:
                asked.append(row)
        chosen = np.where(games.masks(which), numbers, -1.0).argmax(-1)
        if not asked:
            games.put(which, chosen)
            return
        positions = games.observations(which)
        for row in asked:
            opponent = self._opponents[places[row]]
            assert opponent is not None
            chosen[row] = answer(opponent, positions[row])
        games.step(which, chosen)


def as_seats(env: gym.Env[Any, Any], num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Seats | None:
    """Returns `num_envs` seats of the game that `env` plays one seat of, or None where its games cannot be had as arrays.

    Args:
        env: A `Seat`, in nothing that changes it.
        num_envs: Number of seats.
        observation_space: Space of one seat, in the arena's form.
        action_space: Space of one seat, in the arena's form.
    """
    seat, limit = bare(env)
    if type(seat) is not Seat or observation_space != seat.observation_space:
        return None
    games = array_games(seat.game.id, num_envs)
    return None if games is None else Seats(seat, games, num_envs, observation_space, action_space, limit)
