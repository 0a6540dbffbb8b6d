"""Policies from JAX functions: the function is traced (`jax.make_jaxpr`), and each of its primitive operations is written."""

import importlib
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

_BATCH = 977
"""Batch size with which functions are traced: a prime that no layer has."""
_ELEMENTWISE = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "max": "Max",
    "min": "Min",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "exp": "Exp",
    "log": "Log",
    "neg": "Neg",
    "abs": "Abs",
    "sqrt": "Sqrt",
    "erf": "Erf",
    "sin": "Sin",
    "cos": "Cos",
    "sign": "Sign",
}
_CALLS = ("pjit", "jit", "closed_call", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "core_call", "remat", "checkpoint")
_SAME = ("stop_gradient", "copy", "copy_p", "convert_element_type", "optimization_barrier")


def from_jax(
    function: Callable[[Any], Any],
    path: Path | str,
    *,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    squashed: bool = False,
) -> OnnxPolicy:
    """Writes a JAX function as a policy file, and returns the policy.

    Args:
        function: Function that maps observations `float32 [N, *obs]` (images `[N, H, W, C]`) to action scores `[N, A]`: values, logits, or
            actions of a Box. Its parameters are closed over: `lambda x: network.apply(parameters, x)`.
        path: File to write.
        observation_space: Observations of the environment.
        action_space: Actions of the environment.
        squashed: For a Box, whether outputs in [-1, 1] span the bounds, or are actions already.

    Raises:
        ArenaError: If an operation cannot be written, or the file does not give what the function gives; says which.
    """
    name = getattr(function, "__qualname__", type(function).__qualname__)
    conversion = Conversion(f"JAX function {name}", observation_space, action_space)
    jax = importlib.import_module("jax")
    x = conversion.graph.features()
    closed = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((_BATCH, *conversion.graph.feature_shape), np.float32))
    if len(closed.jaxpr.invars) != 1 or len(closed.jaxpr.outvars) != 1:
        raise refusal(conversion.what, "it must map one array to one array")
    walk = _Walk(conversion)
    (scores,) = walk.call(closed.jaxpr, [np.asarray(each) for each in closed.consts], [x])
    if not isinstance(scores, str):
        raise refusal(conversion.what, "its result does not depend on the observations")
    source = f"jax {jax.__version__}, {name}"
    return conversion.finish(scores, lambda given: np.asarray(function(given)), path, squashed=squashed, source=source)


class _Walk:
    """The walk through a traced function. The batch axis of all that depends on observations is the first."""

    def __init__(self, conversion: Conversion) -> None:
        self._what, self._node = conversion.what, conversion.graph.node

    def call(self, jaxpr: Any, constants: list[Array], arguments: list[Value]) -> list[Value]:
        """Writes the operations of a program, and returns the values of its results."""
        values: dict[Any, Value] = dict(zip(jaxpr.constvars, constants, strict=True)) | dict(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: Any) -> Value:
            return np.asarray(atom.val) if hasattr(atom, "val") else values[atom]

        for equation in jaxpr.eqns:
            results = self._write(equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _write(self, equation: Any, inputs: list[Value]) -> list[Value]:
        name, parameters = equation.primitive.name, equation.params
        if name in _CALLS:
            inner = parameters.get("jaxpr") or parameters.get("call_jaxpr") or parameters.get("fun_jaxpr")
            jaxpr, constants = getattr(inner, "jaxpr", inner), [np.asarray(each) for each in getattr(inner, "consts", ())]
            return self.call(jaxpr, constants, inputs)
        if all(isinstance(each, np.ndarray) for each in inputs):
            results = equation.primitive.bind(*inputs, **parameters)
            return [np.asarray(each) for each in (results if equation.primitive.multiple_results else [results])]
        if name in _SAME:
            return [inputs[0]]
        if name in _ELEMENTWISE:
            return [self._node(_ELEMENTWISE[name], *map(_float, inputs))]
        write = getattr(self, f"_write_{name}", None)
        if write is None:
            raise refusal(self._what, f"operation {name!r} is not among those that can be written")
        return [write(equation, inputs)]

    def _write_dot_general(self, equation: Any, inputs: list[Value]) -> Value:
        (left, right), batch = equation.params["dimension_numbers"]
        shapes = [atom.aval.shape for atom in equation.invars]
        is_dense = [len(shape) for shape in shapes] == [2, 2] and isinstance(inputs[0], str) and tuple(left) == (1,) and not any(batch)
        if not is_dense:
            raise refusal(
                self._what, f"it multiplies arrays of shapes {shapes[0]} and {shapes[1]}; observations times a matrix can be written"
            )
        weights = inputs[1]
        if isinstance(weights, np.ndarray) and tuple(right) == (1,):
            weights = np.ascontiguousarray(weights.T)
        return self._node("MatMul", inputs[0], weights)

    def _write_conv_general_dilated(self, equation: Any, inputs: list[Value]) -> Value:
        x, kernel = inputs
        parameters = equation.params
        observed, weights, given = parameters["dimension_numbers"]  # the axes of [N, C, H, W], of [O, I, H, W] and of the result's
        is_plain = set(parameters["lhs_dilation"]) == {1} and parameters["batch_group_count"] == 1
        if not isinstance(x, str) or not isinstance(kernel, np.ndarray) or not is_plain or len(observed) != 4 or observed[0] != 0:
            raise refusal(self._what, "it has a convolution that is none of images [N, H, W, C] or [N, C, H, W] with constant weights")
        done = self._node(
            "Conv",
            self._transposed(x, observed),
            np.ascontiguousarray(kernel.transpose(weights)),
            strides=list(parameters["window_strides"]),
            dilations=list(parameters["rhs_dilation"]),
            group=parameters["feature_group_count"],
            pads=_pads(parameters["padding"]),
        )
        return self._transposed(done, np.argsort(given))

    def _write_reduce_window_max(self, equation: Any, inputs: list[Value]) -> Value:
        return self._pooled("MaxPool", equation, inputs[0])

    def _write_reduce_window_sum(self, equation: Any, inputs: list[Value]) -> Value:
        mean = self._pooled("AveragePool", equation, inputs[0], count_include_pad=1)
        return self._node("Mul", mean, np.float32(np.prod(equation.params["window_dimensions"])))

    def _pooled(self, op_type: str, equation: Any, x: Value, **attributes: Any) -> str:
        parameters = equation.params
        axes = [axis for axis, size in enumerate(parameters["window_dimensions"]) if size > 1]
        is_plain = {*parameters["base_dilation"], *parameters["window_dilation"]} == {1}
        others = [axis for axis in range(len(parameters["window_dimensions"])) if axis not in axes]
        keeps_others = all(parameters["window_strides"][axis] == 1 and not any(parameters["padding"][axis]) for axis in others)
        if not isinstance(x, str) or not is_plain or not keeps_others or len(axes) != 2 or len(others) != 2 or others[0] != 0:
            raise refusal(self._what, "it pools over other axes than two of images")
        order = [*others, *axes]
        windows: dict[str, Any] = {
            "kernel_shape": [parameters["window_dimensions"][axis] for axis in axes],
            "strides": [parameters["window_strides"][axis] for axis in axes],
            "pads": _pads([parameters["padding"][axis] for axis in axes]),
        }
        return self._transposed(self._node(op_type, self._transposed(x, order), **windows, **attributes), np.argsort(order))

    def _transposed(self, x: str, order: Any) -> str:
        order = [int(axis) for axis in order]
        return x if order == sorted(order) else self._node("Transpose", x, perm=order)

    def _write_transpose(self, equation: Any, inputs: list[Value]) -> Value:
        order = equation.params["permutation"]
        if order[0] != 0:
            raise refusal(self._what, "it moves the batch axis")
        return self._node("Transpose", inputs[0], perm=[int(axis) for axis in order])

    def _write_reshape(self, equation: Any, inputs: list[Value]) -> Value:
        before, after = equation.invars[0].aval.shape, equation.params["new_sizes"]
        if not after or after[0] != before[0]:
            raise refusal(self._what, f"it shapes {before} anew to {tuple(after)}, and the batch axis with it")
        return self._node("Reshape", inputs[0], np.array([0, *after[1:]], np.int64))  # 0 stays as it is

    def _write_broadcast_in_dim(self, equation: Any, inputs: list[Value]) -> Value:
        shape, target = equation.invars[0].aval.shape, equation.params["shape"]
        keeps_axes = tuple(equation.params["broadcast_dimensions"]) == tuple(range(len(shape)))
        added = target[len(shape) :]
        if (
            not keeps_axes
            or not all(one in (size, 1) for one, size in zip(shape, target, strict=False))
            or any(size != 1 for size in added)
        ):
            raise refusal(self._what, f"it spreads an array of shape {shape} to {target}")
        if not added:
            return inputs[0]  # operations spread their inputs themselves
        return self._node("Unsqueeze", inputs[0], np.arange(len(shape), len(target), dtype=np.int64))

    def _write_reduce_max(self, equation: Any, inputs: list[Value]) -> Value:
        return self._node("ReduceMax", inputs[0], axes=list(equation.params["axes"]), keepdims=0)

    def _write_reduce_sum(self, equation: Any, inputs: list[Value]) -> Value:
        return self._node("ReduceSum", inputs[0], np.array(equation.params["axes"], np.int64), keepdims=0)

    def _write_integer_pow(self, equation: Any, inputs: list[Value]) -> Value:
        return self._node("Pow", inputs[0], np.float32(equation.params["y"]))

    def _write_square(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Mul", inputs[0], inputs[0])

    def _write_rsqrt(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Reciprocal", self._node("Sqrt", inputs[0]))

    def _write_squeeze(self, equation: Any, inputs: list[Value]) -> Value:
        return self._node("Squeeze", inputs[0], np.array(equation.params["dimensions"], np.int64))

    def _write_slice(self, equation: Any, inputs: list[Value]) -> Value:
        shape, starts, ends = equation.invars[0].aval.shape, equation.params["start_indices"], equation.params["limit_indices"]
        if starts[0] != 0 or ends[0] != shape[0] or equation.params["strides"] is not None:
            raise refusal(self._what, "it takes a part of the batch, or every n-th element")
        axes = np.arange(1, len(shape), dtype=np.int64)
        return self._node("Slice", inputs[0], np.array(starts[1:], np.int64), np.array(ends[1:], np.int64), axes)

    def _write_expm1(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Sub", self._node("Exp", inputs[0]), np.float32(1.0))

    def _write_erfc(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Sub", np.float32(1.0), self._node("Erf", inputs[0]))

    def _write_gt(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Greater", *map(_float, inputs))

    def _write_ge(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("GreaterOrEqual", *map(_float, inputs))

    def _write_select_n(self, _: Any, inputs: list[Value]) -> Value:
        which, on_false, on_true = inputs
        if isinstance(which, np.ndarray) and (which == which.flat[0]).all():
            return on_true if which.flat[0] else on_false
        return self._node("Where", which, _float(on_true), _float(on_false))


def _pads(padding: Any) -> list[int]:
    """Returns the padding of rows and columns as ONNX has it: what comes before each, then what comes after."""
    return [int(low) for low, _ in padding] + [int(high) for _, high in padding]


def _float(value: Value) -> Value:
    return value if isinstance(value, str) else _one_row(np.asarray(value, np.float32))


def _one_row(constant: Array) -> Array:
    """Returns a constant that was spread over the batch of the trace as one row, which spreads over any batch."""
    if constant.ndim and constant.shape[0] == _BATCH and (constant == constant[:1]).all():
        return constant[:1]
    return constant
