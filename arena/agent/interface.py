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
import numpy.typing as npt

from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import MeteredVectorEnv

Array = npt.NDArray[Any]

SEGMENTS = "segments"
"""Name of a folder below that of `Agent.save`: its files, such as old transitions, never change once written; checkpoints share them."""


class EnvFactory(Protocol):
    """Makes the environments that an agent trains on: seeded by the arena, metered, and counted against the budget.

    Observations are `float32 [*obs]` for flat spaces (Discrete observations arrive one-hot) or images `[H, W, C]` in their
    own dtype. Discrete actions count from zero.
    """

    observation_space: gym.Space[Any]
    """Observations of one environment, after the arena's wrappers."""
    action_space: gym.Space[Any]
    """Actions of one environment, after the arena's wrappers."""

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
        env_factory: Makes metered environments.
        config: Instance of the spec's config dataclass.
        seed: Seed of every random choice that the agent makes itself.
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`; never `"auto"`, the worker has resolved it.
    """

    @abc.abstractmethod
    def __init__(self, env_factory: EnvFactory, config: Any, *, seed: int, device: str) -> None: ...

    @abc.abstractmethod
    def learn(self, num_steps: int) -> Metrics:
        """Trains for about `num_steps` env steps: at least one, and at most one rollout or training period beyond it.

        Raises:
            BudgetExhausted: when the run's env steps are used up; the environment raises it, and an agent does nothing about it.
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
        """Writes into the existing `directory` everything that exact resume needs, without pickle.

        The folder is empty, except for `segments/` if this agent wrote files there at the checkpoint before: those files are there again.
        They are shared with that checkpoint, and may be kept or removed, never changed.
        """

    @abc.abstractmethod
    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote, in a fresh instance with the same config, seed and environment."""

    def close(self) -> None:  # noqa: B027 -- most agents have nothing to close
        """Frees what the end of the process would leave behind."""
