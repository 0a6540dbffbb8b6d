"""Policies from PyTorch modules: the module is traced (`torch.fx`), and each of its operations is written."""

import importlib
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.policies.conversion.conversion import Conversion, refusal
from arena.policies.policy import OnnxPolicy

Array = npt.NDArray[Any]
Value = str | Array
"""A name in the graph, or a constant."""

_ACTIVATIONS = ("ReLU", "Tanh", "Sigmoid", "ELU", "SELU", "SiLU", "GELU", "Softplus", "Softsign")
_SAME = ("Identity", "Dropout", "contiguous", "float", "detach", "dropout")
_ARITHMETIC = {
    operator.add: "Add",
    operator.sub: "Sub",
    operator.mul: "Mul",
    operator.truediv: "Div",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
}


def from_torch(
    module: Any,
    path: Path | str,
    *,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    squashed: bool = False,
    divisor: float | None = None,
    source: str | None = None,
) -> OnnxPolicy:
    """Writes a PyTorch module as a policy file, and returns the policy.

    Images are given to the module with their channels first, as `float32` `[N, C, H, W]`.

    Args:
        module: Module that maps observations `float32 [N, *obs]` to action scores `[N, A]`: values, logits, or actions of a Box.
        path: File to write.
        observation_space: Observations of the environment.
        action_space: Actions of the environment.
        squashed: For a Box, whether outputs in [-1, 1] span the bounds, or are actions already.
        divisor: Number by which observations are divided before the module; None if it divides by itself.
        source: Library and model, for the metadata; None names the module.

    Raises:
        ArenaError: If an operation cannot be written, or the file does not give what the module gives; says which.
    """
    conversion = Conversion(f"PyTorch module {type(module).__name__}", observation_space, action_space)
    fx = importlib.import_module("torch.fx")
    was_training = module.training
    module.eval()
    try:
        try:
            traced = fx.symbolic_trace(module)
        except Exception as error:  # torch.fx raises many kinds
            raise refusal(
                conversion.what, f"it cannot be traced ({' '.join(str(error).split())}); give the submodule that computes the scores"
            ) from error
        x = conversion.graph.features(divisor=divisor)
        if conversion.is_image:
            x = conversion.graph.node("Transpose", x, perm=[0, 3, 1, 2])
        scores = _Walk(conversion, traced).walk(x)
        reference = _reference(module, divisor, is_image=conversion.is_image)
        return conversion.finish(scores, reference, path, squashed=squashed, source=source or _source(module))
    finally:
        module.train(was_training)


def _source(module: Any) -> str:
    return f"torch {importlib.import_module('torch').__version__}, {type(module).__module__}.{type(module).__qualname__}"


def _reference(module: Any, divisor: float | None, *, is_image: bool) -> Callable[[Array], Array]:
    torch = importlib.import_module("torch")
    device = next((parameter.device for parameter in module.parameters()), "cpu")

    def scores(features: Array) -> Array:
        x = np.asarray(features, np.float32) / np.float32(divisor or 1.0)
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if is_image else x
        with torch.no_grad():
            return np.asarray(module(torch.as_tensor(x, device=device)).cpu().numpy())

    return scores


class _Walk:
    """The walk through a traced module."""

    def __init__(self, conversion: Conversion, traced: Any) -> None:
        self._what, self._graph, self._conversion = conversion.what, conversion.graph, conversion
        self._traced, self._modules = traced, dict(traced.named_modules())
        self._values: dict[Any, Value] = {}

    def walk(self, x: str) -> str:
        """Writes all operations, and returns the name of the output."""
        inputs = 0
        for node in self._traced.graph.nodes:
            if node.op == "placeholder":
                inputs += 1
                self._values[node] = x
            elif node.op == "output":
                (output,) = node.args
                if inputs != 1 or output not in self._values or not isinstance(self._values[output], str):
                    raise refusal(self._what, "it does not map one tensor to one tensor; give a module that gives the action scores alone")
                return str(self._values[output])
            else:
                self._values[node] = getattr(self, f"_{node.op}")(node)
        raise AssertionError("a traced module has an output")

    def _get_attr(self, node: Any) -> Value:
        value = self._traced
        for part in node.target.split("."):
            value = getattr(value, part)
        return _array(value)

    def _call_module(self, node: Any) -> Value:
        module, x = self._modules[node.target], self._value(node.args[0])
        kind, write = type(module).__name__, self._graph.node
        if kind == "Linear":
            return self._linear(x, _array(module.weight), None if module.bias is None else _array(module.bias))
        if kind == "Conv2d":
            if module.padding_mode != "zeros" or isinstance(module.padding, str):
                raise refusal(self._what, f"convolution {node.target!r} pads with {module.padding_mode} or by name; use numbers of zeros")
            bias = np.zeros(module.out_channels, np.float32) if module.bias is None else _array(module.bias)
            pads = [*module.padding, *module.padding]
            sizes = {"strides": list(module.stride), "dilations": list(module.dilation), "pads": pads, "group": module.groups}
            return write("Conv", x, _array(module.weight), bias, **sizes)
        if kind == "Flatten" and (module.start_dim, module.end_dim) == (1, -1):
            return write("Flatten", x, axis=1)
        if kind == "LayerNorm" and len(module.normalized_shape) == 1 and module.elementwise_affine:
            bias = np.zeros(module.normalized_shape, np.float32) if module.bias is None else _array(module.bias)
            return write("LayerNormalization", x, _array(module.weight), bias, axis=-1, epsilon=float(module.eps))
        if kind == "Hardtanh":
            return write("Clip", x, np.float32(module.min_val), np.float32(module.max_val))
        if kind == "LeakyReLU":
            return write("LeakyRelu", x, alpha=float(module.negative_slope))
        if kind in _SAME:
            return x
        if kind in _ACTIVATIONS:
            return self._conversion.activate(kind.lower(), str(x))
        raise refusal(self._what, f"layer {node.target!r} is a {kind}, which is not among those that can be written")

    def _call_function(self, node: Any) -> Value:
        name = getattr(node.target, "__name__", str(node.target))
        if node.target in _ARITHMETIC or name in _ARITHMETIC:
            return self._arithmetic(_ARITHMETIC.get(node.target) or _ARITHMETIC[name], node)
        return self._named(name, node)

    def _call_method(self, node: Any) -> Value:
        if node.target in _ARITHMETIC:
            return self._arithmetic(_ARITHMETIC[node.target], node)
        return self._named(node.target, node)

    def _named(self, name: str, node: Any) -> Value:
        x = self._value(node.args[0])
        if name in _SAME:
            return x
        if name == "flatten" and (*node.args[1:], *node.kwargs.values()) in ((1,), (1, -1)):
            return self._graph.node("Flatten", x, axis=1)
        if name == "linear":
            return self._linear(x, *(self._value(each) for each in node.args[1:]))
        if len(node.args) == 1 and name in ("relu", "tanh", "sigmoid", "elu", "selu", "silu", "gelu", "softplus"):
            return self._conversion.activate(name, str(x))
        raise refusal(self._what, f"operation {name!r} of its forward pass is not among those that can be written")

    def _linear(self, x: Value, weight: Any, bias: Any = None) -> str:
        product = self._graph.node("MatMul", x, np.ascontiguousarray(weight.T))
        return product if bias is None else self._graph.node("Add", product, bias)

    def _arithmetic(self, op_type: str, node: Any) -> str:
        return self._graph.node(op_type, *(self._value(each) for each in node.args[:2]))

    def _value(self, argument: Any) -> Value:
        if isinstance(argument, (int, float)):
            return np.array(argument, np.float32)
        if argument not in self._values:
            raise refusal(self._what, f"{argument!r} in its forward pass is neither a tensor nor a number")
        return self._values[argument]


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
