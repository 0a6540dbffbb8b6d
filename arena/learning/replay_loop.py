"""The loop of value-based agents with replay: act epsilon-greedily on vectorised environments, store, train in bursts.

Frameworks differ in their loss, network and optimizer, not in this; each adapter passes in two functions.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import DQNConfig
from arena.agent.interface import Metrics
from arena.environments.metering import MeteredVectorEnv
from arena.environments.spaces import MaskedBox, random_actions
from arena.learning.learn_call import LearnCall
from arena.learning.transitions import Transitions, TransitionStream

Array = npt.NDArray[Any]


class TransitionStore(Protocol):
    """Takes the transitions of a `ReplayLoop`: a replay buffer."""

    def add(self, transitions: Transitions) -> None:
        """Appends the valid rows of `transitions`."""


@dataclasses.dataclass
class ReplayLoop:
    """Drives one agent; its counters are the agent's only clock.

    Args:
        env: The agent's environments.
        config: Shared settings of DQN.
        replay: Takes every transition.
        seed: Seed of exploration.
    """

    env: MeteredVectorEnv
    config: DQNConfig
    replay: TransitionStore
    seed: int
    env_steps: int = 0
    """Transitions that this agent has taken."""
    num_bursts: int = 0
    """Training bursts that this agent has made."""

    def __post_init__(self) -> None:
        assert isinstance(self.env.single_action_space, gym.spaces.Discrete)
        self._num_actions = int(self.env.single_action_space.n)
        self._space = self.env.single_observation_space
        self._stream = TransitionStream(self.env)
        self._rng = np.random.default_rng(self.seed)

    def run(
        self,
        num_steps: int,
        action_scores: Callable[[Array], Array],
        update: Callable[[int, bool], Mapping[str, float]],
    ) -> Metrics:
        """Takes at least `num_steps` env steps.

        Args:
            num_steps: Env steps to take; the last vector step may go beyond by `num_envs - 1`.
            action_scores: `[N, *obs]` -> `[N, A]`, by the latest weights.
            update: `update(num_updates, update_target)` makes that many optimizer steps on fresh minibatches, then copies
                weights into the target network if `update_target`; returns the losses.

        Raises:
            BudgetExhausted: if the budget does not allow a single vector step.
            TrainingDiverged: if a loss is not finite.
        """
        config, stream, rng = self.config, self._stream, self._rng
        stream.start()
        call = LearnCall()
        with call:
            while call.env_steps < num_steps:
                start = time.perf_counter()
                actions = self._actions(stream.observations, action_scores, rng)
                call.act_seconds += time.perf_counter() - start
                transitions = stream.step(actions)
                start = time.perf_counter()
                self.replay.add(transitions)
                self.env_steps += stream.num_valid
                call.env_steps += stream.num_valid
                bursts_due = (self.env_steps - config.learning_starts) // config.train_period
                while self.num_bursts < bursts_due:
                    self.num_bursts += 1
                    call.losses = update(config.num_updates, self.num_bursts % config.target_update_bursts == 0)
                    call.learner_steps += config.num_updates
                call.learn_seconds += time.perf_counter() - start
        return call.metrics(self.env_steps)

    def _actions(self, observations: Array, action_scores: Callable[[Array], Array], rng: np.random.Generator) -> Array:
        count = len(observations)
        if self.env_steps < self.config.learning_starts:
            return self._random_actions(observations, rng)
        actions: Array = action_scores(observations).argmax(-1)
        explore = rng.random(count) < self.config.epsilon(self.env_steps)
        if explore.any():
            actions = np.where(explore, self._random_actions(observations, rng), actions)
        return actions

    def _random_actions(self, observations: Array, rng: np.random.Generator) -> Array:
        if isinstance(self._space, MaskedBox):
            return random_actions(rng, self._space.split(observations)[1])
        return rng.integers(0, self._num_actions, len(observations))

    def state(self) -> dict[str, Any]:
        """Returns the state of the loop, fit for JSON; only at a checkpoint, when the environments are about to be reset."""
        return {"env_steps": self.env_steps, "num_bursts": self.num_bursts, "rng": self._rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.env_steps, self.num_bursts = state["env_steps"], state["num_bursts"]
        self._rng.bit_generator.state = state["rng"]
