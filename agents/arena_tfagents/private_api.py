"""Attributes for which TF-Agents has no public name; no other module of this package reads any. Written for tf-agents 0.19.

- `_q_network`, `_target_q_network` of a `DqnAgent`: TF-Agents saves weights by checkpoints of its own format. The arena reads the weights
  for ONNX files and for an exact resume.
- `_optimizer` of a `DqnAgent`: holds Adam's moments, which an exact resume needs.
- `_update_target` of a `DqnAgent`, `SacAgent` or `Td3Agent`, and its `_counter`: number of updates since the weights were last copied into
  the target networks.
- `_log_alpha` of a `SacAgent`: the temperature, which an exact resume needs.
- `_squashed_distribution` of a `SquashToSpecNormal`: has the bijector that makes actions of samples of its normal distribution.
"""

from typing import Any

from arena_tfagents.framework import DqnAgent, SacAgent, Td3Agent, tf


def online_variables(agent: DqnAgent) -> list[tf.Variable]:
    """Returns kernel, bias, kernel, bias, ... of the online network, from input to output."""
    return list(agent._q_network.variables)


def target_variables(agent: DqnAgent) -> list[tf.Variable]:
    """Returns the target network's variables, in the order of the online network's."""
    return list(agent._target_q_network.variables)


def optimizer(agent: DqnAgent) -> Any:
    """Returns the optimizer that the agent was made with."""
    return agent._optimizer


def target_update_counter(agent: DqnAgent | SacAgent | Td3Agent) -> tf.Variable:
    """Returns the number of updates since the target network was last updated."""
    return agent._update_target._counter


def log_alpha(agent: SacAgent) -> tf.Variable:
    """Returns the logarithm of the temperature."""
    return agent._log_alpha


def squashing_bijector(distribution: Any) -> Any:
    """Returns the bijector from samples of a normal distribution to actions."""
    return distribution._squashed_distribution.bijector
