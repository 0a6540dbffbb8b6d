"""TF-Agents' `Td3Agent` from a config, with noise from outside; `arena_tfagents.actor_critic_learner` compiles its training step."""

from collections.abc import Sequence
from typing import Any

from arena.agent.networks import network_sizes
from arena_tfagents.actor_critic import activation, shared_options
from arena_tfagents.actor_critic_learner import ActorCriticLearner
from arena_tfagents.config import TFAgentsTD3Config
from arena_tfagents.framework import ActorNetwork, BoundedTensorSpec, Td3Agent, TimeStep, tf


class GivenNoiseActor(ActorNetwork):
    """TF-Agents' actor, to whose actions noise from outside is added where there is some: the target actor of `Td3Agent`."""

    noise: tf.Tensor | None = None
    """Noise `[B, A]` that the next call adds."""

    def call(self, observations: Any, step_type: Any = (), network_state: Any = (), training: bool = False) -> tuple[tf.Tensor, Any]:
        """Returns actions `[B, A]` and the state of a network that has none."""
        actions, state = super().call(observations, step_type, network_state, training)
        return (actions if self.noise is None else actions + self.noise), state


class TD3Learner(ActorCriticLearner):
    """Owns the weights of TD3: each update moves the critics, and one in `policy_delay` the actor and the target networks too.

    An update takes the noise of the next actions; `actor_loss` is a mean over the updates that move the actor.
    """

    config: TFAgentsTD3Config
    num_noises = 1
    parts = ("actor", "critics")
    statistics = ("critic_loss", "actor_loss")

    def make_agent(self, observation: tf.TensorSpec, action: BoundedTensorSpec, **shared: Any) -> tuple[Any, Any]:
        """Returns the actor and `Td3Agent`, whose target actor adds the noise in place of the agent."""
        actor, self.target_actor = (make_actor(self.config, observation, action) for _ in range(2))
        options = {**agent_options(self.config), "target_policy_noise": 0.0}
        return actor, Td3Agent(actor_network=actor, target_actor_network=self.target_actor, **shared, **options)

    def networks(self) -> Sequence[Any]:
        """Returns the actor, then the critics."""
        return (self.actor, *self.critics)

    def train(self, index: tf.Tensor, transitions: Any, noises: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one update by `Td3Agent.train`."""
        config, [noise] = self.config, noises
        self.target_actor.noise = tf.clip_by_value(config.target_noise * noise, -config.target_noise_clip, config.target_noise_clip)
        info = self.agent.train(transitions).extra
        self.target_actor.noise = None
        is_last = tf.cast(tf.equal((index + 1) % config.policy_delay, 0), tf.float32)  # the others' loss moves nothing
        return {"critic_loss": info.critic_loss, "actor_loss": info.actor_loss * is_last * config.policy_delay}

    def greedy(self, time_step: TimeStep) -> tf.Tensor:
        """Returns the actions `[N, A]` of TF-Agents' greedy policy."""
        return self.agent.policy.action(time_step).action

    def variables(self) -> dict[str, tf.Variable]:
        """Returns all that training changes, the target actor included."""
        target = {f"target_actor_{i}": variable for i, variable in enumerate(self.target_actor.variables)}
        return {**super().variables(), **target}


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
