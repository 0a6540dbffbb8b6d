"""The loop of agents with replay: act on vectorised environments, store, train in bursts.

Discrete actions are epsilon-greedy, by action scores. Actions of a Box come from the agent with its own noise, unscaled: [-1, 1] spans the
bounds. The environment gets them scaled, the replay buffer as they came, so that an agent learns alike whatever the bounds.

Frameworks differ in their loss, network and optimizer, not in this; each adapter passes in two functions.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import DQNConfig, ReplayConfig
from arena.agent.interface import Metrics
from arena.environments.metering import MeteredVectorEnv
from arena.environments.spaces import MaskedBox, random_actions, scale_actions
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
        config: Shared settings; a `DQNConfig` for discrete actions.
        replay: Takes every transition; actions of a Box unscaled.
        seed: Seed of exploration.
    """

    env: MeteredVectorEnv
    config: ReplayConfig
    replay: TransitionStore
    seed: int
    env_steps: int = 0
    """Transitions that this agent has taken."""
    num_bursts: int = 0
    """Training bursts that this agent has made."""

    def __post_init__(self) -> None:
        self._action_space = self.env.single_action_space
        assert isinstance(self._action_space, gym.spaces.Box) or isinstance(self.config, DQNConfig)
        self._space = self.env.single_observation_space
        self._stream = TransitionStream(self.env)
        self._rng = np.random.default_rng(self.seed)

    def run(
        self,
        num_steps: int,
        act: Callable[[Array], Array],
        update: Callable[[int, bool], Mapping[str, float]],
    ) -> Metrics:
        """Takes at least `num_steps` env steps.

        Args:
            num_steps: Env steps to take; the last vector step may go beyond by `num_envs - 1`.
            act: `[N, *obs]` -> `[N, A]`, by the latest weights: action scores of discrete actions, which are explored epsilon-greedily;
                unscaled actions of a Box, with their noise.
            update: `update(num_updates, update_target)` makes that many optimizer steps on fresh minibatches, then copies weights into
                the target network if `update_target` (DQN; other targets move with every step); returns the losses.

        Raises:
            BudgetExhausted: if the budget does not allow a single vector step.
            TrainingDiverged: if a loss is not finite.
        """
        config, stream = self.config, self._stream
        stream.start()
        call = LearnCall()
        with call:
            while call.env_steps < num_steps:
                start = time.perf_counter()
                actions = self._actions(stream.observations, act)
                call.act_seconds += time.perf_counter() - start
                transitions = self._step(actions)
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

    def _actions(self, observations: Array, act: Callable[[Array], Array]) -> Array:
        config, rng = self.config, self._rng
        if self.env_steps < config.learning_starts:
            return self._random_actions(observations)
        answers = act(observations)
        if isinstance(self._action_space, gym.spaces.Box):
            return answers
        assert isinstance(config, DQNConfig)
        actions: Array = answers.argmax(-1)
        explore = rng.random(len(observations)) < config.epsilon(self.env_steps)
        if explore.any():
            actions = np.where(explore, self._random_actions(observations), actions)
        return actions

    def _random_actions(self, observations: Array) -> Array:
        space, count = self._action_space, len(observations)
        if isinstance(space, gym.spaces.Box):
            return self._rng.uniform(-1.0, 1.0, (count, *space.shape)).astype(np.float32)
        if isinstance(self._space, MaskedBox):
            return random_actions(self._rng, self._space.split(observations)[1])
        assert isinstance(space, gym.spaces.Discrete)
        return self._rng.integers(0, int(space.n), count)

    def _step(self, actions: Array) -> Transitions:
        """Takes `actions`, scaled to the bounds if they are unscaled ones of a Box; the transitions hold them as they came."""
        space = self._action_space
        if not isinstance(space, gym.spaces.Box):
            return self._stream.step(actions)
        return dataclasses.replace(self._stream.step(scale_actions(space, actions)), actions=actions)

    def state(self) -> dict[str, Any]:
        """Returns the state of the loop, fit for JSON; only at a checkpoint, when the environments are about to be reset."""
        return {"env_steps": self.env_steps, "num_bursts": self.num_bursts, "rng": self._rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.env_steps, self.num_bursts = state["env_steps"], state["num_bursts"]
        self._rng.bit_generator.state = state["rng"]
