"""The network of a policy file as a list of few operators, which every format rebuilds.

Exporters write one thing in several ways. Here each is written in one: `Gemm` becomes `MatMul` and `Add`, `Clip` becomes `Max` and `Min`,
and what only changes a shape becomes `Reshape`. All sizes but that of the batch are known.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from arena.errors import ArenaError
from arena.policies.file_check import check_policy_bytes

Array = npt.NDArray[Any]

_ELEMENTWISE = (
    "Add",
    "Cast",
    "Div",
    "Exp",
    "Floor",
    "Greater",
    "Identity",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Relu",
    "Sigmoid",
    "Sub",
    "Tanh",
    "Where",
)
OPERATORS = frozenset((*_ELEMENTWISE, "ArgMax", "Conv", "MatMul", "Reshape", "Slice", "Softmax", "Transpose"))
"""Operators of a `PolicyGraph`, as ONNX defines them."""
WRITTEN_OTHERWISE = frozenset(("Clip", "Constant", "Dropout", "Flatten", "Gemm", "Squeeze", "Unsqueeze"))
"""Operators of policy files that become others."""
MIN_OPSET = 13
"""Oldest version of ONNX's operators that is rebuilt: before, `Softmax` and `Squeeze` meant something else."""
PROBE_BATCH = 7
"""Batch size for which sizes are computed; each result must have that many rows."""


_ARITHMETIC = frozenset(("Add", "MatMul", "Mod", "Mul", "Sub"))


@dataclasses.dataclass(frozen=True)
class Node:
    """One operator."""

    operator: str
    """One of `OPERATORS`."""
    inputs: tuple[str, ...]
    """Names of weights, of results of earlier nodes, or `observations`."""
    output: str
    """Name of the result."""
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """`to` (NumPy type) of `Cast`; `shape` (of one row) of `Reshape`; `perm` (with the batch axis) of `Transpose`; `axis`, `start` and
    `end` of `Slice`; `strides` and `pads` (top, left, bottom, right) of `Conv`."""


@dataclasses.dataclass(frozen=True)
class Value:
    """What a node gives, for one observation."""

    shape: tuple[int, ...]
    """Shape of one row, without the batch axis."""
    dtype: np.dtype[Any]
    """Type of its elements."""


@dataclasses.dataclass(frozen=True)
class PolicyGraph:
    """A policy file's network; the results `actions` and `action_scores` are what the policy gives."""

    nodes: tuple[Node, ...]
    """Operators, each after those whose results it takes."""
    weights: Mapping[str, Array]
    """Weights by name."""
    values: Mapping[str, Value]
    """Observations and results by name."""

    @property
    def is_discrete(self) -> bool:
        """Whether actions are numbers of a finite set."""
        return bool(np.issubdtype(self.values["actions"].dtype, np.integer))

    def refuse_large_integers(self, target: str) -> None:
        """Refuses a policy that computes with whole numbers of 64 bits, as the random agent's does.

        Raises:
            ArenaError: names the result, and `target`, which has no such arithmetic.
        """
        for node in self.nodes:
            if node.operator in _ARITHMETIC and self.values[node.output].dtype in (np.int64, np.uint64):
                raise ArenaError(f"{node.output!r} computes with whole numbers of 64 bits, which {target} does not have; no export to it")


def read_graph(content: bytes, where: str) -> PolicyGraph:
    """Returns the network of a policy file.

    Args:
        content: Content of the file; it is checked first.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the file isn't a policy, or has an operator that cannot be rebuilt; says which.
    """
    check_policy_bytes(content, where)
    model = onnx.ModelProto.FromString(content)
    opset = max(entry.version for entry in model.opset_import)
    if opset < MIN_OPSET:
        raise ArenaError(f"{where} has ONNX opset {opset}; an export takes {MIN_OPSET} and later: write the policy file again")
    _refuse_choices_and_joined_images(model.graph, where)
    unknown = sorted({node.op_type for node in model.graph.node} - OPERATORS - WRITTEN_OTHERWISE)
    if unknown:
        known = ", ".join(sorted(OPERATORS | WRITTEN_OTHERWISE))
        raise ArenaError(f"{where} uses {', '.join(unknown)}, which no export can rebuild; it can rebuild {known}")
    return _Reader(model, where).graph()


def _refuse_choices_and_joined_images(graph: onnx.GraphProto, where: str) -> None:
    """Refuses what the arena's own policies of several choices, and of an image beside other parts, need further operators for."""
    operators = {node.op_type for node in graph.node}
    types = {value.name: value.type.tensor_type for value in (*graph.input, *graph.output)}
    actions, observations = types["actions"], types["observations"]
    if actions.elem_type == onnx.TensorProto.INT64 and len(actions.shape.dim) > 1:
        raise ArenaError(
            f"{where} makes several choices at once, which no export can rebuild: it takes policies of one choice, or of a Box"
        )
    if {"Concat", "Conv"} <= operators and len(observations.shape.dim) == 2:
        raise ArenaError(
            f"{where} joins an image with other parts, which no export can rebuild: it takes policies of a vector, or of an image alone"
        )


class _Reader:
    """What is known while the nodes of a file are rewritten one after the other."""

    def __init__(self, model: onnx.ModelProto, where: str) -> None:
        self.where = where
        self.weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.values = _inferred_values(model)
        self.nodes: list[Node] = []
        for node in model.graph.node:
            _REWRITES.get(node.op_type, _as_it_is)(self, node, {each.name: helper.get_attribute_value(each) for each in node.attribute})

    def graph(self) -> PolicyGraph:
        used = {name for node in self.nodes for name in node.inputs}
        values = {name: self.values[name] for name in ("observations", *(node.output for node in self.nodes))}
        return PolicyGraph(tuple(self.nodes), {name: array for name, array in self.weights.items() if name in used}, values)

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        for name in (*inputs, output):
            if name not in self.weights and name not in self.values:
                raise ArenaError(f"{self.where}: {name!r} does not keep the batch axis in front; no export can rebuild that")
        self.nodes.append(Node(operator, tuple(inputs), output, attributes))

    def between(self, output: str) -> str:
        """Returns the name of a new result that has the shape and type of `output`."""
        name = f"{output}/{len(self.nodes)}"
        if output in self.values:
            self.values[name] = self.values[output]
        return name

    def refusal(self, node: onnx.NodeProto, what: str) -> ArenaError:
        return ArenaError(f"{self.where}: {node.output[0]!r} ({node.op_type}) {what}; no export can rebuild that")


def _inferred_values(model: onnx.ModelProto) -> dict[str, Value]:
    """Returns every result that keeps the batch axis in front; what the file declares about its own results is not believed."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    graph = probe.graph
    del graph.value_info[:]
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = PROBE_BATCH
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(probe, strict_mode=True, data_prop=True).graph
    values = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if sizes and sizes[0] == PROBE_BATCH:
            values[value.name] = Value(tuple(sizes[1:]), np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)))
    return values


def _as_it_is(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    del attributes
    reader.add(node.op_type, node.input, node.output[0])


def _identity(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    del attributes
    reader.add("Identity", node.input[:1], node.output[0])


def _constant(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    ((name, value),) = attributes.items()
    if name == "value":
        value = numpy_helper.to_array(value)
    reader.weights[node.output[0]] = np.asarray(value, np.float32 if name.startswith("value_float") else None)


def _gemm(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    x, kernel, *bias = node.input
    is_plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
    if not is_plain or kernel not in reader.weights:
        raise reader.refusal(node, "scales or transposes results")
    if attributes.get("transB", 0):
        reader.weights[f"{kernel}/transposed"] = np.ascontiguousarray(reader.weights[kernel].T)
        kernel = f"{kernel}/transposed"
    product = reader.between(node.output[0]) if bias else node.output[0]
    reader.add("MatMul", (x, kernel), product)
    if bias:
        reader.add("Add", (product, *bias), node.output[0])


def _clip(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    del attributes
    x, low, high = (*node.input, "", "")[:3]
    raised = reader.between(node.output[0]) if high else node.output[0]
    if low or not high:
        reader.add("Max" if low else "Identity", (x, low) if low else (x,), raised)
        x = raised
    if high:
        reader.add("Min", (x, high), node.output[0])


def _of_several(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    """Writes `Max` or `Min` of any number of inputs as several of two."""
    del attributes
    left, *others = node.input
    if not others:
        reader.add("Identity", node.input, node.output[0])
    for index, right in enumerate(others):
        result = node.output[0] if index == len(others) - 1 else reader.between(node.output[0])
        reader.add(node.op_type, (left, right), result)
        left = result


def _reshape(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    del attributes
    value = reader.values.get(node.output[0])
    reader.add("Reshape", node.input[:1], node.output[0], shape=value.shape if value else ())


def _cast(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    reader.add("Cast", node.input, node.output[0], to=np.dtype(helper.tensor_dtype_to_np_dtype(attributes["to"])))


def _divide(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    value = reader.values.get(node.output[0])
    if value is not None and not np.issubdtype(value.dtype, np.floating):
        raise reader.refusal(node, "divides whole numbers")
    _as_it_is(reader, node, attributes)


def _multiply(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    kernel = reader.weights.get(node.input[1])
    if kernel is None or kernel.ndim > 2:
        raise reader.refusal(node, "multiplies by a matrix that is computed, or by several")
    _as_it_is(reader, node, attributes)


def _mod(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    if attributes.get("fmod", 0):
        raise reader.refusal(node, "takes the remainder of floats")
    _as_it_is(reader, node, attributes)


def _arg_max(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    is_plain = not attributes.get("keepdims", 1) and not attributes.get("select_last_index", 0)
    if not is_plain or not _is_last_axis(reader, node, attributes.get("axis", 0)):
        raise reader.refusal(node, "keeps its axis, or takes the last of equals")
    _as_it_is(reader, node, attributes)


def _softmax(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    if not _is_last_axis(reader, node, attributes.get("axis", -1)):
        raise reader.refusal(node, "runs over another axis than the last")
    _as_it_is(reader, node, attributes)


def _is_last_axis(reader: _Reader, node: onnx.NodeProto, axis: int) -> bool:
    value = reader.values.get(node.input[0])
    return value is not None and axis in (-1, len(value.shape))


def _transpose(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    perm = tuple(attributes.get("perm", ()))
    if perm[:1] != (0,):
        raise reader.refusal(node, "moves the batch axis")
    reader.add("Transpose", node.input, node.output[0], perm=perm)


def _slice(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    del attributes
    x, *bounds = node.input
    value, known = reader.values.get(x), [reader.weights.get(name) for name in bounds]
    if value is None or len(known) < 3 or any(array is None or array.size != 1 for array in known):
        raise reader.refusal(node, "cuts several axes, or at places that are computed")
    start, end, axis, *step = (int(array.item()) for array in known if array is not None)
    shape = (PROBE_BATCH, *value.shape)
    axis %= len(shape)
    first, last, stride = slice(start, end, *step).indices(shape[axis])
    if axis == 0 or stride != 1:
        raise reader.refusal(node, "cuts the batch axis, or leaves elements out")
    reader.add("Slice", (x,), node.output[0], axis=axis, start=first, end=last)


def _conv(reader: _Reader, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    kernel = reader.weights.get(node.input[1])
    is_plain = kernel is not None and kernel.ndim == 4 and attributes.get("group", 1) == 1 and set(attributes.get("dilations", [1])) == {1}
    if not is_plain or attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise reader.refusal(node, "is grouped, dilated, padded by a rule, or not over images")
    pads = tuple(attributes.get("pads", (0, 0, 0, 0)))
    reader.add("Conv", tuple(filter(None, node.input)), node.output[0], strides=tuple(attributes.get("strides", (1, 1))), pads=pads)


_REWRITES: dict[str, Callable[[_Reader, onnx.NodeProto, Mapping[str, Any]], None]] = {
    "ArgMax": _arg_max,
    "Cast": _cast,
    "Clip": _clip,
    "Constant": _constant,
    "Conv": _conv,
    "Div": _divide,
    "Dropout": _identity,
    "Flatten": _reshape,
    "Gemm": _gemm,
    "MatMul": _multiply,
    "Max": _of_several,
    "Min": _of_several,
    "Mod": _mod,
    "Reshape": _reshape,
    "Slice": _slice,
    "Softmax": _softmax,
    "Squeeze": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
"""Functions that write an operator as those of a `PolicyGraph`; every other operator stays as it is."""
