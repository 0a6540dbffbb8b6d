"""What the SAC and TD3 of TF-Agents share: critics, optimizers, initial weights, and the names under which variables are saved."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from arena.agent.hyperparameters import ContinuousConfig
from arena.agent.networks import network_sizes
from arena.policies.onnx_network import initial_weights
from arena_tfagents.config import TFAgentsSACConfig, TFAgentsTD3Config
from arena_tfagents.framework import CriticNetwork, element_wise_huber_loss, tf


def shared_options(config: TFAgentsSACConfig | TFAgentsTD3Config) -> dict[str, Any]:
    """Returns the arguments that `SacAgent` and `Td3Agent` have in common."""
    overrides = dict(config.overrides)
    loss = {"huber": element_wise_huber_loss, "mse": tf.math.squared_difference}[overrides.pop("td_errors_loss_fn", "mse")]
    return {"gamma": config.discount, "target_update_tau": config.target_update_tau, "td_errors_loss_fn": loss, **overrides}


def make_critic(config: ContinuousConfig, observation: tf.TensorSpec, action: tf.TensorSpec) -> CriticNetwork:
    """Returns one of TF-Agents' critics: the hidden layers take observation and action together."""
    hidden_sizes = network_sizes(config, observation.shape).hidden_sizes
    return CriticNetwork((observation, action), joint_fc_layer_params=hidden_sizes, activation_fn=activation(config))


def activation(config: ContinuousConfig) -> Any:
    """Returns the activation of hidden layers."""
    return tf.tanh if config.activation == "tanh" else tf.nn.relu


def adam(config: ContinuousConfig) -> Any:
    """Returns the optimizer of one part."""
    # The legacy Adam gives its moments by variable (`get_slot`), so that they are saved by name.
    norm = config.max_gradient_norm or None
    return tf.keras.optimizers.legacy.Adam(config.learning_rate, epsilon=config.adam_epsilon, global_clipnorm=norm)


def make_slots(optimizer: Any, variables: Sequence[tf.Variable]) -> None:
    """Makes an optimizer's own variables, two moments for each of `variables`, and leaves the values of `variables` as they are.

    TensorFlow traces a function twice if it makes variables in the first trace, and tracing takes longer than all else of making an agent.

    Args:
        optimizer: Optimizer that `adam` returned.
        variables: Variables that it will change.
    """
    optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in variables])
    optimizer.iterations.assign(0)


def draw_weights(rng: np.random.Generator, *networks: Any) -> None:
    """Gives networks in turn the weights that `arena.policies.onnx_network.initial_weights` draws."""
    for network in networks:
        drawn = initial_weights((kernel.shape for kernel in network.variables[::2]), rng)
        for variable, weights in zip(network.variables, drawn, strict=True):
            variable.assign(weights)


def optimized_variables(name: str, variables: Sequence[tf.Variable], optimizer: Any) -> dict[str, tf.Variable]:
    """Returns the variables of one part, and those of its optimizer, by the names under which they are saved."""
    found = {f"{name}_{i}": variable for i, variable in enumerate(variables)}
    found |= {f"{name}_{slot}_{i}": optimizer.get_slot(variable, slot) for slot in ("m", "v") for i, variable in enumerate(variables)}
    return {**found, f"{name}_iterations": optimizer.iterations}
