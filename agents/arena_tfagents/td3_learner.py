"""TF-Agents' `Td3Agent` from a config, and its training step compiled so that one call makes a whole burst of updates.

Losses, networks, optimizers, target networks and greedy policy are TF-Agents' (and tf_keras') own. Only noise comes from outside:
TensorFlow's random operations keep a state that can be neither read nor saved, and every framework is to learn from the same noise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.networks import network_sizes
from arena.environments.images import largest_values
from arena.policies.onnx_network import Conv, Dense, network_layers
from arena_tfagents.actor_critic import activation, adam, draw_weights, make_critic, make_slots, optimized_variables, shared_options
from arena_tfagents.config import TFAgentsTD3Config
from arena_tfagents.framework import ActorNetwork, BoundedTensorSpec, StepType, Td3Agent, TimeStep, tf, time_step_spec
from arena_tfagents.private_api import target_update_counter
from arena_tfagents.trajectories import scaled, trajectories

Array = npt.NDArray[Any]


class GivenNoiseActor(ActorNetwork):
    """TF-Agents' actor, to whose actions noise from outside is added where there is some: the target actor of `Td3Agent`."""

    noise: tf.Tensor | None = None
    """Noise `[B, A]` that the next call adds."""

    def call(self, observations: Any, step_type: Any = (), network_state: Any = (), training: bool = False) -> tuple[tf.Tensor, Any]:
        """Returns actions `[B, A]` and the state of a network that has none."""
        actions, state = super().call(observations, step_type, network_state, training)
        return (actions if self.noise is None else actions + self.noise), state


class TD3Learner:
    """Owns the weights.

    Args:
        config: Settings of TD3.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        rng: draws the initial weights.
    """

    def __init__(
        self, config: TFAgentsTD3Config, observation_space: gym.spaces.Box, action_space: gym.spaces.Box, rng: np.random.Generator
    ) -> None:
        self.config = config
        self._largest = largest_values(observation_space)
        observation = tf.TensorSpec(observation_space.shape, tf.float32)
        action = BoundedTensorSpec(action_space.shape, tf.float32, -1.0, 1.0)
        self._actor, self._target_actor = (make_actor(config, observation, action) for _ in range(2))
        self._critics, self._targets = ([make_critic(config, observation, action) for _ in range(2)] for _ in range(2))
        self._optimizers = {name: adam(config) for name in ("actor", "critics")}
        self.agent = Td3Agent(
            time_step_spec(observation),
            action,
            actor_network=self._actor,
            target_actor_network=self._target_actor,
            critic_network=self._critics[0],
            critic_network_2=self._critics[1],
            target_critic_network=self._targets[0],
            target_critic_network_2=self._targets[1],
            actor_optimizer=self._optimizers["actor"],
            critic_optimizer=self._optimizers["critics"],
            **{**agent_options(config), "target_policy_noise": 0.0},
        )
        draw_weights(rng, self._actor, *self._critics)
        self.agent.initialize()
        for name, variables in self._parts().items():
            make_slots(self._optimizers[name], variables)
        self._compile(tf.TensorSpec(observation_space.shape, observation_space.dtype), action)

    def _compile(self, observation: tf.TensorSpec, action: tf.TensorSpec) -> None:
        batches = (self.config.num_updates, self.config.batch_size)
        observations, actions = (tf.TensorSpec((*batches, *spec.shape), spec.dtype) for spec in (observation, action))
        rewards, terminated = tf.TensorSpec(batches, tf.float32), tf.TensorSpec(batches, tf.bool)
        signature = [observations, actions, rewards, observations, terminated, actions]
        # TF-Agents' training step has no Python control flow over tensors. Autograph would take CPU-seconds to find that out.
        self._train = tf.function(self._train_burst, input_signature=signature, jit_compile=True, autograph=False)
        any_number = tf.TensorSpec((None, *observation.shape), observation.dtype)
        self._act = tf.function(self._greedy_actions, input_signature=[any_number], autograph=False)
        initial = self.arrays()
        self._train(*(tf.zeros(spec.shape, spec.dtype) for spec in signature))
        self.assign(initial)
        self._act(tf.zeros((1, *observation.shape), observation.dtype))

    def _train_burst(self, *batches: tf.Tensor) -> dict[str, tf.Tensor]:
        config = self.config

        def train(index: tf.Tensor, losses: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            *batch, noise = (field[index] for field in batches)
            self._target_actor.noise = tf.clip_by_value(config.target_noise * noise, -config.target_noise_clip, config.target_noise_clip)
            info = self.agent.train(trajectories(*batch, largest=self._largest)).extra
            self._target_actor.noise = None
            is_last = tf.cast(tf.equal((index + 1) % config.policy_delay, 0), tf.float32)  # the others' loss moves nothing
            update = {"critic_loss": info.critic_loss, "actor_loss": info.actor_loss * is_last * config.policy_delay}
            return index + 1, {name: losses[name] + update[name] for name in losses}

        start = (tf.constant(0), dict.fromkeys(("critic_loss", "actor_loss"), tf.constant(0.0)))
        _, losses = tf.while_loop(lambda index, _: index < config.num_updates, train, start)
        return {name: loss / config.num_updates for name, loss in losses.items()}

    def _greedy_actions(self, observations: tf.Tensor) -> tf.Tensor:
        ones = tf.ones(tf.shape(observations)[:1])
        step_type = tf.fill(tf.shape(ones), StepType.FIRST)
        time_step = TimeStep(step_type=step_type, reward=0.0 * ones, discount=ones, observation=scaled(observations, self._largest))
        return self.agent.policy.action(time_step).action

    def update(self, *batches: Array) -> dict[str, float]:
        """Makes `num_updates` updates of the critics, and one of the actor and the target networks for each `policy_delay` of them.

        Args:
            batches: observations, unscaled actions, rewards, next observations, terminated, and standard normal noise of the next actions,
                each `[num_updates, batch_size, ...]`.

        Returns:
            The means of the critics' loss, and of the actor's in the updates that moved it.
        """
        return {name: float(loss) for name, loss in self._train(*batches).items()}

    def act(self, observations: Array) -> Array:
        """Returns the unscaled actions `[N, A]` of TF-Agents' greedy policy for `observations` `[N, *obs]`."""
        return np.asarray(self._act(observations).numpy())

    def layers(self) -> list[Dense | Conv]:
        """Returns the actor's present weights; its last layer is linear here, and tanh is to be put on it."""
        return network_layers([variable.numpy() for variable in self._actor.variables], self.config.activation, ())

    def _parts(self) -> dict[str, Sequence[tf.Variable]]:
        return {"actor": self._actor.variables, "critics": [variable for critic in self._critics for variable in critic.variables]}

    def _variables(self) -> dict[str, tf.Variable]:
        targets = [variable for target in self._targets for variable in target.variables]
        found = {f"targets_{i}": variable for i, variable in enumerate(targets)}
        found |= {f"target_actor_{i}": variable for i, variable in enumerate(self._target_actor.variables)}
        for name, variables in self._parts().items():
            found |= optimized_variables(name, variables, self._optimizers[name])
        return {**found, "train_steps": self.agent.train_step_counter, "target_update_counter": target_update_counter(self.agent)}

    def arrays(self) -> dict[str, Array]:
        """Returns copies of all that training changes: weights, target weights, Adam's moments and the counters."""
        return {name: np.array(variable.numpy()) for name, variable in self._variables().items()}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` returned."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])


def agent_options(config: TFAgentsTD3Config) -> dict[str, Any]:
    """Returns the arguments of `Td3Agent` that are numbers or functions."""
    return {
        "target_update_period": config.policy_delay,
        "actor_update_period": config.policy_delay,
        "target_policy_noise": config.target_noise,
        "target_policy_noise_clip": config.target_noise_clip,
        # TF-Agents moves the actor when its counter is a multiple of the period, looking before it counts. From 1 on, that is the last
        # update of each period, after which the target networks move too; from 0 on, it would be the first.
        "train_step_counter": tf.Variable(1, dtype=tf.int64),
        **shared_options(config),
    }


def make_actor(config: TFAgentsTD3Config, observation: tf.TensorSpec, action: BoundedTensorSpec) -> GivenNoiseActor:
    """Returns TF-Agents' actor for actions in [-1, 1]: dense layers, the last one with tanh."""
    hidden_sizes = network_sizes(config, observation.shape).hidden_sizes
    return GivenNoiseActor(observation, action, fc_layer_params=hidden_sizes, activation_fn=activation(config))
