"""Probe environments whose observations have several parts, text among them, and whose actions are several choices at once."""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Info = dict[str, Any]

COLOURS = ("red", "green", "blue", "yellow")
"""Word of an instruction that matters, by the action that it asks for."""
PHRASES = ("go to the {} door", "open the {} one", "take a {} key", "{} is where the ball goes")
"""Phrases in training."""
HELD_OUT_PHRASES = ("put the key into the {} box", "now {} please", "what lamp is {} tonight")
"""Phrases that training never sees."""


class Instruction(gym.Env[Mapping[str, Any], np.int64]):
    """Reward 1 for what the text asks for; all else that is seen has nothing to do with it.

    Catches: text that is lost, cut, or read in another way in an evaluation than in training.

    Observation: `Dict(instruction: Text, lamp: Discrete(4))`, both drawn anew at every step: a phrase with a colour in it, and a number of
    no meaning. Action: `Discrete(4)`, the colour. Reward: 1 for the colour that the text names, else 0. Episode: truncated after 20 steps,
    never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. Without the text no policy gets more than a quarter of it, 5, as random play does.

    Args:
        held_out: whether the phrases are those that training never sees.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, *, held_out: bool = False) -> None:
        self.phrases = HELD_OUT_PHRASES if held_out else PHRASES
        text = gym.spaces.Text(60, charset="abcdefghijklmnopqrstuvwxyz ")
        self.observation_space = gym.spaces.Dict(instruction=text, lamp=gym.spaces.Discrete(4))
        self.action_space = gym.spaces.Discrete(len(COLOURS))
        self._answer = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Mapping[str, Any], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[Mapping[str, Any], float, bool, bool, Info]:
        """Takes one step."""
        reward = float(int(action) == self._answer)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> Mapping[str, Any]:
        self._answer = int(self.np_random.integers(len(COLOURS)))
        phrase = self.phrases[self.np_random.integers(len(self.phrases))]
        return {"instruction": phrase.format(COLOURS[self._answer]), "lamp": self.np_random.integers(4)}


class PictureAndFlag(gym.Env[Mapping[str, Any], np.int64]):
    """Reward 1 for an action that repeats what a picture shows and what a number beside it says.

    Catches: a part that is lost on the way to a network, and pixels or numbers that are mixed up.

    Observation: `Dict(flag: Discrete(2), picture: Box(0, 255, [8, 8, 1], uint8))`, drawn anew at every step: the picture has one bright
    square of 2 x 2 pixels, in its left or its right half. Action: `Discrete(4)`, twice the half plus the flag. Reward: 1 for the right
    action, else 0. Episode: truncated after 20 steps, never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. With one of both parts no policy gets more than half of it; random play gets 5.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        picture = gym.spaces.Box(0, 255, (8, 8, 1), np.uint8)
        self.observation_space = gym.spaces.Dict(flag=gym.spaces.Discrete(2), picture=picture)
        self.action_space = gym.spaces.Discrete(4)
        self._answer = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Mapping[str, Any], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[Mapping[str, Any], float, bool, bool, Info]:
        """Takes one step."""
        reward = float(int(action) == self._answer)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> Mapping[str, Any]:
        half, flag, row, column = (int(number) for number in self.np_random.integers([2, 2, 7, 3]))
        picture = np.zeros((8, 8, 1), np.uint8)
        picture[row : row + 2, 4 * half + column : 4 * half + column + 2] = 255
        self._answer = 2 * half + flag
        return {"flag": np.int64(flag), "picture": picture}


class Choices(gym.Env[tuple[Any, ...], npt.NDArray[np.integer[Any]]]):
    """Three choices at once, each of which should repeat its part of the observation.

    Catches: parts that are mixed up, and combinations of choices that are counted in one order and played in another.

    Observation: `Tuple(Discrete(3), MultiBinary(2))`, drawn anew at every step. Action: `MultiDiscrete([3, 2, 2])`, the same numbers.
    Reward: the share of the choices that are right. Episode: truncated after 20 steps, never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. Random policy: 80/9, about 8.9.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Tuple([gym.spaces.Discrete(3), gym.spaces.MultiBinary(2)])
        self.action_space = gym.spaces.MultiDiscrete([3, 2, 2])
        self._answer = np.zeros(3, np.int64)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[tuple[Any, ...], Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: npt.NDArray[np.integer[Any]]) -> tuple[tuple[Any, ...], float, bool, bool, Info]:
        """Takes one step."""
        reward = float(np.mean(action == self._answer))
        return self._draw(), reward, False, False, {}

    def _draw(self) -> tuple[Any, ...]:
        self._answer = self.np_random.integers([3, 2, 2])
        return self._answer[0], self._answer[1:].astype(np.int8)


class ManyChoices(gym.Env[Mapping[str, Any], npt.NDArray[np.integer[Any]]]):
    """Seven choices at once, too many to count their combinations, each of which should repeat its part of the observation.

    Catches: heads of a policy that are cut at wrong places or mixed up, log probabilities that are not those of all choices together, and
    masks that are read for another choice.

    Observation: `MultiDiscrete([4, 3, 2, 4, 3, 2, 4])`, drawn anew at every step; if `masked`, the part `asked` of a Dict whose
    `action_mask` is `MultiBinary(22)`. Action: `MultiDiscrete([4, 3, 2, 4, 3, 2, 4])`, of which the first choice counts from 1: the same
    numbers, 2,304 combinations. Reward: the share of the choices that are right. The mask forbids one value of each choice that has more
    than two, never the right one; a forbidden value raises ValueError. Episode: truncated after 20 steps, never terminated.
    Optimal return: 20. Optimal values: `1 / (1 - g)`. Random policy: 145/21, about 6.9; within the mask 60/7, about 8.6.

    Args:
        masked: whether a mask forbids values.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, *, masked: bool = False) -> None:
        self._sizes = np.array([4, 3, 2, 4, 3, 2, 4])
        self._starts = np.zeros_like(self._sizes)
        self._starts[0] = 1
        asked = gym.spaces.MultiDiscrete(self._sizes)
        mask = gym.spaces.MultiBinary(int(self._sizes.sum()))
        self.observation_space: gym.Space[Any] = gym.spaces.Dict(asked=asked, action_mask=mask) if masked else asked
        self.action_space = gym.spaces.MultiDiscrete(self._sizes, start=self._starts)
        self._masked = masked
        self._answer, self._forbidden = np.zeros_like(self._sizes), np.zeros_like(self._sizes)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        return self._draw(), {}

    def step(self, action: npt.NDArray[np.integer[Any]]) -> tuple[Any, float, bool, bool, Info]:
        """Takes one step."""
        chosen = action - self._starts
        if self._masked and (chosen == self._forbidden).any():
            raise ValueError(f"action {action.tolist()} is forbidden by the action mask")
        reward = float(np.mean(chosen == self._answer))
        return self._draw(), reward, False, False, {}

    def _draw(self) -> Any:
        self._answer = self.np_random.integers(self._sizes)
        if not self._masked:
            return self._answer
        wrong = (self._answer + self.np_random.integers(1, self._sizes)) % self._sizes
        self._forbidden = np.where(self._sizes > 2, wrong, -1)
        flags = [np.arange(size) != forbidden for size, forbidden in zip(self._sizes, self._forbidden, strict=True)]
        return {"asked": self._answer, "action_mask": np.concatenate(flags).astype(np.int8)}
