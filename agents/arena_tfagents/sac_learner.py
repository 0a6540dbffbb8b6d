"""TF-Agents' `SacAgent` from a config, with noise from outside; `arena_tfagents.actor_critic_learner` compiles its training step."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from arena.agent.hyperparameters import LOG_STD_BOUNDS
from arena.agent.networks import network_sizes
from arena_tfagents.actor_critic import activation, shared_options
from arena_tfagents.actor_critic_learner import ActorCriticLearner
from arena_tfagents.config import TFAgentsSACConfig
from arena_tfagents.framework import (
    ActorDistributionNetwork,
    BoundedTensorSpec,
    SacAgent,
    TanhNormalProjectionNetwork,
    TimeStep,
    tf,
)
from arena_tfagents.private_api import log_alpha, squashing_bijector


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


class SACLearner(ActorCriticLearner):
    """Owns the weights of SAC: each update is one step of critics, actor and temperature in turn, and one of the target networks.

    An update takes the noises of `GivenNoiseSacAgent`; its `alpha` is the temperature before it.
    """

    config: TFAgentsSACConfig
    num_noises = 3  # of the targets, of the actor's loss, of the temperature's loss
    parts = ("actor", "critics", "alpha")
    statistics = ("critic_loss", "actor_loss", "alpha_loss", "alpha")

    def make_agent(self, observation: tf.TensorSpec, action: BoundedTensorSpec, **shared: Any) -> tuple[Any, Any]:
        """Returns the actor and `GivenNoiseSacAgent`."""
        actor = make_actor(self.config, observation, action)
        options = agent_options(self.config, action.shape[0])
        return actor, GivenNoiseSacAgent(actor_network=actor, alpha_optimizer=self.optimizers["alpha"], **shared, **options)

    def networks(self) -> Sequence[Any]:
        """Returns critics, then the actor."""
        return (*self.critics, self.actor)

    def train(self, index: tf.Tensor, transitions: Any, noises: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one update by `SacAgent.train`."""
        del index
        self.agent.noises = iter(noises)
        alpha = tf.exp(log_alpha(self.agent))
        info = self.agent.train(transitions)
        return {**info.extra._asdict(), "alpha": alpha}

    def greedy(self, time_step: TimeStep) -> tf.Tensor:
        """Returns the modes `[N, A]` of the policy's distribution."""
        return self.agent.collect_policy.distribution(time_step, policy_state=()).action.mode()

    def optimized(self) -> dict[str, Sequence[tf.Variable]]:
        """Returns the variables of actor, critics and temperature."""
        return {**super().optimized(), "alpha": [log_alpha(self.agent)]}


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
