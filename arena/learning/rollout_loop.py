"""The loop of on-policy agents: collect a rollout with the latest weights, learn from it, forget it.

Frameworks differ in their loss, network and optimizer, not in this; each adapter passes in two functions.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import PPOConfig
from arena.agent.interface import Metrics
from arena.environments.metering import MeteredVectorEnv
from arena.learning.learn_call import LearnCall
from arena.learning.rollouts import Rollout, collect_rollout
from arena.learning.transitions import TransitionStream

Array = npt.NDArray[Any]


@dataclasses.dataclass
class RolloutLoop:
    """Drives one agent; its counter is the agent's only clock.

    Args:
        env: The agent's environments.
        config: Shared settings of PPO: the length of a rollout, and the learning rate by env steps.
    """

    env: MeteredVectorEnv
    config: PPOConfig
    env_steps: int = 0
    """Transitions that this agent has taken and learned from."""

    def __post_init__(self) -> None:
        self._stream = TransitionStream(self.env)

    def run(
        self,
        num_steps: int,
        act: Callable[[Array], tuple[Array, ...]],
        update: Callable[[Rollout, float], tuple[int, Mapping[str, float]]],
    ) -> Metrics:
        """Takes whole rollouts until at least `num_steps` env steps are taken.

        Args:
            num_steps: Env steps to take; the last rollout may go beyond.
            act: `[N, *obs]` -> `(actions [N, *act], *extras)`, by the latest weights.
            update: `update(rollout, learning_rate)` learns from a rollout; returns the number of optimizer steps, and the losses.

        Raises:
            BudgetExhausted: if the budget does not allow a whole rollout.
            TrainingDiverged: if a loss is not finite.
        """
        call = LearnCall()
        with call:
            while call.env_steps < num_steps:
                rollout = self.collect(act)
                start = time.perf_counter()
                learning_rate = self.config.learning_rate_at(self.env_steps)
                self.env_steps += rollout.num_env_steps
                call.env_steps += rollout.num_env_steps
                num_updates, call.losses = update(rollout, learning_rate)
                call.learner_steps += num_updates
                call.act_seconds += rollout.act_seconds
                call.learn_seconds += time.perf_counter() - start
        return call.metrics(self.env_steps)

    def collect(self, act: Callable[[Array], tuple[Array, ...]]) -> Rollout:
        """Returns the next rollout without counting it; resets the environments first if they must be reset. Raises as `run`."""
        self._stream.start()
        return collect_rollout(self._stream, self.config.rollout_length, act)

    def state(self) -> dict[str, Any]:
        """Returns the state of the loop, fit for JSON; only at a checkpoint, when the environments are about to be reset."""
        return {"env_steps": self.env_steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned; further keys are ignored."""
        self.env_steps = state["env_steps"]


def epoch_minibatches(
    rows: Array, batch_size: int, num_epochs: int, rng: np.random.Generator, *, num_minibatches: int | None = None
) -> Array:
    """Returns the rows of every minibatch, `[k, batch_size]`: each epoch is one permutation of `rows`.

    Without `num_minibatches`, minibatches run over the ends of epochs, and what is left at the end of the last epoch is dropped. With it,
    every epoch has that many minibatches: its permutation is repeated from its beginning until they are full.

    Args:
        rows: Indices of the transitions of a rollout, `[R]`.
        batch_size: Rows in a minibatch; if there are fewer `rows` and `num_minibatches` is not given, all of them.
        num_epochs: Passes over `rows`.
        rng: Generator of the permutations.
        num_minibatches: Minibatches of each epoch; shapes are then always the same, and no row is left out.
    """
    epochs = [rng.permutation(rows) for _ in range(num_epochs)]
    if num_minibatches is not None:
        return np.concatenate([np.resize(epoch, num_minibatches * batch_size) for epoch in epochs]).reshape(-1, batch_size)
    size = min(batch_size, len(rows))
    indices: Array = np.concatenate(epochs)
    return indices[: len(indices) // size * size].reshape(-1, size)
