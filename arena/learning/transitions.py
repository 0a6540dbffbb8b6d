"""One stream of true transitions from a vector environment, whatever its autoreset mode.

The three modes of Gymnasium differ in where the last observation of an episode stands; this is the one place that knows.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.environments.autoreset import only_reset_steps
from arena.environments.metering import MeteredVectorEnv

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Transitions:
    """One vector step. Where `valid` is False the row isn't a transition: its environment was only reset."""

    observations: Array
    """`[N, *obs]`"""
    actions: Array
    """`[N, *act]`"""
    rewards: Array
    """`float32 [N]`"""
    next_observations: Array
    """True next observations, `[N, *obs]`, also at the end of an episode."""
    terminated: Array
    """Episodes that the environment ended, `bool [N]`: do not bootstrap from `next_observations`."""
    truncated: Array
    """Episodes that a time limit cut, `bool [N]`: bootstrap from `next_observations`."""
    valid: Array
    """`bool [N]`"""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """T vector steps that were taken one after the other."""

    observations: Array
    """Observations that the actions answered to, `[T, N, *obs]`."""
    rewards: Array
    """`float32 [T, N]`"""
    terminated: Array
    """`bool [T, N]`"""
    truncated: Array
    """`bool [T, N]`"""
    valid: Array
    """`bool [T, N]`; False where an environment was only reset."""
    ended: Array
    """Ends of episodes, `bool [T, N]`."""


class TransitionStream:
    """Steps a metered vector environment and returns true transitions.

    The loop of an off-policy agent::

        stream.start()                                   # resets if the environment must be reset
        while steps < num_steps:
            transitions = stream.step(act(stream.observations))
            replay_buffer.add(transitions)
            steps += stream.num_valid
    """

    def __init__(self, env: MeteredVectorEnv) -> None:
        self.env = env
        self.observations: Array = np.zeros((env.num_envs, 0))
        """Observations that the next actions answer to, `[N, *obs]`."""
        self.num_valid = env.num_envs
        """Number of env steps that the last `step` took."""
        self._all_valid = np.ones(env.num_envs, np.bool_)
        self._waiting: Array = np.zeros(env.num_envs, np.bool_)
        self._any_waiting = False

    def start(self) -> bool:
        """Resets the environments if they must be; returns whether it did. Call at the beginning of every `Agent.learn`."""
        if not self.env.must_reset:
            return False
        self.observations, _ = self.env.reset()
        self._any_waiting = False
        return True

    def begin_block(self, num_steps: int) -> bool:
        """Returns whether the next `num_steps` vector steps may be taken by `env.step` alone, followed by `end_block`."""
        if not isinstance(self.env, MeteredVectorEnv) or self.env.autoreset_mode is AutoresetMode.DISABLED:
            return False  # around the meter there is one that normalises, say
        return self.observations.dtype == self.env.single_observation_space.dtype and self.env.begin_block(num_steps)

    def end_block(self, observations: Array, num_steps: int) -> Block:
        """Moves on after steps that were taken by `env.step`, and returns what they were.

        Args:
            observations: Observations that the last step returned, `[N, *obs]`.
            num_steps: Number of steps since `begin_block`.
        """
        noted, rewards, terminated, truncated = self.env.block(num_steps)
        given = np.empty_like(noted)
        given[0], given[1:] = self.observations, noted[:-1]
        self.observations = observations
        ended = terminated | truncated
        only_reset = np.zeros_like(ended)
        if self.env.autoreset_mode is AutoresetMode.NEXT_STEP:
            waiting = self._waiting if self._any_waiting else np.zeros(self.env.num_envs, np.bool_)
            only_reset = only_reset_steps(ended, waiting)
            self._waiting = ended[-1].copy()
            self._any_waiting = bool(np.count_nonzero(self._waiting))
        self.num_valid = self.env.num_envs - int(np.count_nonzero(only_reset[-1]))
        return Block(given, rewards.astype(np.float32), terminated.copy(), truncated.copy(), ~only_reset, ended)

    def step(self, actions: Array) -> Transitions:
        """Takes `actions` `[N, *act]` and moves `observations` on.

        Raises:
            BudgetExhausted: before the step, if it would overrun the run's env steps.
        """
        env, observations = self.env, self.observations
        following, rewards, terminated, truncated, info = env.step(actions)
        next_observations, valid = following, self._all_valid
        if env.autoreset_mode is AutoresetMode.NEXT_STEP:
            if self._any_waiting:
                valid = ~self._waiting
            self._waiting = (terminated | truncated) & valid
            self.num_valid = env.num_envs if valid is self._all_valid else int(np.count_nonzero(valid))
            self._any_waiting = bool(np.count_nonzero(self._waiting))  # four times faster than any()
        else:
            ended = terminated | truncated
            if ended.any():
                if env.autoreset_mode is AutoresetMode.SAME_STEP:
                    next_observations = following.copy()
                    final = info["_final_obs"]
                    next_observations[final] = np.stack(list(info["final_obs"][final]))
                else:
                    following, _ = env.reset(options={"reset_mask": ended})
        self.observations = following
        rewards = np.asarray(rewards, np.float32)
        return Transitions(observations, actions, rewards, next_observations, terminated, truncated, valid)
