"""Two-player games: PettingZoo's turn-based (AEC) environments, in the form in which policies see everything else.

Rules, rewards and masks are PettingZoo's own. Its known games are used without the wrappers of their `env()`, which check what is
checked here once more: that halves the time of a ply.
"""

import importlib
import re
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pettingzoo

from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError, did_you_mean

Array = npt.NDArray[Any]

CLASSIC_ID = re.compile(r"([a-z]\w*)_(v\d+)")
"""Form of the ids of `pettingzoo.classic`, such as `connect_four_v3`, which name no module."""
_MODULE_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def is_game(env_id: str) -> bool:
    """Returns whether `env_id` is written as a game's id (`connect_four_v3`, `package.module`), not as a Gymnasium id."""
    return bool(CLASSIC_ID.fullmatch(env_id) or _MODULE_PATH.fullmatch(env_id))


class Game:
    """One game between two seats, 0 moving first. Call `reset` before anything else.

    Args:
        game_id: Id of `pettingzoo.classic` (`connect_four_v3`, `tictactoe_v3`), or `package.module` of a module with an `env()` function.

    Raises:
        ArenaError: if there is no such game, or it is not a turn-based one of two players with discrete actions and an `action_mask`.
    """

    observation_space: MaskedBox
    """Observations of the player to move, the same for both players: the position `float32 [D]`, then the action mask `[A]`."""
    action_space: gym.spaces.Discrete[Any]
    """Actions of both players, counting from zero."""
    seat: int
    """Seat that moves next: 0 or 1."""
    over: bool
    """Whether the game has ended; only `returns`, `observation` and `board` mean something then."""
    returns: tuple[float, float]
    """Sum of each seat's rewards so far."""

    def __init__(self, game_id: str) -> None:
        self.id = game_id
        self._env = _make(game_id)
        self._players: list[Any] = list(self._env.possible_agents)
        self.observation_space, self.action_space, self._board_shape = _spaces(game_id, self._env)
        self._position: Array | None = None  # of the player to move, computed once for each position, as is its mask
        self._mask: Array | None = None

    def reset(self, seed: int | None = None) -> None:
        """Begins a new game; `seed` matters only where the game itself draws."""
        self._env.reset(seed=seed)
        self.over, self.returns = False, (0.0, 0.0)
        self._next()

    def observation(self, seat: int | None = None) -> Array:
        """Returns what a seat sees, `float32 [D + A]`, by default the one to move; the mask of the other is all zeros."""
        if seat is not None and seat != self.seat:
            return self._observe(seat)
        if self._position is None:
            self._position = self._observe(self.seat)
        return self._position

    @property
    def action_mask(self) -> Array:
        """Actions that the player to move may take, `bool [A]`."""
        if self._mask is None:
            self._mask = self.observation()[self.observation_space.num_features :] > 0.5
        return self._mask

    def step(self, action: int) -> None:
        """Plays a legal action for the player to move.

        Raises:
            ValueError: if the action is illegal here, or the game is over.
        """
        if self.over or not (0 <= action < len(self.action_mask) and self.action_mask[action]):
            raise ValueError(f"{self.id}: action {action} is illegal here")
        env = self._env
        env.step(int(action))
        first, second = (float(env.rewards.get(player, 0.0)) for player in self._players)
        self.returns = (self.returns[0] + first, self.returns[1] + second)
        self.over = any(env.terminations.values()) or any(env.truncations.values())
        self._next()

    def board(self) -> Array | None:
        """Returns the position `int8 [H, W]`: 0 empty, 1 and 2 the pieces of seats 0 and 1; None where a game is not of that kind."""
        if self._board_shape is None:
            return None
        planes = self._observe(0)[: -int(self.action_space.n)].reshape(self._board_shape)
        return np.asarray(planes[..., 0] + 2 * planes[..., 1], np.int8)

    def close(self) -> None:
        """Frees the resources of the game."""
        self._env.close()

    def _next(self) -> None:
        self.seat, self._position, self._mask = self._players.index(self._env.agent_selection), None, None

    def _observe(self, seat: int) -> Array:
        view = self._env.observe(self._players[seat])
        observation = np.empty(self.observation_space.shape, np.float32)
        split = self.observation_space.num_features
        observation[:split] = view["observation"].reshape(-1)
        observation[split:] = view["action_mask"]
        return observation


def _make(game_id: str) -> Any:
    try:
        env = _constructor(game_id)()
    except ImportError as error:
        raise ArenaError(f"game {game_id!r} cannot be imported: {error}") from error
    except ArenaError:
        raise
    except Exception as error:  # another package's code
        raise ArenaError(f"game {game_id!r} cannot be made: {error!r}") from error
    if not isinstance(env, pettingzoo.AECEnv):
        raise ArenaError(f"game {game_id!r} is a {type(env).__name__}; a game must be a turn-based PettingZoo environment (AECEnv)")
    return env


def _constructor(game_id: str) -> Callable[[], Any]:
    if match := CLASSIC_ID.fullmatch(game_id):
        spec = pettingzoo.aec_registry.get(f"classic/{match[1]}-{match[2]}")
        if spec is None:
            classic = [key for key in pettingzoo.aec_registry if key.startswith("classic/")]
            known = [key.removeprefix("classic/").replace("-v", "_v") for key in classic]
            raise ArenaError(
                f"no game {game_id!r} in pettingzoo.classic{did_you_mean(game_id, known)} (it has: {', '.join(sorted(known))})"
            )
        # The module that carries the id warns that it is deprecated; the one behind it does not.
        constructor: Callable[[], Any] = importlib.import_module(str(spec.entry_point).partition(":")[0]).raw_env
        return constructor
    if not _MODULE_PATH.fullmatch(game_id):
        raise ArenaError(f"{game_id!r} isn't a game: give an id of pettingzoo.classic (connect_four_v3) or package.module")
    module = importlib.import_module(game_id)
    if not hasattr(module, "env"):
        raise ArenaError(f"game {game_id!r}: the module has no function env()")
    return lambda: module.env()


def _spaces(game_id: str, env: Any) -> tuple[MaskedBox, gym.spaces.Discrete[Any], tuple[int, ...] | None]:
    players = list(env.possible_agents)
    if len(players) != 2:
        raise ArenaError(f"game {game_id!r} has {len(players)} players; the arena plays games of two")
    spaces = [(env.observation_space(player), env.action_space(player)) for player in players]
    if spaces[0] != spaces[1]:
        raise ArenaError(f"game {game_id!r}: its players see or do different things; both must have the same spaces")
    observations, actions = spaces[0]
    if not isinstance(actions, gym.spaces.Discrete) or actions.start != 0:
        raise ArenaError(f"game {game_id!r}: actions are {actions}; the arena takes Discrete, counting from zero")
    parts = observations.spaces if isinstance(observations, gym.spaces.Dict) else {}
    board, mask = parts.get("observation"), parts.get("action_mask")
    if not isinstance(board, gym.spaces.Box) or mask is None or mask.shape != (int(actions.n),):
        raise ArenaError(
            f"game {game_id!r}: observations are {observations}; "
            f"the arena takes Dict(observation: Box, action_mask: {int(actions.n)} flags)"
        )
    is_board = len(board.shape) == 3 and board.shape[2] == 2 and bool((board.low == 0).all() and (board.high == 1).all())
    masked = MaskedBox(board.low.reshape(-1), board.high.reshape(-1), int(actions.n))
    return masked, gym.spaces.Discrete(int(actions.n)), board.shape if is_board else None
