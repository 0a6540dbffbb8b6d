"""The agent interface: what an algorithm of any framework implements so that the arena can train it.

The worker's loop, in full::

    agent = Agent(env_factory, config, seed=seed, device=device)
    while budget_left:
        metrics = agent.learn(num_steps)
        agent.export_policy(path)          # now and then: evaluate it, keep the best
        agent.save(directory)              # now and then: all environments are then cut and reset
    agent.close()
"""

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.metering import MeteredEnv, MeteredVectorEnv

Array = npt.NDArray[Any]


class EnvFactory(Protocol):
    """Makes the environments that an agent trains on: seeded by the arena, metered, and counted against the budget.

    Observations are `float32 [*obs]` for flat spaces (Discrete observations arrive one-hot) or images `[H, W, C]` in their
    own dtype. Discrete actions count from zero.
    """

    observation_space: gym.Space[Any]
    """Of one environment, after the arena's wrappers."""
    action_space: gym.Space[Any]
    """Of one environment, after the arena's wrappers."""

    def make_vec(self, num_envs: int) -> MeteredVectorEnv:
        """Returns `num_envs` environments behind one metered `gymnasium.vector.VectorEnv`.

        Reset it whenever its `must_reset` is true (at the beginning, and after every checkpoint); a seed given to `reset` is
        ignored, the arena's is used.
        """

    def make(self) -> MeteredEnv:
        """Returns one metered `gymnasium.Env`, under the same rule for `must_reset`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metrics:
    """What one call of `Agent.learn` did. Steps and returns are not here: the environment measures those."""

    learner_steps: int
    """Optimizer steps taken in this call."""
    act_seconds: float = 0.0
    """Wall seconds spent choosing actions."""
    learn_seconds: float = 0.0
    """Wall seconds spent on replay sampling, targets, gradients and weight updates."""
    losses: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Last value (or mean over the call) of each quantity that the agent's README names, logged as `loss/<name>`."""


class Agent(abc.ABC):
    """One algorithm in one framework, alone in its process. Subclasses do all compilation in `__init__`.

    Args:
        env_factory: makes metered environments.
        config: an instance of the spec's config dataclass.
        seed: of every random choice that the agent makes itself.
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`; never `"auto"`, the worker has resolved it.
    """

    @abc.abstractmethod
    def __init__(self, env_factory: EnvFactory, config: Any, *, seed: int, device: str) -> None: ...

    @abc.abstractmethod
    def learn(self, num_steps: int) -> Metrics:
        """Trains for about `num_steps` env steps: at least one, and at most one rollout or training period beyond it.

        Raises:
            BudgetExhausted: by the environment, when the run's env steps are used up; an agent does nothing about it.
            TrainingDiverged: when a loss is not finite.
        """

    @abc.abstractmethod
    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N, *act]` for `observations` `[N, *obs]`, by the framework's own forward pass."""

    @abc.abstractmethod
    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy as one ONNX file: `observations` -> `actions`, `action_scores` (see `arena.policies.policy`)."""

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Writes into the existing empty `directory` everything that exact resume needs, without pickle."""

    @abc.abstractmethod
    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote, in a fresh instance with the same config, seed and environment."""

    def close(self) -> None:  # noqa: B027 -- most agents have nothing to close
        """Frees what the end of the process would not."""


ACT_ROWS = 512
"""Observations in the one batch on which the runner compares `Agent.act` with the exported policy, at evaluations: worth compiling for."""


def same_choices(actions: Array, scores: Array, other_actions: Array, *, tolerance: float = 1e-5, width: Array | float = 1.0) -> Array:
    """Returns for each row, `bool [N]`, whether `other_actions` are those of a greedy policy too, up to float32 rounding.

    Two forward passes may choose differently where actions score alike; any other difference is one of the policies.

    Args:
        actions: of the policy, `[N, *act]`.
        scores: of the policy, `[N, A]`; not used for Box actions.
        other_actions: of another implementation on the same observations.
        tolerance: by how much scores may differ, relative to one plus their size, and Box actions, relative to `width`.
        width: `high - low` of a Box.
    """
    if actions.shape != other_actions.shape:
        return np.zeros(len(actions), np.bool_)
    if not np.issubdtype(actions.dtype, np.integer):
        close = np.abs(actions - other_actions) <= 10.0 * tolerance * width  # not one choice of few, but the network's output itself
        return np.asarray(close.reshape(len(actions), -1).all(-1))
    rows = np.arange(len(actions))
    best = scores[rows, actions]
    return np.asarray(scores[rows, other_actions] >= best - tolerance * (1.0 + np.abs(best)))
