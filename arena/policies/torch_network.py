"""PyTorch modules as the layers of a policy file. PyTorch comes as an argument: nothing here imports it."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.policies.onnx_network import Conv, Dense, LayerNorm

Array = npt.NDArray[Any]


def torch_layers(nn: Any, *stacks: Any) -> list[Dense | Conv | LayerNorm]:
    """Returns the layers of modules applied in turn; flattened images are in the order `[H, W, C]`.

    On a CPU the arrays are views of the parameters: they follow every update.

    Args:
        nn: `torch.nn`.
        stacks: modules of dense layers, convolutions without padding, layer norms over the features, relu, tanh and flattening.

    Raises:
        ValueError: if there is a module of another kind.
    """
    found: list[Dense | Conv | LayerNorm] = []
    for part in (part for stack in stacks for part in stack.modules()):
        if isinstance(part, nn.Linear):
            found.append(Dense(_array(part.weight).T, _array(part.bias)))
        elif isinstance(part, nn.Conv2d):
            kernel = _array(part.weight).transpose(2, 3, 1, 0)  # [height, width, inputs, outputs]
            found.append(Conv(kernel, _array(part.bias), part.stride[0], "linear"))
        elif isinstance(part, nn.LayerNorm):
            found.append(LayerNorm(_array(part.weight), _array(part.bias), part.eps))
        elif isinstance(part, (nn.ReLU, nn.Tanh)):
            found[-1] = dataclasses.replace(found[-1], activation="relu" if isinstance(part, nn.ReLU) else "tanh")
        elif not any(True for _ in part.children()) and not isinstance(part, nn.Flatten):
            raise ValueError(f"a {type(part).__name__} has no counterpart among the layers of arena.policies.onnx_network")
    return found


def _array(parameter: Any) -> Array:
    return np.asarray(parameter.detach().cpu().numpy())
