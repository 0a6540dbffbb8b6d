"""Describes the arena's networks to RLlib, sets their initial weights, and folds dueling heads into one layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from arena.agent.hyperparameters import InitialWeights, NetworkConfig
from arena.agent.networks import network_sizes
from arena.policies.onnx_network import Conv, Dense, initial_weights, orthogonal_weights
from arena.policies.torch_network import torch_layers


def model_options(config: NetworkConfig, shape: Sequence[int]) -> dict[str, Any]:
    """Returns the arguments of RLlib's `DefaultModelConfig` that describe the network of `config` for observations of a shape."""
    sizes = network_sizes(config, shape)
    hidden, image = list(sizes.hidden_sizes), bool(sizes.conv_layers)
    return {
        "fcnet_hiddens": hidden,
        "fcnet_activation": config.activation,
        "conv_filters": [[*layer, "valid"] for layer in sizes.conv_layers] if image else None,  # RLlib's own default pads
        "head_fcnet_hiddens": hidden if image else [],  # after convolutions RLlib has dense layers in the heads only
        "head_fcnet_activation": config.activation,
    }


def layers(*stacks: torch.nn.Module) -> list[Dense | Conv]:
    """Returns the layers of modules applied in turn (`arena.policies.torch_network.torch_layers`); RLlib flattens in the same order."""
    return torch_layers(torch.nn, *stacks)


def fold_dueling(advantage: Sequence[Dense], value: Sequence[Dense]) -> list[Dense]:
    """Returns the layers that compute `value + advantage - mean(advantage)` (Wang et al., 2016, arXiv:1511.06581, equation 9).

    Hidden layers of the two heads stand side by side in one layer; the last layers, which are linear, become one. Nothing is approximated.

    Args:
        advantage: Layers of the head with A outputs, the last one linear.
        value: Layers of the head with one output, as many and with the same activations.
    """
    *hidden, last = zip(advantage, value, strict=True)
    folded = []
    for index, (one, other) in enumerate(hidden):
        if index == 0:
            kernel = np.concatenate([one.kernel, other.kernel], axis=1)  # both read the same inputs
        else:
            kernel = np.zeros(np.add(one.kernel.shape, other.kernel.shape), np.float32)
            kernel[: one.kernel.shape[0], : one.kernel.shape[1]] = one.kernel
            kernel[one.kernel.shape[0] :, one.kernel.shape[1] :] = other.kernel
        folded.append(Dense(kernel, np.concatenate([one.bias, other.bias]), one.activation))
    advantages, values = last
    centred = advantages.kernel - advantages.kernel.mean(1, keepdims=True)
    if hidden:
        kernel = np.concatenate([centred, np.broadcast_to(values.kernel, (len(values.kernel), centred.shape[1]))])
    else:
        kernel = values.kernel + centred
    return [*folded, Dense(kernel, values.bias + advantages.bias - advantages.bias.mean())]


def set_initial_weights(rng: np.random.Generator, *stacks: torch.nn.Module, rule: InitialWeights = "uniform") -> None:
    """Gives modules applied in turn the weights that `onnx_network` draws by a rule; the first is RLlib's own, from another stream."""
    parts = [part for stack in stacks for part in stack.modules() if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d))]
    # PyTorch keeps [outputs, inputs, ...], the arena [..., inputs, outputs].
    shapes = [(*part.weight.shape[2:], part.weight.shape[1], part.weight.shape[0]) for part in parts]
    weights = initial_weights(shapes, rng) if rule == "uniform" else orthogonal_weights(shapes, rng, output_gain=1.0)
    with torch.no_grad():
        for part, kernel, bias in zip(parts, weights[::2], weights[1::2], strict=True):
            part.weight.copy_(torch.as_tensor(np.moveaxis(kernel, (-1, -2), (0, 1))))
            assert part.bias is not None
            part.bias.copy_(torch.as_tensor(bias))


def scale_output_layer(head: torch.nn.Module, factor: float) -> None:
    """Multiplies the kernel of the last dense layer of `head` by `factor`."""
    output = [part for part in head.modules() if isinstance(part, torch.nn.Linear)][-1]
    with torch.no_grad():
        output.weight.mul_(factor)
