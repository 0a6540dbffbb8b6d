"""The static check of sizes: every intermediate size of a policy follows from the file, and so memory and work are bounded.

Shapes are inferred; what the file declares about its own values and outputs is not believed. A size that is computed from that of the batch
is computed for every batch that play uses.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from arena.errors import ArenaError

BATCH = 128
"""Number of observations for which sizes and work are computed; as many as an evaluation plays at once."""
MAX_ELEMENTS = 1_000_000
"""Max elements of an intermediate result per observation, plus as many as the file has weights. An 84 x 84 Atari network has 12,800."""
MAX_TOTAL_ELEMENTS = 2_000_000
"""Max elements of all intermediate results together per observation: 1 GiB of float32 for `BATCH` observations."""
MAX_MULTIPLY_ADDS = 200_000_000
"""Max number of multiplications per observation. An 84 x 84 Atari network takes 9 million, ResNet-34 3.6 billion."""

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
_INTEGERS = {getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)}
_WEIGHT = "weight"  # the description that tells an input that stands for a weight from one that has a batch axis
_TRAPS = (0, -1)  # a division by zero, and of the smallest integer by -1, has no answer: the processor ends the process


def check_sizes(model: onnx.ModelProto, num_weights: int, where: str) -> None:
    """Refuses a model whose sizes do not follow from it, or that takes too much memory or work, or divides integers by what it computes.

    Args:
        model: A valid model.
        num_weights: Number of weights in it.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the model is refused; says what is wrong.
    """
    _check_growth(model.graph, num_weights, where)
    skeleton = _skeleton(model)
    # Without `Shape`, no size falls where the batch grows: all that a file can do to a batch axis is to multiply, add, cut and divide it.
    depends_on_batch = any(node.op_type == "Shape" for node in model.graph.node)
    for count in range(1, BATCH) if depends_on_batch else ():
        _check_batch(skeleton, count, num_weights, where)
    inferred = _check_batch(skeleton, BATCH, num_weights, where)
    _check_divisions(inferred, model.graph, where)


def _check_growth(graph: onnx.GraphProto, num_weights: int, where: str) -> None:
    """Refuses constants that grow by doubling themselves: shape inference follows the values of integers, and would hang on them."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        inputs = [sizes.get(name, 0) for name in node.input]
        constants = [math.prod(attribute.t.dims) + len(attribute.ints) for attribute in node.attribute]
        size = sum(inputs) if node.op_type == "Concat" else max([*inputs, *constants], default=0)
        if size > MAX_ELEMENTS + 2 * num_weights:
            raise ArenaError(f"{where}: {node.output[0]!r} ({node.op_type}) puts constants of {size:,} elements together")
        sizes |= dict.fromkeys(node.output, size)


def _skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model without what it declares of its shapes, and with inputs for large weights: only small ones decide sizes."""
    graph = model.graph
    large = [tensor for tensor in graph.initializer if tensor.data_type in _FLOATS and math.prod(tensor.dims) > 64]
    names = {tensor.name for tensor in large}
    weights = {tensor.name for tensor in graph.initializer}
    outputs = [helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None) for value in graph.output]
    inputs = [helper.make_value_info(value.name, value.type) for value in graph.input if value.name not in weights]
    inputs += [helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims), _WEIGHT) for tensor in large]
    kept = [tensor for tensor in graph.initializer if tensor.name not in names]
    skeleton = helper.make_graph(graph.node, "policy", inputs, outputs, kept)
    return helper.make_model(skeleton, opset_imports=model.opset_import, ir_version=max(model.ir_version, 4))


def _check_batch(skeleton: onnx.ModelProto, count: int, num_weights: int, where: str) -> onnx.GraphProto:
    """Returns the graph with every intermediate shape for a batch; refuses what is unknown, too large or too much work."""
    for value in skeleton.graph.input:
        if not value.doc_string and value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = count
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, check_type=True, strict_mode=True, data_prop=True).graph
    except Exception as error:  # its errors share no base class
        raise ArenaError(f"{where} is not a valid ONNX model: {error}") from error
    shapes = {value.name: _shape(value) for value in (*inferred.input, *inferred.value_info, *inferred.output)}
    shapes |= {tensor.name: list(tensor.dims) for tensor in inferred.initializer}
    work = elements = 0
    for node in inferred.node:
        for name in filter(None, node.output):
            shape = shapes.get(name)
            if shape is None:
                raise ArenaError(
                    f"{where}: the size of {name!r} ({node.op_type}) does not follow from the file; fix the shapes when exporting"
                )
            if math.prod(shape) > BATCH * MAX_ELEMENTS + num_weights:
                raise ArenaError(
                    f"{where}: {name!r} ({node.op_type}) has shape {shape} for {count} observations; "
                    f"at most {MAX_ELEMENTS:,} elements per observation are allowed"
                )
            elements += math.prod(shape)
        work += _multiply_adds(node, shapes)
    if elements > BATCH * MAX_TOTAL_ELEMENTS + 2 * num_weights:
        raise ArenaError(
            f"{where}: all results together have {elements // BATCH:,} elements per observation, more than {MAX_TOTAL_ELEMENTS:,}"
        )
    if work > BATCH * MAX_MULTIPLY_ADDS:
        raise ArenaError(f"{where} takes {work // BATCH:,} multiplications per observation, more than the {MAX_MULTIPLY_ADDS:,} allowed")
    return inferred


def _check_divisions(inferred: onnx.GraphProto, graph: onnx.GraphProto, where: str) -> None:
    """Refuses divisions of integers whose divisor isn't in the file, or may have no answer."""
    types = {value.name: value.type.tensor_type.elem_type for value in (*inferred.input, *inferred.value_info, *inferred.output)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Div", "Mod") and types.get(node.input[1], TensorProto.UNDEFINED) in (*_INTEGERS, TensorProto.UNDEFINED):
            divisors = [numpy_helper.to_array(tensor) for tensor in _constants(graph, node.input[1])]
            if not divisors or any(np.isin(divisor, _TRAPS).any() for divisor in divisors):
                raise ArenaError(
                    f"{where}: {node.output[0]!r} ({node.op_type}) divides integers by what may be 0 or -1, which ends a process; "
                    "divide by a constant of the file, or in floats"
                )


def _constants(graph: onnx.GraphProto, name: str) -> Iterator[onnx.TensorProto]:
    """Yields the tensor of that name in the file, an initializer or the value of a `Constant`, if there is one."""
    yield from (tensor for tensor in graph.initializer if tensor.name == name)
    constants: Iterable[onnx.NodeProto] = (node for node in graph.node if node.op_type == "Constant" and name in node.output)
    yield from (attribute.t for node in constants for attribute in node.attribute if attribute.name == "value")


def _shape(value: onnx.ValueInfoProto) -> list[int] | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in value.type.tensor_type.shape.dim]
    return None if any(size < 0 for size in sizes) else sizes


def _multiply_adds(node: onnx.NodeProto, shapes: dict[str, Any]) -> int:
    """Returns about how many multiplications a node takes."""
    per_element = 1
    if node.op_type in ("MatMul", "Gemm"):
        per_element = max(shapes.get(node.input[0]) or [1])  # one of its axes is summed over
    elif node.op_type == "Conv":
        per_element = math.prod((shapes.get(node.input[1]) or [1])[1:])
    elif node.op_type in ("MaxPool", "AveragePool"):
        per_element = next((math.prod(attribute.ints) for attribute in node.attribute if attribute.name == "kernel_shape"), 1)
    return per_element * max((math.prod(shapes[name]) for name in filter(None, node.output)), default=0)
