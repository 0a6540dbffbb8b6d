"""Whose fault it is that a match cannot be played: a policy that fails loses; where the environment fails, nobody does."""

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.choices import Choosing, are_allowed, are_in_space, head_sizes
from arena.environments.own_errors import with_notes_of
from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError, EnvironmentRaised
from arena.formats.readable import one_line
from arena.policies.bounded.player_processes import ServerGone
from arena.policies.policy import Policy

Array = npt.NDArray[Any]


ILLEGAL = "failed: illegal action: "
"""Beginning of the reason of a duel that was lost because the environment failed on an action that its mask forbids."""


class PolicyFailed(Exception):
    """Raised for what a policy did wrong; the message is the reason that the match's record keeps."""


class GuardedPolicy:
    """A policy whose faults are told from those of the environment: errors, late answers, and actions outside the space.

    Args:
        policy: The policy to ask.
        observation_space: Observation space of the environment.
        action_space: Action space of the environment.
        action_seconds: Longest time for an action: the time of a call divided by the observations in it.
    """

    def __init__(
        self, policy: Policy, observation_space: gym.Space[Any], action_space: gym.Space[Any], *, action_seconds: float = math.inf
    ) -> None:
        self._policy, self._observation_space, self._action_space = policy, observation_space, action_space
        self._action_seconds = action_seconds
        self.was_illegal = False
        """Whether the policy ever chose an action that its observation's mask forbids: an environment may fail on one."""

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns the policy's actions `[N, *act]`.

        Raises:
            PolicyFailed: If the policy raises, takes too long, or gives anything but N finite actions of the space.
        """
        start = time.perf_counter()
        try:
            actions: Array = np.asarray(self._policy.act(observations, action_masks=action_masks))
        except ServerGone:  # the machine's fault, or whoever ended it
            raise
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise PolicyFailed(f"failed: {one_line(error)}") from error
        if (seconds := (time.perf_counter() - start) / len(observations)) > self._action_seconds:
            raise PolicyFailed(f"time-out: {seconds:.3g} s for an action, {self._action_seconds:g} allowed")
        if actions.shape != (len(observations), *(self._action_space.shape or ())) or not np.isfinite(actions).all():
            raise PolicyFailed(f"failed: it gave actions of shape {actions.shape} for {len(observations)} observations, or not finite ones")
        if isinstance(self._action_space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)):
            self._check_choices(observations, actions, self._action_space)
        return actions

    def blame(self, error: EnvironmentRaised, path: Path) -> ArenaError:
        """Returns the error for people, which names the policy where the environment failed after it broke a rule.

        Args:
            error: Error of the environment that the policy played.
            path: Policy file.
        """
        if not self.was_illegal:
            return error
        return with_notes_of(error, ArenaError(f"policy {path} chose an action that its mask forbids, and {error}"))

    def _check_choices(self, observations: Array, actions: Array, space: Choosing) -> None:
        if isinstance(space, gym.spaces.Discrete):
            actions = actions - int(space.start)
        if not are_in_space(actions, space).all():
            raise PolicyFailed(f"failed: it chose an action outside {space}")
        if isinstance(self._observation_space, MaskedBox):
            _, masks = self._observation_space.split(observations)
            self.was_illegal |= not are_allowed(actions, masks, head_sizes(space)).all()


@contextlib.contextmanager
def faults_of(env_name: str) -> Iterator[None]:
    """Turns errors of an environment's or game's own code into one line for the user; errors of a policy pass through.

    Raises:
        ArenaError: If the environment fails; names it. Nothing is recorded of the task, so it is played again when the tournament resumes.
    """
    try:
        yield
    except (PolicyFailed, ServerGone):
        raise
    except EnvironmentRaised as error:
        raise with_notes_of(error, ArenaError(f"{error}; the match does not count")) from error
    except Exception as error:  # the environment is another package's code
        raise ArenaError(f"environment {env_name} failed: {type(error).__name__}: {one_line(error)}; the match does not count") from error


def is_fault_of_file(reason: str) -> bool:
    """Returns whether a match was lost because the policy's file failed: not by a bad choice, a late answer or a failed training run.

    Args:
        reason: Reason in the match's record.
    """
    return reason.startswith("failed: ") and not reason.startswith(ILLEGAL)
