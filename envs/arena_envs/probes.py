"""Probe environments: so small that optimal values are known in closed form, so that a fault of an agent shows in seconds.

The idea is bsuite's (Osband et al., 2020, arXiv:1908.03568). Values below are discounted by g; returns are undiscounted.
"""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Info = dict[str, Any]


class Identity(gym.Env[np.int64, np.int64]):
    """Reward 1 for repeating the observation.

    After Stable-Baselines3 (`tests/test_identity.py`). Catches: anything that keeps an agent from learning at all, such as
    observations and rewards that are shifted by a step against each other.

    Observation: `Discrete(num_actions)`, drawn anew at every step. Action: the same.
    Reward: 1 if the action equals the observation, else 0. Episode: truncated after 100 steps, never terminated.
    Optimal return: 100. Optimal values: `1 / (1 - g)`. Random policy: `100 / num_actions`.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, num_actions: int = 4) -> None:
        self.observation_space = gym.spaces.Discrete(num_actions)
        self.action_space = gym.spaces.Discrete(num_actions)
        self._answer = np.int64(0)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        reward = float(action == self._answer)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> np.int64:
        self._answer = self.np_random.integers(int(self.observation_space.n))  # type: ignore[attr-defined]
        return self._answer


class TwoRound(gym.Env[np.int64, np.int64]):
    """Two rounds; only the second one pays, and the first decides how much.

    The environment of keras-rl's `tests/integration/test_discrete.py` (once in Gym as TwoRoundDeterministicReward). Catches: a
    missing or wrong bootstrap, since the greedy choice by the next reward alone is never tested.

    Observation: `Discrete(3)`: 2 at the start, then the first action. Action: `Discrete(2)`.
    Reward: 0 in the first round; then 0 or 3 after first action 0, 1 or 2 after first action 1. Episode: terminated after round two.
    Optimal return: exactly 3 (action 0, then 1). Optimal values: `3 g` at the start, 3 and 2 in round two. Random policy: 1.5.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]
    rewards = ((0.0, 3.0), (1.0, 2.0))
    """Rewards, by first and second action."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Discrete(3)
        self.action_space = gym.spaces.Discrete(2)
        self._first: int | None = None

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._first = None
        return np.int64(2), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        if self._first is None:
            self._first = int(action)
            return np.int64(self._first), 0.0, False, False, {}
        return np.int64(self._first), self.rewards[self._first][int(action)], True, False, {}


class Truncation(gym.Env[np.int64, np.int64]):
    """Staying is worth most, but a time limit cuts every stay short: an agent that takes the cut for an end leaves instead.

    Catches: truncation taken for termination, in values and in the greedy action.

    Observation: `Discrete(2)`, two places visited in turn. Action: `Discrete(2)`: 0 leaves, 1 stays.
    Reward: 3 for leaving, which terminates; 1 for staying. Episode: truncated after 2 steps, always in place 1.
    Optimal for g > 2/3: stay in both places, worth `1 / (1 - g)` each (10 at g = 0.9), against 3 for leaving.
    The faulty agent believes that staying is worth 1 in place 1 and `1 + 3 g` in place 0 (3.7 at g = 0.9), so it leaves in place 1.

    The episode return under the time limit rewards the fault (4 against 2). Judge greedy actions, values, or returns of
    `gymnasium.make("arena/Truncation-v0", max_episode_steps=20)`, as `arena.testing.check_learns` does: 20 for the optimal policy, 4 for
    the faulty one.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Discrete(2)
        self.action_space = gym.spaces.Discrete(2)
        self._place = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._place = 0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        self._place = 1 - self._place
        leaves = int(action) == 0
        return np.int64(self._place), 3.0 if leaves else 1.0, leaves, False, {}


class Discount(gym.Env[np.int64, np.int64]):
    """A small reward now or a larger one later: which is better depends on the discount alone.

    Catches: a discount that is ignored, or applied once too often or too seldom.

    Observation: `Discrete(delay + 1)`, the place on the way. Action: `Discrete(2)`, of effect only in place 0: 0 takes the small
    reward, 1 sets out.
    Reward: 1 at once, or 2 on the step out of place `delay`, that is `delay` steps after setting out; both terminate.
    Optimal values in place 0: `max(1, 2 g ** delay)`; in place k > 0: `2 g ** (delay - k)`. With `delay=3` the optimal action
    changes at `g = 0.5 ** (1 / 3)`, about 0.794. Optimal return: 2 above that, 1 below.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, delay: int = 3) -> None:
        self.observation_space = gym.spaces.Discrete(delay + 1)
        self.action_space = gym.spaces.Discrete(2)
        self.delay = delay
        self._place = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._place = 0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        if self._place == 0 and int(action) == 0:
            return np.int64(0), 1.0, True, False, {}
        if self._place == self.delay:
            return np.int64(self._place), 2.0, True, False, {}
        self._place += 1
        return np.int64(self._place), 0.0, False, False, {}


class Chain(gym.Env[np.int64, np.int64]):
    """A chain that ends with a crumb at every step to the left, and with the prize only at its right end.

    Catches: exploration that stops too early, and values that do not travel back along a chain.

    Observation: `Discrete(num_states)`, the state; it starts in 0. Action: `Discrete(2)`: 0 left, 1 right.
    Reward: 0.1 for left, which terminates; 1 for right in the last state, which terminates; 0 else.
    Optimal values: `g ** (num_states - 1 - s)` in state s, as long as that is above 0.1. Optimal return: 1. An agent that never
    saw the prize gets 0.1; a random policy finds it in one of `2 ** num_states` episodes.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, num_states: int = 6) -> None:
        self.observation_space = gym.spaces.Discrete(num_states)
        self.action_space = gym.spaces.Discrete(2)
        self.num_states = num_states
        self._state = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._state = 0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        if int(action) == 0:
            return np.int64(self._state), 0.1, True, False, {}
        if self._state == self.num_states - 1:
            return np.int64(self._state), 1.0, True, False, {}
        self._state += 1
        return np.int64(self._state), 0.0, False, False, {}


class ImageIdentity(gym.Env[npt.NDArray[np.uint8], np.int64]):
    """Identity by eye: a bright square lies in one quarter of an image, and naming the quarter pays 1.

    Catches: images that are scaled, transposed or flattened in another order than the network expects.

    Observation: `uint8 [36, 36, 1]`, the smallest image that the convolutions of Mnih et al. (2015) accept; a 12 x 12 square somewhere
    inside one quarter, drawn anew at every step. Action: `Discrete(4)`, the quarter: upper left, upper right, lower left, lower right.
    Reward: 1 for the right quarter, else 0. Episode: truncated after 20 steps, never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. Random policy: 5.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]
    size, square = 36, 12

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (self.size, self.size, 1), np.uint8)
        self.action_space = gym.spaces.Discrete(4)
        self._quarter = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[npt.NDArray[np.uint8], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.uint8], float, bool, bool, Info]:
        """Takes one step."""
        reward = float(int(action) == self._quarter)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> npt.NDArray[np.uint8]:
        half, square = self.size // 2, self.square
        self._quarter = int(self.np_random.integers(4))
        top, left = self.np_random.integers(half - square + 1, size=2) + half * np.array(divmod(self._quarter, 2))
        image = np.zeros((self.size, self.size, 1), np.uint8)
        image[top : top + square, left : left + square] = 255
        return image


class BoardIdentity(gym.Env[npt.NDArray[Any], np.int64]):
    """Identity on a board of whole numbers: one cell holds the largest value, and naming its quarter pays 1.

    Catches: images that are scaled by 255 whatever their bounds say, and types of whole numbers that an agent or a policy file cannot take.

    Observation: `dtype [4, 4, 1]`, the bounds of `LEVELS`; all cells hold the lower bound but one, drawn anew at every step. Action:
    `Discrete(4)`, the quarter: upper left, upper right, lower left, lower right.
    Reward: 1 for the right quarter, else 0. Episode: truncated after 20 steps, never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. Random policy: 5.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]
    LEVELS: ClassVar[dict[str, tuple[int, int]]] = {"uint8": (0, 1), "bool": (0, 1), "int8": (-1, 1), "int64": (0, 1), "uint16": (0, 1_000)}
    """Bounds of the cells by type."""

    def __init__(self, dtype: str = "uint8") -> None:
        self._low, self._high = self.LEVELS[dtype]
        kind: Any = np.dtype(dtype).type
        self.observation_space = gym.spaces.Box(self._low, self._high, (4, 4, 1), kind)
        self.action_space = gym.spaces.Discrete(4)
        self._quarter = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[npt.NDArray[Any], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[npt.NDArray[Any], float, bool, bool, Info]:
        """Takes one step."""
        reward = float(int(action) == self._quarter)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> npt.NDArray[Any]:
        row, column = self.np_random.integers(4, size=2)
        self._quarter = int(2 * (row // 2) + column // 2)
        board = np.full((4, 4, 1), self._low, self.observation_space.dtype)
        board[row, column] = self._high
        return board


class BoxTarget(gym.Env[npt.NDArray[np.float32], npt.NDArray[np.float32]]):
    """The action should match the observation: Identity for continuous actions.

    Catches: actions scaled to other bounds than the environment's, which here differ from the observation's and from [-1, 1].

    Observation: `float32 [2]` in [-1, 1], drawn anew at every step. Action: `float32 [2]` in [-2, 2].
    Reward: minus the mean squared difference of action and observation. Episode: truncated after 20 steps, never terminated.
    Optimal return and values: 0. Uniformly random actions: -100/3, about -33.3.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Box(-2.0, 2.0, (2,), np.float32)
        self._target = np.zeros(2, np.float32)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[npt.NDArray[np.float32], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float, bool, bool, Info]:
        """Takes one step."""
        reward = -float(np.mean((action - self._target) ** 2))
        return self._draw(), reward, False, False, {}

    def _draw(self) -> npt.NDArray[np.float32]:
        self._target = self.np_random.uniform(-1.0, 1.0, 2).astype(np.float32)
        return self._target.copy()


class BoxTruncation(gym.Env[np.int64, npt.NDArray[np.float32]]):
    """`Truncation` with a continuous action: a negative number leaves, any other stays.

    Catches: truncation taken for termination, in agents for continuous actions.

    Observation: that of `Truncation`. Action: `float32 [1]` in [-1, 3], so that uniformly random play leaves in one of four steps.
    Reward, episode, optimal policy and values: those of `Truncation`, and so is the way to judge an agent.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        self._places = Truncation()
        self.observation_space = self._places.observation_space
        self.action_space = gym.spaces.Box(-1.0, 3.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.int64, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._places.reset()

    def step(self, action: npt.NDArray[np.float32]) -> tuple[np.int64, float, bool, bool, Info]:
        """Takes one step."""
        return self._places.step(np.int64(action[0] >= 0.0))
