"""One seat of a two-player game as an ordinary Gymnasium environment: `arena/ConnectFour-v0`, `arena/TicTacToe-v0`.

The rules are PettingZoo's, through `arena.environments.games`. The opponent moves inside `reset` and `step`.
"""

import functools
import os
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.games import Game
from arena.environments.spaces import random_actions
from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.policies.policy import OnnxPolicy
from arena_envs.tictactoe import optimal_moves

Array = npt.NDArray[Any]
Info = dict[str, Any]
Opponent = OnnxPolicy | BoundedPolicy
"""A policy that plays the other seat."""


class Seat(gym.Env[Array, np.int64]):
    """Plays one seat, drawn anew for every episode, against an opponent in the other.

    Observation: `arena.environments.spaces.MaskedBox`, the position as the player to move sees it and the moves that are allowed.
    Action: Discrete.
    Reward: that of the game, for the learner's seat: 1 for a win, -1 for a loss, 0 for a draw, at the end. The episode is terminated with
    the game.

    Opponents: `"random"` plays uniformly among allowed moves. `"perfect"`, in tic-tac-toe, plays uniformly among all optimal moves. A
    path that ends in `.onnx` plays that policy, greedily, in a process with bounds of memory and time. `"self"` plays, in each episode,
    one of the policies in the folder `snapshots`: with probability 1/2 the latest, otherwise one of the earlier ones, uniformly, where
    the random player counts as the first of them. Without a folder, or while it is empty, that is the random player: evaluations of a
    run against `"self"` are played so, for only training has the folder.

    Args:
        game: id for `arena.environments.games.Game`.
        opponent: see above.
        snapshots: folder of policies whose names sort by age; for `"self"` only. The arena passes the run's.

    Raises:
        ArenaError: if the game or the opponent cannot be had, or the opponent cannot play the game.
        ValueError: `step` was given an action that is not allowed.
        PolicyBroke: the opponent's file breaks a bound, fails, or gives scores that are not finite, in `reset` or `step`.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, game: str, opponent: str = "random", snapshots: str | None = None) -> None:
        self.game = Game(game)
        self.observation_space = self.game.observation_space
        self.action_space = self.game.action_space
        if opponent not in ("random", "self", "perfect") and not opponent.endswith(".onnx"):
            raise ArenaError(f"opponent={opponent!r} must be 'random', 'self', 'perfect' or the path of an .onnx file")
        if opponent == "perfect" and game != "tictactoe_v3":
            raise ArenaError(f"opponent='perfect' is known for tictactoe_v3 only, not for {game}")
        if snapshots is not None and opponent != "self":
            raise ArenaError(f"snapshots={snapshots!r} has a meaning for opponent='self' only; it is {opponent!r}")
        self.wants_snapshots = opponent == "self"
        """Whether the arena should write the learner's snapshots into a folder and pass that as `snapshots`."""
        self.seat = 0
        """Seat of the learner in this episode; 0 moves first."""
        self.is_perfect = opponent == "perfect"
        """Whether the opponent plays one of the optimal moves."""
        self.snapshots = None if snapshots is None else Path(snapshots)
        """Folder of the snapshots to play against; None where there are none."""
        self._fixed = _load(Path(opponent), self.game, is_own=False) if opponent.endswith(".onnx") else None
        self._opponent: Opponent | None = None  # of this episode; None is the random player

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begins a game; draws the seat, the opponent, and what the game itself draws."""
        super().reset(seed=seed, options=options)
        self.seat = int(self.np_random.integers(2))
        self._opponent = self.draw_opponent()
        self.game.reset(seed=int(self.np_random.integers(2**31)))
        self._let_opponent_move()
        return self.game.observation(self.seat), {}

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, Info]:
        """Plays a move, and the opponent's answer."""
        before = self.game.returns[self.seat]
        self.game.step(int(action))
        self._let_opponent_move()
        reward = self.game.returns[self.seat] - before
        return self.game.observation(self.seat), reward, self.game.over, False, {}

    def close(self) -> None:
        """Closes the game."""
        self.game.close()

    def draw_opponent(self, rng: np.random.Generator | None = None) -> Opponent | None:
        """Returns the policy that an episode is played against; None for the random player.

        Args:
            rng: Random numbers that decide; by default the environment's own.
        """
        if self.snapshots is None:
            return self._fixed
        rng = self.np_random if rng is None else rng
        pool = [None, *sorted(self.snapshots.glob("*.onnx"))]
        latest = len(pool) == 1 or rng.random() < 0.5
        path = pool[-1] if latest else pool[int(rng.integers(len(pool) - 1))]
        return None if path is None else _load(path, self.game, is_own=True)

    def _let_opponent_move(self) -> None:
        game = self.game
        while not game.over and game.seat != self.seat:
            if self.is_perfect:
                game.step(int(self.np_random.choice(optimal_moves(game.observation()))))
            elif self._opponent is None:
                game.step(int(random_actions(self.np_random, game.action_mask[None])[0]))
            else:
                game.step(answer(self._opponent, game.observation()))


def answer(opponent: Opponent, observation: Array) -> int:
    """Returns the move of an opponent in a position `[D + A]`.

    Raises:
        PolicyBroke: if its file breaks a bound, fails, or gives scores that are not finite; names it.
    """
    try:
        return int(opponent.act(observation[None])[0])
    except PolicyBroke as error:
        raise PolicyBroke(f"opponent {opponent.path}: {error}") from None


def _load(path: Path, game: Game, *, is_own: bool) -> Opponent:
    try:
        modified = path.stat().st_mtime_ns
    except OSError as error:
        raise ArenaError(f"cannot read opponent {path}: {error.strerror}") from error
    policy = _load_own(path, modified) if is_own else _load_bounded(path, modified, os.getpid())
    policy.signature.check(game.observation_space, game.action_space, where=f"opponent {path}")
    return policy


# One policy for all environments of the process. Batching its calls over 16 of them would save 11 of 144 us a step (docs/games.md).
# A part of each key is when the file was written: a file that was written anew is loaded anew.


@functools.lru_cache(maxsize=256)
def _load_own(path: Path, modified: int) -> OnnxPolicy:
    """Returns a snapshot of the run that is being trained, which plays in this process."""
    del modified
    return OnnxPolicy(path)


@functools.lru_cache(maxsize=8)
def _load_bounded(path: Path, modified: int, pid: int) -> BoundedPolicy:
    """Returns a policy for whoever may have written it; a fork of this process, which has another id, gets one of its own."""
    del modified, pid
    return BoundedPolicy(path)
