"""Policies from TensorFlow functions and SavedModels: the function is frozen to a graph, and each of its operations is written."""

import importlib
from collections.abc import Callable, Mapping
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

_ELEMENTWISE = {
    "Add": "Add",
    "AddV2": "Add",
    "BiasAdd": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "RealDiv": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Relu": "Relu",
    "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
    "Elu": "Elu",
    "Selu": "Selu",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "Exp": "Exp",
    "Sqrt": "Sqrt",
    "Erf": "Erf",
    "Neg": "Neg",
}
_SAME = ("Identity", "StopGradient", "EnsureShape", "PreventGradient", "Snapshot")
_BEHIND_ACTIONS = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "BroadcastTo", "Minimum", "Maximum", "AddV2")
"""Operations that may stand between the choice of actions and the output; the first input of each is what was chosen."""


def from_tf_function(
    function: Callable[[Any], Any],
    path: Path | str,
    *,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    squashed: bool = False,
) -> OnnxPolicy:
    """Writes a TensorFlow function as a policy file, and returns the policy.

    Args:
        function: `tf.function`, or a callable of TensorFlow operations, that maps observations `float32 [N, *obs]` (images `[N, H, W, C]`)
            to action scores `[N, A]`: values, logits, or actions of a Box; or to the greedy actions `[N]` of a Discrete space, where the
            scores are what its last `argmax` chooses from. Signatures of a SavedModel are such functions.
        path: File to write.
        observation_space: Observations of the environment.
        action_space: Actions of the environment.
        squashed: For a Box, whether outputs in [-1, 1] span the bounds, or are actions already.

    Raises:
        ArenaError: If an operation cannot be written, or the file does not give what the function gives; says which.
    """
    name = getattr(function, "__name__", type(function).__name__)
    conversion = Conversion(f"TensorFlow function {name!r}", observation_space, action_space)
    tf = importlib.import_module("tensorflow")
    freeze = importlib.import_module("tensorflow.python.framework.convert_to_constants").convert_variables_to_constants_v2
    x = conversion.graph.features()
    called = tf.function(lambda observations: _only(function(observations), conversion.what))
    concrete = called.get_concrete_function(tf.TensorSpec((None, *conversion.graph.feature_shape), tf.float32))
    frozen = freeze(concrete)
    output = _scores_behind(frozen.outputs[0], conversion.what)
    scores = _Walk(conversion, tf, frozen.graph.as_graph_def()).value_of(output.name, {frozen.inputs[0].op.name: x})
    if not isinstance(scores, str):
        raise refusal(conversion.what, "its result does not depend on the observations")
    scored = frozen.prune(frozen.inputs[0], output)

    def reference(given: Array) -> Array:
        return np.asarray(scored(tf.constant(np.asarray(given, np.float32))))

    return conversion.finish(scores, reference, path, squashed=squashed, source=f"tensorflow {tf.__version__}, {name}")


def _scores_behind(output: Any, what: str) -> Any:
    """Returns the tensor of action scores: the output itself, or what its `ArgMax` chooses from where it gives actions."""
    if output.dtype.is_floating:
        return output
    tensor = output
    while tensor.op.type in _BEHIND_ACTIONS:
        tensor = tensor.op.inputs[0]
    if tensor.op.type != "ArgMax":
        raise refusal(
            what, f"it gives actions ({output.dtype.name}) that {tensor.op.type} makes; give the function that computes the scores"
        )
    return tensor.op.inputs[0]


def _only(output: Any, what: str) -> Any:
    """Returns the one tensor that a function gives, alone or in a dictionary or tuple."""
    values = [output]
    if isinstance(output, (Mapping, tuple, list)):
        values = list(output.values()) if isinstance(output, Mapping) else list(output)
    if len(values) != 1:
        raise refusal(what, f"it gives {len(values)} results; wrap it in a function that returns the action scores alone")
    return values[0]


class _Walk:
    """The walk through a frozen graph, from its output to its input."""

    def __init__(self, conversion: Conversion, tf: Any, graph: Any) -> None:
        self._what, self._node, self._tf = conversion.what, conversion.graph.node, tf
        self._nodes = {node.name: node for node in graph.node}

    def value_of(self, output: str, known: dict[str, Value]) -> Value:
        """Returns the value of an output of the graph.

        Args:
            output: Name of the output, `name:0`.
            known: Values of nodes that are known; those that are found are added.
        """
        waiting = [_name(output)]
        while waiting:
            name = waiting[-1]
            node = self._nodes[name]
            inputs = [_name(each) for each in node.input if not each.startswith("^")]
            missing = [each for each in inputs if each not in known]
            if name not in known and missing:
                waiting += missing
                continue
            waiting.pop()
            if name not in known:
                known[name] = self._write(node, [known[each] for each in inputs])
        return known[_name(output)]

    def _write(self, node: Any, inputs: list[Value]) -> Value:
        if node.op == "Const":
            return np.asarray(self._tf.make_ndarray(node.attr["value"].tensor))
        if node.op in _SAME:
            return inputs[0]
        if node.op in _ELEMENTWISE:
            return self._node(_ELEMENTWISE[node.op], *inputs)
        if node.op == "Reshape" and isinstance(inputs[0], np.ndarray) and isinstance(inputs[1], np.ndarray):
            return inputs[0].reshape(inputs[1])
        write = getattr(self, f"_write_{node.op.lower()}", None)
        if write is None or isinstance(inputs[0], np.ndarray):
            raise refusal(self._what, f"operation {node.op!r} ({node.name}) is not among those that can be written")
        written: Value = write(node, inputs)
        return written

    def _write_matmul(self, node: Any, inputs: list[Value]) -> Value:
        x, weights = inputs
        if not isinstance(weights, np.ndarray) or node.attr["transpose_a"].b:
            raise refusal(self._what, f"{node.name} does not multiply by a matrix of weights")
        return self._node("MatMul", x, np.ascontiguousarray(weights.T) if node.attr["transpose_b"].b else weights)

    def _write_conv2d(self, node: Any, inputs: list[Value]) -> Value:
        x, kernel = inputs
        padding, is_last = node.attr["padding"].s.decode(), node.attr["data_format"].s in (b"", b"NHWC")
        if not isinstance(kernel, np.ndarray) or not is_last or padding not in ("SAME", "VALID"):
            raise refusal(self._what, f"{node.name} is a convolution with its channels first, or with padding {padding}")
        sizes: dict[str, Any] = {"strides": list(node.attr["strides"].list.i)[1:3], "dilations": list(node.attr["dilations"].list.i)[1:3]}
        pad = {"auto_pad": "SAME_UPPER"} if padding == "SAME" else {}
        first = self._node("Transpose", x, perm=[0, 3, 1, 2])
        done = self._node("Conv", first, np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), **sizes, **pad)
        return self._node("Transpose", done, perm=[0, 2, 3, 1])

    def _write_reshape(self, node: Any, inputs: list[Value]) -> Value:
        x, shape = inputs
        if not isinstance(shape, np.ndarray) or shape[0] != -1:
            raise refusal(self._what, f"{node.name} shapes the batch axis anew")
        return self._node("Reshape", x, np.array([0 if index == 0 else size for index, size in enumerate(shape)], np.int64))

    def _write_cast(self, node: Any, inputs: list[Value]) -> Value:
        if self._tf.as_dtype(node.attr["DstT"].type) != self._tf.float32:
            raise refusal(self._what, f"{node.name} changes the type to {self._tf.as_dtype(node.attr['DstT'].type).name}")
        return inputs[0]

    def _write_softmax(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Softmax", inputs[0], axis=-1)

    def _write_square(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Mul", inputs[0], inputs[0])

    def _write_leakyrelu(self, node: Any, inputs: list[Value]) -> Value:
        return self._node("LeakyRelu", inputs[0], alpha=float(node.attr["alpha"].f))

    def _write_squeeze(self, node: Any, inputs: list[Value]) -> Value:
        return self._node("Squeeze", inputs[0], np.array(list(node.attr["squeeze_dims"].list.i), np.int64))

    def _write_expanddims(self, _: Any, inputs: list[Value]) -> Value:
        return self._node("Unsqueeze", inputs[0], np.asarray(inputs[1], np.int64).reshape(-1))


def _name(reference: str) -> str:
    return reference.partition(":")[0].removeprefix("^")
