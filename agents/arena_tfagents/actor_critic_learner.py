"""What the learners of TF-Agents' SAC and TD3 share: critics, optimizers, and one compiled call for a whole burst of updates.

Losses, networks, optimizers, target networks and greedy policy are TF-Agents' (and tf_keras') own. Only noise comes from outside:
TensorFlow's random operations keep a state that can be neither read nor saved, and every framework is to learn from the same noise.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.images import largest_values
from arena.policies.onnx_network import Conv, Dense, network_layers
from arena_tfagents.actor_critic import adam, draw_weights, make_critic, make_slots, optimized_variables
from arena_tfagents.config import TFAgentsSACConfig, TFAgentsTD3Config
from arena_tfagents.framework import BoundedTensorSpec, StepType, TimeStep, tf, time_step_spec
from arena_tfagents.private_api import target_update_counter
from arena_tfagents.trajectories import scaled, trajectories

Array = npt.NDArray[Any]
ActorCriticConfig = TFAgentsSACConfig | TFAgentsTD3Config


class ActorCriticLearner(abc.ABC):
    """Owns the weights.

    Args:
        config: Settings of the algorithm.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        rng: draws the initial weights.
    """

    num_noises: ClassVar[int]
    """Number of noises that an update takes."""
    parts: ClassVar[tuple[str, ...]]
    """Names of the parts that have an optimizer of their own."""
    statistics: ClassVar[tuple[str, ...]]
    """Names of what an update returns."""

    def __init__(
        self, config: ActorCriticConfig, observation_space: gym.spaces.Box, action_space: gym.spaces.Box, rng: np.random.Generator
    ) -> None:
        self.config = config
        self._largest = largest_values(observation_space)
        observation = tf.TensorSpec(observation_space.shape, tf.float32)
        action = BoundedTensorSpec(action_space.shape, tf.float32, -1.0, 1.0)
        self.critics, self.targets = ([make_critic(config, observation, action) for _ in range(2)] for _ in range(2))
        self.optimizers = {name: adam(config) for name in self.parts}
        self.actor, self.agent = self.make_agent(
            observation,
            action,
            time_step_spec=time_step_spec(observation),
            action_spec=action,
            critic_network=self.critics[0],
            critic_network_2=self.critics[1],
            target_critic_network=self.targets[0],
            target_critic_network_2=self.targets[1],
            actor_optimizer=self.optimizers["actor"],
            critic_optimizer=self.optimizers["critics"],
        )
        draw_weights(rng, *self.networks())
        self.agent.initialize()
        for name, variables in self.optimized().items():
            make_slots(self.optimizers[name], variables)
        self._compile(tf.TensorSpec(observation_space.shape, observation_space.dtype), action)

    @abc.abstractmethod
    def make_agent(self, observation: tf.TensorSpec, action: BoundedTensorSpec, **shared: Any) -> tuple[Any, Any]:
        """Returns the actor and TF-Agents' agent, which takes `shared` among its arguments; weights are still to be set."""

    @abc.abstractmethod
    def networks(self) -> Sequence[Any]:
        """Returns actor and critics in the order in which one generator draws their weights: that of the other frameworks' agents."""

    @abc.abstractmethod
    def train(self, index: tf.Tensor, transitions: Any, noises: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one update, and returns its `statistics`.

        Args:
            index: number of updates before it in the burst.
            transitions: trajectories `[B, 2]`.
            noises: `num_noises` tensors of standard normal numbers `[B, A]`.
        """

    @abc.abstractmethod
    def greedy(self, time_step: TimeStep) -> tf.Tensor:
        """Returns unscaled actions `[N, A]` of TF-Agents' greedy policy."""

    def _compile(self, observation: tf.TensorSpec, action: tf.TensorSpec) -> None:
        batches = (self.config.num_updates, self.config.batch_size)
        observations, actions = (tf.TensorSpec((*batches, *spec.shape), spec.dtype) for spec in (observation, action))
        rewards, terminated = tf.TensorSpec(batches, tf.float32), tf.TensorSpec(batches, tf.bool)
        signature = [observations, actions, rewards, observations, terminated, *[actions] * self.num_noises]
        # TF-Agents' training step has no Python control flow over tensors. Autograph would take CPU-seconds to find that out.
        self._train = tf.function(self._train_burst, input_signature=signature, jit_compile=True, autograph=False)
        any_number = tf.TensorSpec((None, *observation.shape), observation.dtype)
        self._act = tf.function(self._greedy_actions, input_signature=[any_number], autograph=False)
        initial = self.arrays()
        self._train(*(tf.zeros(spec.shape, spec.dtype) for spec in signature))
        self.assign(initial)
        self._act(tf.zeros((1, *observation.shape), observation.dtype))

    def _train_burst(self, *batches: tf.Tensor) -> dict[str, tf.Tensor]:
        def train(index: tf.Tensor, sums: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            batch = [field[index] for field in batches]
            transitions = trajectories(*batch[: -self.num_noises], largest=self._largest)
            update = self.train(index, transitions, batch[-self.num_noises :])
            return index + 1, {name: sums[name] + update[name] for name in sums}

        num_updates = self.config.num_updates
        start = (tf.constant(0), dict.fromkeys(self.statistics, tf.constant(0.0)))
        _, sums = tf.while_loop(lambda index, _: index < num_updates, train, start)
        return {name: total / num_updates for name, total in sums.items()}

    def _greedy_actions(self, observations: tf.Tensor) -> tf.Tensor:
        ones = tf.ones(tf.shape(observations)[:1])
        step_type = tf.fill(tf.shape(ones), StepType.FIRST)
        time_step = TimeStep(step_type=step_type, reward=0.0 * ones, discount=ones, observation=scaled(observations, self._largest))
        return self.greedy(time_step)

    def update(self, *batches: Array) -> dict[str, float]:
        """Makes `num_updates` updates.

        Args:
            batches: observations, unscaled actions, rewards, next observations, terminated, and `num_noises` standard normal noises, each
                `[num_updates, batch_size, ...]`.

        Returns:
            The means of `statistics` over these updates.
        """
        return {name: float(mean) for name, mean in self._train(*batches).items()}

    def act(self, observations: Array) -> Array:
        """Returns the unscaled actions `[N, A]` of TF-Agents' greedy policy for `observations` `[N, *obs]`."""
        return np.asarray(self._act(observations).numpy())

    def layers(self) -> list[Dense | Conv]:
        """Returns the actor's present weights; its last layer is linear here, and its means or actions are still to be squashed."""
        return network_layers([variable.numpy() for variable in self.actor.variables], self.config.activation, ())

    def optimized(self) -> dict[str, Sequence[tf.Variable]]:
        """Returns the variables of each of `parts`."""
        return {"actor": self.actor.variables, "critics": [variable for critic in self.critics for variable in critic.variables]}

    def variables(self) -> dict[str, tf.Variable]:
        """Returns all that training changes, by the names under which it is saved."""
        targets = [variable for target in self.targets for variable in target.variables]
        found = {f"targets_{i}": variable for i, variable in enumerate(targets)}
        for name, variables in self.optimized().items():
            found |= optimized_variables(name, variables, self.optimizers[name])
        return {**found, "train_steps": self.agent.train_step_counter, "target_update_counter": target_update_counter(self.agent)}

    def arrays(self) -> dict[str, Array]:
        """Returns copies of all that training changes: weights, target weights, Adam's moments, the counters, and SAC's temperature."""
        return {name: np.array(variable.numpy()) for name, variable in self.variables().items()}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` returned."""
        for name, variable in self.variables().items():
            variable.assign(arrays[name])
