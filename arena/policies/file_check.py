"""The static check of policy files: what is refused is read from the file's description of the network, before any of it runs.

A policy file may come from a stranger. It must be one ONNX file with operators of a stated list, which compute forward and nothing else: no
branches or loops, no files, no randomness, no custom code. `file_scan` bounds what parsing takes, `size_check` what playing takes, before
onnxruntime sees the file. In addition `arena.policies.quarantine` tries it in a process of its own, where it also plays.
"""

import contextlib
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from arena.errors import ArenaError
from arena.policies.file_interface import check_interface
from arena.policies.file_scan import check_parts
from arena.policies.size_check import check_sizes

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Max size of a policy file in bytes."""
MAX_NODES = 2_000
"""Max number of nodes (operators) in the network."""
IR_VERSIONS = range(4, 12)
"""Accepted versions of the ONNX file format."""
OPSETS = range(11, 24)
"""Accepted versions of the ONNX operators; 23 is the last that onnxruntime 1.23 runs."""

_ELEMENTWISE = (
    "Abs Add And Cast CastLike Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity "
    "LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Sub Sum Tanh ThresholdedRelu Where Xor"
)
_LAYERS = (
    "AveragePool BatchNormalization Conv Gemm GlobalAveragePool GlobalMaxPool GroupNormalization InstanceNormalization LayerNormalization "
    "LogSoftmax LpNormalization MatMul MaxPool RMSNormalization Softmax"
)
_REDUCTIONS = "ArgMax ArgMin ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
_SHAPES = (
    "Concat Constant ConstantOfShape Dropout Expand Flatten Gather GatherElements Pad Reshape Shape Slice Split Squeeze Tile Transpose "
    "Unsqueeze"
)
OPERATORS = frozenset(" ".join((_ELEMENTWISE, _LAYERS, _REDUCTIONS, _SHAPES)).split())
"""Accepted operators: those that our own agents export (Add, ArgMax, Cast, Conv, Div, Flatten, Floor, Gemm, Greater, Identity, MatMul, Max,
Min, Mod, Mul, Relu, Reshape, Slice, Softmax, Tanh, Transpose, Where), other layers that compute forward, and those that exporters from
PyTorch, TensorFlow and JAX write around batch axes."""

_TENSOR_TYPES = ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BOOL")
_TYPES = {getattr(TensorProto, name): name.lower() for name in _TENSOR_TYPES}


def check_policy_bytes(content: bytes, where: str) -> None:
    """Refuses the content of a file that isn't a policy. Runs nothing of it.

    Args:
        content: Content of the file.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is refused; says what is wrong.
    """
    model = check_content(content, where)
    check_interface(model, where)
    check_sizes(model, sum(math.prod(tensor.dims) for tensor in _tensors(model.graph)), where)


def check_content(content: bytes, where: str) -> onnx.ModelProto:
    """Returns the model in the content of a file, refusing what no policy may hold, whatever its inputs and outputs.

    Args:
        content: Content of the file.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is refused; says what is wrong.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ArenaError(f"{where} has {len(content):,} bytes, more than the {MAX_FILE_BYTES:,} allowed")
    check_parts(content, where)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's decode errors differ by its implementation
        raise ArenaError(f"{where} is not an ONNX file: {error}") from error
    if not model.HasField("graph"):
        raise ArenaError(f"{where} is not an ONNX file: it holds no network")
    _check_versions(model, where)
    _check_nodes(model, where)
    for tensor in _tensors(model.graph):
        _check_tensor(tensor, where)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ArenaError(f"{where} is not a valid ONNX model: {error}") from error
    return model


def read_bounded(path: Path) -> bytes:
    """Returns the content, unchecked, of a file that isn't larger than a policy may be.

    Raises:
        ArenaError: If the file is larger, isn't a regular file, or cannot be read.
    """
    with open_policy(path) as descriptor:
        return read_descriptor(descriptor, f"policy {path}")


@contextlib.contextmanager
def open_policy(path: Path) -> Iterator[int]:
    """Yields the descriptor of a file that isn't larger than a policy may be.

    The file is opened once, and what was opened is looked at: nobody can put another file or a pipe in its place meanwhile.

    Raises:
        ArenaError: If the file is larger, isn't a regular file, or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _DO_NOT_WAIT)
    except OSError as error:
        raise ArenaError(f"cannot read policy {path}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArenaError(f"cannot read policy {path}: not a file")
        if status.st_size > MAX_FILE_BYTES:
            raise ArenaError(f"policy {path} has {status.st_size:,} bytes, more than the {MAX_FILE_BYTES:,} allowed")
        yield descriptor
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, where: str) -> bytes:
    """Returns the content, unchecked, of an open file that `open_policy` accepted.

    Args:
        descriptor: Descriptor of the file.
        where: Name of the policy; begins errors.

    Raises:
        ArenaError: If the file cannot be read, or changes meanwhile.
    """
    try:
        size = os.fstat(descriptor).st_size
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(size + 1)
    except OSError as error:
        raise ArenaError(f"cannot read {where}: {error.strerror}") from error
    if len(content) != size:
        raise ArenaError(f"{where} changed while it was read; give it again")
    return content


_DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Flags that open a pipe without waiting for its other end, and a file without changing line ends."""


def _check_versions(model: onnx.ModelProto, where: str) -> None:
    if model.ir_version not in IR_VERSIONS:
        raise ArenaError(f"{where} has ONNX IR version {model.ir_version}; {IR_VERSIONS[0]} to {IR_VERSIONS[-1]} are taken")
    if model.functions:
        raise ArenaError(f"{where} brings functions of its own ({model.functions[0].name!r}); inline them")
    domains = {opset.domain for opset in model.opset_import} | {node.domain for node in model.graph.node}
    if foreign := sorted(map(str, domains - {"", "ai.onnx"})):
        raise ArenaError(f"{where} uses operators outside the ONNX standard: {', '.join(foreign)}")
    for opset in model.opset_import:
        if opset.version not in OPSETS:
            raise ArenaError(f"{where} has ONNX opset {opset.version}; {OPSETS[0]} to {OPSETS[-1]} are taken")


def _check_nodes(model: onnx.ModelProto, where: str) -> None:
    nodes = model.graph.node
    if len(nodes) > MAX_NODES:
        raise ArenaError(f"{where} has {len(nodes):,} nodes, more than the {MAX_NODES:,} allowed")
    unknown = sorted(map(str, {node.op_type for node in nodes} - OPERATORS))  # protobuf gives bytes for what is not UTF-8
    if unknown:
        raise ArenaError(f"{where} uses operators that a policy may not: {', '.join(unknown)} (a policy computes forward, without loops)")
    values = [*model.graph.input, *model.graph.output]
    names = [value.name for value in values] + [name for node in nodes for name in (*node.input, *node.output)]
    names += [tensor.name for tensor in model.graph.initializer] + [
        dim.dim_param for value in values for dim in value.type.tensor_type.shape.dim
    ]
    if not all(isinstance(name, str) for name in names):
        raise ArenaError(f"{where} is not a valid ONNX model: a name in it is not UTF-8")
    if model.graph.sparse_initializer:
        raise ArenaError(f"{where} has sparse weights; store them dense")
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        if attribute.type not in _ATTRIBUTES:
            raise ArenaError(f"{where}: attribute {attribute.name!r} holds what a policy may not (a graph, a type or a sparse tensor)")
        if not all(map(math.isfinite, (attribute.f, *attribute.floats))):
            raise ArenaError(f"{where}: attribute {attribute.name!r} is not finite")


_ATTRIBUTES = {getattr(onnx.AttributeProto, name) for name in ("FLOAT", "FLOATS", "INT", "INTS", "STRING", "STRINGS", "TENSOR", "TENSORS")}


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yields all weights: initializers and constants."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            yield from attribute.tensors


def _check_tensor(tensor: onnx.TensorProto, where: str) -> None:
    """Refuses a tensor that isn't whole, numeric and finite."""
    if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
        raise ArenaError(f"{where} keeps tensor {tensor.name!r} in another file; a policy is one file")
    if tensor.data_type not in _TYPES:
        raise ArenaError(f"{where}: tensor {tensor.name!r} is of a type that a policy may not have; use {', '.join(_TYPES.values())}")
    size = int(math.prod(tensor.dims))
    if any(dim < 0 for dim in tensor.dims) or size > tensor.ByteSize():  # an element takes a byte or more
        raise ArenaError(f"{where}: tensor {tensor.name!r} of shape {list(tensor.dims)} is not in the file")
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # of several kinds, by how the content is broken
        raise ArenaError(f"{where}: tensor {tensor.name!r} is broken: {error}") from error
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ArenaError(f"{where}: tensor {tensor.name!r} holds NaN or infinity")
