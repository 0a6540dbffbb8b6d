"""Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) on TF-Agents.

Differs from the paper: several environments, and bursts of updates between them.
"""

import numpy as np

from arena.agent.interface import Array
from arena.learning.squashed_gaussian import draw_actions
from arena.policies.onnx_network import PolicyNetwork
from arena_tfagents.actor_critic_agent import ActorCriticAgent
from arena_tfagents.sac_learner import SACLearner


class SAC(ActorCriticAgent):
    """TF-Agents' `SacAgent`; see `arena.agent.interface.Agent`."""

    learner_class = SACLearner

    def pull_weights(self) -> None:
        """Fetches the actor's weights into the NumPy policy, and into the network of means and log standard deviations that explores."""
        super().pull_weights()
        self._outputs = PolicyNetwork(self.learner.layers(), self.observation_space, self.action_space)

    def draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`, drawn from the policy."""
        return draw_actions(self._outputs.scores(observations), self.noise_rng)

    def draw_noises(self, *shape: int) -> tuple[Array, ...]:
        """Returns the noises of the next actions, of the actor's loss, and of the temperature's loss."""
        # The temperature learns from the noise of the actor, as in the other frameworks, which draw actions once for both.
        next_noise, noise = self.noise_rng.standard_normal((2, *shape), np.float32)
        return next_noise, noise, noise
