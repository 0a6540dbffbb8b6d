"""Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477) on TF-Agents.

Differs from the paper: several environments, bursts of updates between them, and noisy next actions that are not clipped to the bounds.
"""

import numpy as np

from arena.agent.interface import Array
from arena.learning.noisy_actions import noisy_actions
from arena_tfagents.actor_critic_agent import ActorCriticAgent
from arena_tfagents.config import TFAgentsTD3Config
from arena_tfagents.td3_learner import TD3Learner


class TD3(ActorCriticAgent):
    """TF-Agents' `Td3Agent`; see `arena.agent.interface.Agent`."""

    config: TFAgentsTD3Config
    learner_class = TD3Learner

    def draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`: the policy's with noise, within [-1, 1]."""
        return noisy_actions(self.policy.scores(observations), self.config.exploration_noise, self.noise_rng)

    def draw_noises(self, *shape: int) -> tuple[Array, ...]:
        """Returns the noise of the next actions."""
        return (self.noise_rng.standard_normal(shape, np.float32),)
