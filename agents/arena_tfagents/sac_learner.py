"""TF-Agents' `SacAgent` from a config, and its training step compiled so that one call makes a whole burst of updates.

Losses, networks, optimizers, target networks and greedy policy are TF-Agents' (and tf_keras') own. Only noise comes from outside:
TensorFlow's random operations keep a state that can be neither read nor saved, and every framework is to learn from the same noise.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import LOG_STD_BOUNDS
from arena.agent.networks import network_sizes
from arena.environments.images import largest_values
from arena.policies.onnx_network import Conv, Dense, network_layers
from arena_tfagents.actor_critic import activation, adam, draw_weights, make_critic, make_slots, optimized_variables, shared_options
from arena_tfagents.config import TFAgentsSACConfig
from arena_tfagents.framework import (
    ActorDistributionNetwork,
    BoundedTensorSpec,
    SacAgent,
    StepType,
    TanhNormalProjectionNetwork,
    TimeStep,
    tf,
    time_step_spec,
)
from arena_tfagents.private_api import log_alpha, squashing_bijector, target_update_counter
from arena_tfagents.trajectories import scaled, trajectories

Array = npt.NDArray[Any]

NUM_NOISES = 3
"""Number of times that an update of `SacAgent` draws actions: for the targets, for the actor's loss, for the temperature's loss."""


class GivenNoiseSacAgent(SacAgent):
    """TF-Agents' agent, whose policy's samples are made of noise from outside."""

    noises: Iterator[tf.Tensor]
    """Standard normal numbers `[B, A]` for each time that the next update draws actions."""

    def _actions_and_log_probs(self, time_steps: TimeStep, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        del training  # the networks have no layer that behaves differently
        distribution = self.collect_policy.distribution(time_steps, policy_state=()).action
        gaussian = distribution.input_distribution
        actions = squashing_bijector(distribution).forward(gaussian.loc + gaussian.stddev() * next(self.noises))
        return actions, distribution.log_prob(actions)


class SACLearner:
    """Owns the weights.

    Args:
        config: Settings of SAC.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        rng: draws the initial weights.
    """

    def __init__(
        self, config: TFAgentsSACConfig, observation_space: gym.spaces.Box, action_space: gym.spaces.Box, rng: np.random.Generator
    ) -> None:
        self.config = config
        self._largest = largest_values(observation_space)
        observation = tf.TensorSpec(observation_space.shape, tf.float32)
        action = BoundedTensorSpec(action_space.shape, tf.float32, -1.0, 1.0)
        self._actor = make_actor(config, observation, action)
        self._critics, self._targets = ([make_critic(config, observation, action) for _ in range(2)] for _ in range(2))
        self._optimizers = {name: adam(config) for name in ("actor", "critics", "alpha")}
        self.agent = GivenNoiseSacAgent(
            time_step_spec(observation),
            action,
            critic_network=self._critics[0],
            critic_network_2=self._critics[1],
            target_critic_network=self._targets[0],
            target_critic_network_2=self._targets[1],
            actor_network=self._actor,
            actor_optimizer=self._optimizers["actor"],
            critic_optimizer=self._optimizers["critics"],
            alpha_optimizer=self._optimizers["alpha"],
            **agent_options(config, action_space.shape[0]),
        )
        draw_weights(rng, *self._critics, self._actor)
        self.agent.initialize()
        for name, variables in self._parts().items():
            make_slots(self._optimizers[name], variables)
        self._compile(tf.TensorSpec(observation_space.shape, observation_space.dtype), action)

    def _compile(self, observation: tf.TensorSpec, action: tf.TensorSpec) -> None:
        batches = (self.config.num_updates, self.config.batch_size)
        observations, actions = (tf.TensorSpec((*batches, *spec.shape), spec.dtype) for spec in (observation, action))
        rewards, terminated = tf.TensorSpec(batches, tf.float32), tf.TensorSpec(batches, tf.bool)
        signature = [observations, actions, rewards, observations, terminated, *[actions] * NUM_NOISES]
        # TF-Agents' training step has no Python control flow over tensors. Autograph would take CPU-seconds to find that out.
        self._train = tf.function(self._train_burst, input_signature=signature, jit_compile=True, autograph=False)
        any_number = tf.TensorSpec((None, *observation.shape), observation.dtype)
        self._act = tf.function(self._greedy_actions, input_signature=[any_number], autograph=False)
        initial = self.arrays()
        self._train(*(tf.zeros(spec.shape, spec.dtype) for spec in signature))
        self.assign(initial)
        self._act(tf.zeros((1, *observation.shape), observation.dtype))

    def _train_burst(self, *batches: tf.Tensor) -> dict[str, tf.Tensor]:
        def train(index: tf.Tensor, losses: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            batch = [field[index] for field in batches]
            self.agent.noises = iter(batch[-NUM_NOISES:])
            alpha = tf.exp(log_alpha(self.agent))
            info = self.agent.train(trajectories(*batch[:-NUM_NOISES], largest=self._largest))
            update = {**info.extra._asdict(), "alpha": alpha}
            return index + 1, {name: losses[name] + update[name] for name in losses}

        num_updates = self.config.num_updates
        start = (tf.constant(0), dict.fromkeys(("critic_loss", "actor_loss", "alpha_loss", "alpha"), tf.constant(0.0)))
        _, losses = tf.while_loop(lambda index, _: index < num_updates, train, start)
        return {name: loss / num_updates for name, loss in losses.items()}

    def _greedy_actions(self, observations: tf.Tensor) -> tf.Tensor:
        ones = tf.ones(tf.shape(observations)[:1])
        step_type = tf.fill(tf.shape(ones), StepType.FIRST)
        time_step = TimeStep(step_type=step_type, reward=0.0 * ones, discount=ones, observation=scaled(observations, self._largest))
        distribution = self.agent.collect_policy.distribution(time_step, policy_state=()).action
        return distribution.mode()

    def update(self, *batches: Array) -> dict[str, float]:
        """Makes `num_updates` updates, each one step of critics, actor and temperature in turn and one of the target networks.

        Args:
            batches: observations, unscaled actions, rewards, next observations, terminated, and the noises of `GivenNoiseSacAgent`, each
                `[num_updates, batch_size, ...]`.

        Returns:
            The means over these updates of the three losses, and of the temperature before each of them as `alpha`.
        """
        return {name: float(loss) for name, loss in self._train(*batches).items()}

    def act(self, observations: Array) -> Array:
        """Returns the unscaled actions `[N, A]` of TF-Agents' greedy policy for `observations` `[N, *obs]`."""
        return np.asarray(self._act(observations).numpy())

    def layers(self) -> list[Dense | Conv]:
        """Returns the actor's present weights; its last layer gives means, then log standard deviations."""
        return network_layers([variable.numpy() for variable in self._actor.variables], self.config.activation, ())

    def _parts(self) -> dict[str, Sequence[tf.Variable]]:
        critics = [variable for critic in self._critics for variable in critic.variables]
        return {"actor": self._actor.variables, "critics": critics, "alpha": [log_alpha(self.agent)]}

    def _variables(self) -> dict[str, tf.Variable]:
        targets = [variable for target in self._targets for variable in target.variables]
        found = {f"targets_{i}": variable for i, variable in enumerate(targets)}
        for name, variables in self._parts().items():
            found |= optimized_variables(name, variables, self._optimizers[name])
        return {**found, "train_steps": self.agent.train_step_counter, "target_update_counter": target_update_counter(self.agent)}

    def arrays(self) -> dict[str, Array]:
        """Returns copies of all that training changes: weights, target weights, temperature, Adam's moments and the counters."""
        return {name: np.array(variable.numpy()) for name, variable in self._variables().items()}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` returned."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])


def agent_options(config: TFAgentsSACConfig, num_actions: int) -> dict[str, Any]:
    """Returns the arguments of `SacAgent` that are numbers or functions."""
    return {
        "target_update_period": 1,
        "critic_loss_weight": 1.0,  # by default TF-Agents halves it, which clipping and Adam's epsilon notice
        "initial_log_alpha": float(np.log(config.initial_alpha)),
        "target_entropy": config.target_entropy_per_dimension * num_actions,
        "train_step_counter": tf.Variable(0, dtype=tf.int64),
        **shared_options(config),
    }


def make_actor(config: TFAgentsSACConfig, observation: tf.TensorSpec, action: tf.TensorSpec) -> ActorDistributionNetwork:
    """Returns TF-Agents' actor for actions in [-1, 1]: one dense layer gives means and log standard deviations."""

    def projection(spec: tf.TensorSpec) -> TanhNormalProjectionNetwork:
        return TanhNormalProjectionNetwork(spec, std_transform=lambda log_std: tf.exp(tf.clip_by_value(log_std, *LOG_STD_BOUNDS)))

    return ActorDistributionNetwork(
        observation,
        action,
        fc_layer_params=network_sizes(config, observation.shape).hidden_sizes,
        activation_fn=activation(config),
        continuous_projection_net=projection,
    )
