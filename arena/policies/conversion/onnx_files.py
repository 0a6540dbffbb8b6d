"""Policies from ONNX files of another form: other names, a fixed batch axis, scores without actions or actions without scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper

from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError
from arena.policies.conversion.conversion import Conversion, refusal
from arena.policies.file_check import check_content, read_bounded
from arena.policies.policy import OnnxPolicy

Array = npt.NDArray[Any]


def from_onnx(
    source: Path | str,
    path: Path | str,
    *,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    input: str | None = None,
    scores: str | None = None,
    squashed: bool = False,
) -> OnnxPolicy:
    """Writes an ONNX file of another form as a policy file, and returns the policy.

    The input becomes `observations` with a free batch axis, the output of scores `action_scores`, and actions are added: the one of the
    highest score, or the scores within the bounds of a Box. Images are given with their channels first if the file takes them so.

    Args:
        source: ONNX file, which is checked as a policy file is, except for its names and its batch axis.
        path: File to write.
        observation_space: Observations of the environment.
        action_space: Actions of the environment.
        input: Name of the input; None takes the only one.
        scores: Name of the output of action scores `[N, A]`; None takes the only output of as many floats as there are actions.
        squashed: For a Box, whether outputs in [-1, 1] span the bounds, or are actions already.

    Raises:
        ArenaError: If the file has an operator that a policy may not have, does not fit, or holds a batch size inside; says which.
    """
    conversion = Conversion(f"ONNX file {source}", observation_space, action_space)
    content = read_bounded(Path(source))
    model = check_content(content, conversion.what)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    given = _chosen(inputs, input, "input", conversion.what)
    wanted = _scores(model, scores, conversion)
    x, is_first = _observations(conversion, given)
    _free_batch(model, conversion.what)
    graph = conversion.graph
    for tensor in model.graph.initializer:
        graph.constant(numpy_helper.to_array(tensor), name=f"given_{tensor.name}")
    for node in model.graph.node:
        graph.copy(node, lambda name: x if name == given.name else f"given_{name}")
    reference = _reference(content, given, wanted.name, conversion, is_first=is_first)
    return conversion.finish(f"given_{wanted.name}", reference, path, squashed=squashed, source=f"ONNX, {model.producer_name or 'unknown'}")


def _chosen(values: list[onnx.ValueInfoProto], name: str | None, noun: str, what: str) -> onnx.ValueInfoProto:
    found = [value for value in values if name in (None, value.name)]
    if len(found) != 1:
        names = ", ".join(repr(value.name) for value in values)
        asked = f"it has no {noun} {name!r}" if name is not None and not found else f"it has {len(values)} {noun}s"
        raise refusal(what, f"{asked} ({names}); name the {noun} of it that counts")
    return found[0]


def _scores(model: onnx.ModelProto, name: str | None, conversion: Conversion) -> onnx.ValueInfoProto:
    """Returns the output that holds the action scores."""
    space = conversion.action_space
    count = int(space.n) if isinstance(space, gym.spaces.Discrete) else int(np.prod(space.shape))
    outputs = list(model.graph.output)
    if name is None:
        outputs = [
            each for each in outputs if each.type.tensor_type.elem_type == TensorProto.FLOAT and _sizes(each)[1:] in ([count], [None])
        ]
        if not outputs:
            told = "; ".join(f"{each.name!r} {_sizes(each)}" for each in model.graph.output)
            raise refusal(conversion.what, f"no output holds {count} action scores of float32 for each observation; it has {told}")
    return _chosen(outputs, name, "output", conversion.what)


def _observations(conversion: Conversion, given: onnx.ValueInfoProto) -> tuple[str, bool]:
    """Returns the name of the observations as the file takes them, and whether it takes images with their channels first."""
    graph, sizes = conversion.graph, _sizes(given)[1:]
    if given.type.tensor_type.elem_type not in (TensorProto.FLOAT, TensorProto.UINT8):
        raise refusal(conversion.what, f"its input {given.name!r} is neither float32 nor uint8")
    shape = list(graph.feature_shape)
    if _fits(sizes, shape):
        is_first = False
    elif len(shape) == 3 and _fits(sizes, [shape[2], *shape[:2]]):
        is_first = True
    else:
        raise refusal(conversion.what, f"its input {given.name!r} is {_sizes(given)}; observations of the environment are {shape}")
    if given.type.tensor_type.elem_type == TensorProto.UINT8:
        if conversion.observation_space.dtype != np.uint8 or isinstance(conversion.observation_space, MaskedBox):
            raise refusal(conversion.what, f"its input {given.name!r} is uint8; the environment gives {conversion.observation_space.dtype}")
        x = "observations"
    else:
        x = graph.features()
    return (graph.node("Transpose", x, perm=[0, 3, 1, 2]) if is_first else x), is_first


def _fits(sizes: list[int | None], shape: list[int]) -> bool:
    return len(sizes) == len(shape) and all(size in (None, wanted) for size, wanted in zip(sizes, shape, strict=True))


def _sizes(value: onnx.ValueInfoProto) -> list[int | None]:
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in value.type.tensor_type.shape.dim]


def _free_batch(model: onnx.ModelProto, what: str) -> None:
    """Lets reshapes keep the batch axis that they are given, where they name a batch of one observation.

    Raises:
        NotConverted: If a reshape makes another batch of it.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors |= {
        node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    for node in model.graph.node:
        if node.op_type != "Reshape" or node.input[1] not in tensors:
            continue
        shape = numpy_helper.to_array(tensors[node.input[1]]).copy()
        if shape.ndim != 1 or not len(shape) or shape[0] in (0, -1):
            continue
        if shape[0] != 1:
            raise refusal(what, f"{node.output[0]!r} reshapes to a batch of {shape[0]}; export it with a dynamic batch axis")
        shape[0] = 0 if (shape == -1).any() else -1
        tensors[node.input[1]].CopyFrom(numpy_helper.from_array(shape, node.input[1]))


def _reference(
    content: bytes, given: onnx.ValueInfoProto, scores: str, conversion: Conversion, *, is_first: bool
) -> Callable[[Array], Array]:
    """Returns the scores of the file as it is: asked for as many observations at a time as its batch axis says.

    The file is loaded when it is first asked, which is after what was written of it has passed all checks of sizes and work.
    """
    dtype = np.uint8 if given.type.tensor_type.elem_type == TensorProto.UINT8 else np.float32
    batch = (_sizes(given) or [None])[0]

    def answers(features: Array) -> Array:
        session = _session(content, conversion.what)
        x = np.ascontiguousarray(features.transpose(0, 3, 1, 2) if is_first else features).astype(dtype)
        count = batch or len(x)
        filled = np.concatenate([x, np.zeros((-len(x) % count, *x.shape[1:]), dtype)])
        parts = [session.run([scores], {given.name: filled[first : first + count]})[0] for first in range(0, len(filled), count)]
        scored: Array = np.concatenate(parts)[: len(x)].reshape(len(x), -1)
        return scored

    return answers


def _session(content: bytes, what: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise ArenaError(f"{what} is not usable: {error}") from error
