"""The check of what environments give: rewards and observations must be finite numbers, and observations should lie in their space.

Values are written down step by step and looked at for many steps at once, so that the check costs a vector step nothing measurable
(`scripts/benchmarks/metering.py` measures it together with the counting). Whoever steps an environment decides what follows from a finding:
`arena.environments.metering` in training, `arena.policies.evaluation` in evaluation.
"""

import dataclasses
import math
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.errors import EnvironmentFault

Array = npt.NDArray[Any]

MAX_ROWS = 256
"""Largest number of vector steps that are looked at together."""
MAX_LOG_BYTES = 2**21
"""Largest size of the log of observations, unless a single vector step gives more."""
FLOAT32_MAX = float(np.finfo(np.float32).max)
"""Largest magnitude of a reward: agents take rewards as float32, in which anything larger is infinite."""


class MissingValue(Exception):
    """Raised by `CommonForm` where an environment gives something that is no value of its space at all.

    Args:
        value: the value, as the error for people names it.
        what: `reward` or `observation`.
        env_step: env step of the episode, from 1; 0 for a reset.
    """

    def __init__(self, value: str, what: str, env_step: int) -> None:
        super().__init__(f"{value} as {what}")
        self.value, self.what, self.env_step = value, what, env_step


@dataclasses.dataclass(frozen=True)
class BadValue:
    """The first value of a block of vector steps that is not a finite number."""

    row: int
    """Vector step within the block."""
    env: int
    """Index of the environment."""
    value: str
    """Name of the value in errors, such as `NaN`."""
    what: str
    """Part that it was given as: `reward` or `observation`."""
    is_final: bool = False
    """True for the last observation of an episode that stands apart in `info["final_obs"]`."""


class ValueWatch:
    """Holds the observations of the last vector steps, and looks at them and their rewards together.

    Args:
        space: observation space of one environment; only a Box of numbers is looked at.
        num_envs: N, the number of environments.
    """

    def __init__(self, space: gym.Space[Any], num_envs: int) -> None:
        self.num_rows = MAX_ROWS
        """Number of vector steps that fit between two calls of `look`."""
        self._log: Array | None = None  # [rows, N, *obs]
        self._finals: list[tuple[int, Array, Any]] = []
        if not isinstance(space, gym.spaces.Box) or not np.issubdtype(space.low.dtype, np.number) or _holds_every_value(space):
            return
        row_bytes = num_envs * space.low.nbytes
        self.num_rows = min(MAX_ROWS, max(1, MAX_LOG_BYTES // max(1, row_bytes)))
        self._log = np.zeros((self.num_rows, num_envs, *space.shape), space.dtype)
        self._low, self._high = space.low, space.high
        low, high = space.low, space.high
        if np.issubdtype(low.dtype, np.floating):
            edge = np.finfo(low.dtype).max
            low, high = np.maximum(low, -edge), np.minimum(high, edge)
        self._finite_low, self._finite_high = low.reshape(-1), high.reshape(-1)  # [D], without infinities
        self._row_low, self._row_high = np.tile(low.reshape(-1), num_envs), np.tile(high.reshape(-1), num_envs)  # [N * D]

    @property
    def noted(self) -> Array | None:
        """Observations of the vector steps that were noted, `[rows, N, *obs]`; None where they are not looked at."""
        return self._log

    def note(self, row: int, observations: Array, info: dict[str, Any]) -> None:
        """Writes down what a vector step gave: observations `[N, *obs]`, and in `info` those that ended an episode."""
        if self._log is not None:
            self._log[row] = observations
            if info and "final_obs" in info and "_final_obs" in info:
                self._finals.append((row, info["_final_obs"], info["final_obs"]))

    def look(self, rewards: Array, *, counted: Array | None = None, observed: bool = True) -> tuple[BadValue | None, int]:
        """Looks at a block of vector steps and forgets their observations.

        Args:
            rewards: `[K, N]`; those of steps that only reset an environment must be zero.
            counted: `bool [K, N]`, environments that matter at each step; None for all.
            observed: whether `note` was called for each of the K steps.

        Returns:
            The first bad value, and the number of observations before its step that lie outside of their space.
        """
        finals, self._finals = self._finals, []
        if not len(rewards):
            return None, 0
        found = _bad_reward(rewards, counted)
        if self._log is None or not observed:
            return found, 0
        block = self._log[: len(rewards)]
        suspects = []
        if not self._is_inside(block.reshape(len(block), -1), self._row_low, self._row_high):
            suspects.append((block, np.indices(block.shape[:2]).reshape(2, -1), False))
        if finals:
            rows = np.concatenate([np.full(np.count_nonzero(mask), row) for row, mask, _ in finals])
            envs = np.concatenate([np.flatnonzero(mask) for _, mask, _ in finals])
            last = np.stack([observation for _, mask, given in finals for observation in np.asarray(given)[mask]])
            if not self._is_inside(last.reshape(len(last), -1), self._finite_low, self._finite_high):
                suspects.append((last, np.stack([rows, envs]), True))
        outside = np.zeros(0, np.int64)
        for values, places, is_final in suspects:
            flat = np.asarray(values).reshape(places.shape[1], -1)
            matters = np.ones(len(flat), np.bool_) if counted is None else counted[places[0], places[1]]
            bad = ~np.isfinite(flat) & matters[:, None]
            if bad.any():
                first = int(np.argmin(np.where(bad.any(1), places[0], len(rewards))))
                row, env = int(places[0, first]), int(places[1, first])
                if found is None or (row, env) <= (found.row, found.env):
                    found = BadValue(row, env, value_name(flat[first][bad[first]][0]), "observation", is_final)
            beyond = ((flat < self._low.reshape(-1)) | (flat > self._high.reshape(-1))).any(1) & matters
            outside = np.concatenate([outside, places[0][beyond]])
        num_outside = int(np.count_nonzero(outside < (len(rewards) if found is None else found.row)))
        return found, num_outside

    def look_at_once(self, observations: Array) -> tuple[BadValue | None, int]:
        """Looks at observations `[M, *obs]` that were not noted, those of a reset, say; returns the same as `look`, with `env` below M."""
        if self._log is None:
            return None, 0
        flat = np.asarray(observations).reshape(len(observations), -1)
        if self._is_inside(flat, self._finite_low, self._finite_high):
            return None, 0
        bad = ~np.isfinite(flat)
        if bad.any():
            env = int(bad.any(1).argmax())
            return BadValue(0, env, value_name(flat[env][bad[env]][0]), "observation"), 0
        return None, int(np.count_nonzero(((flat < self._low.reshape(-1)) | (flat > self._high.reshape(-1))).any(1)))

    @staticmethod
    def _is_inside(values: Array, low: Array, high: Array) -> bool:
        """Returns whether all rows `[M, D]` are finite and within bounds `[D]`; NaN is within none."""
        return bool((values.min(0) >= low).all() and (values.max(0) <= high).all())


def _holds_every_value(space: gym.spaces.Box) -> bool:
    """Returns whether every value of a space's type is in it, as with images of bytes."""
    if not np.issubdtype(space.low.dtype, np.integer):
        return False
    info = np.iinfo(space.low.dtype)
    return bool((space.low == info.min).all() and (space.high == info.max).all())


def _bad_reward(rewards: Array, counted: Array | None) -> BadValue | None:
    if not rewards.size or (rewards.min() >= -FLOAT32_MAX and rewards.max() <= FLOAT32_MAX):
        return None
    bad = ~(np.abs(rewards) <= FLOAT32_MAX)
    if counted is not None:
        bad &= counted
    if not bad.any():
        return None
    row, env = np.unravel_index(int(bad.argmax()), bad.shape)
    return BadValue(int(row), int(env), value_name(rewards[row, env]), "reward")


def value_name(value: float) -> str:
    """Returns the name of a number that is not finite in float32, as errors give it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return f"{value:g} (infinite in float32)"


def environment_fault(value: str, what: str, *, env_step: int, place: str, env: str = "") -> EnvironmentFault:
    """Returns the error for a value that an environment must not give.

    Args:
        value: name of the value.
        what: `reward` or `observation`.
        env_step: env step of the episode, from 1; 0 for its reset.
        place: the episode.
        env: name of the environment; empty where the reader knows which it is.
    """
    subject = f"environment {env}" if env else "the environment"
    when = f"env step {env_step}" if env_step else "the reset"
    return EnvironmentFault(f"{subject} gave {value} as {what} at {when} of {place}; fix the environment: it must give finite numbers")
