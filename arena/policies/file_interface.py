"""The interface of a policy file: names, types and batch axes of its input and outputs, and what to change where they are others."""

import onnx
from onnx import TensorProto

from arena.errors import ArenaError
from arena.formats.readable import listed

INPUT, OUTPUTS = "observations", ("actions", "action_scores")
"""Names of the input and of the outputs."""
_RANKS = {INPUT: 2, "actions": 1, "action_scores": 2}
"""Smallest number of axes."""
_TYPES = {TensorProto.FLOAT: "float32", TensorProto.UINT8: "uint8", TensorProto.INT64: "int64", TensorProto.DOUBLE: "float64"}
"""Types of observations and answers."""
REMEDY = "arena.policies.from_onnx writes such a file as a policy"
"""What to do with a file of another form."""


def check_interface(model: onnx.ModelProto, where: str) -> None:
    """Refuses a file whose input or outputs are not those of a policy, and names all that is to change.

    Args:
        model: A valid model.
        where: Name of the file; begins the error.

    Raises:
        ArenaError: If the file has another form.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in weights}
    outputs = {value.name: value for value in model.graph.output}
    answers = [outputs[name] for name in OUTPUTS if name in outputs]
    faults = [*_names(inputs, outputs), *(fault for value in (*inputs.values(), *answers) for fault in _axes(value))]
    if faults:
        raise ArenaError(f"{where} has another form than a policy: {'; '.join(faults)}. {REMEDY}")


def _names(inputs: dict[str, onnx.ValueInfoProto], outputs: dict[str, onnx.ValueInfoProto]) -> list[str]:
    faults = []
    if set(inputs) != {INPUT}:
        given = f"the input is {next(iter(inputs))!r}" if len(inputs) == 1 else f"the inputs are {_listed(inputs)}"
        faults.append(f"{given}, not {INPUT!r}")
    if missing := [name for name in OUTPUTS if name not in outputs]:
        faults.append(f"there is no output {listed([repr(name) for name in missing], 'or')}; it gives {_listed(outputs)}")
    return faults


def _axes(value: onnx.ValueInfoProto) -> list[str]:
    tensor, faults = value.type.tensor_type, []
    dims = list(tensor.shape.dim)
    if tensor.elem_type not in _TYPES and (value.name in _RANKS):
        faults.append(f"{value.name!r} is of a type other than {listed(list(_TYPES.values()), 'or')}")
    if len(dims) < _RANKS.get(value.name, 0):
        faults.append(f"{value.name!r} has {len(dims)} axes, and {_RANKS[value.name]} or more are needed: the first is the batch axis")
    elif dims and dims[0].HasField("dim_value"):
        faults.append(f"the batch axis of {value.name!r} is fixed at {dims[0].dim_value}")
    if value.name in _RANKS and any(not dim.HasField("dim_value") for dim in dims[1:]):
        faults.append(f"{value.name!r} has a free axis besides the first, the batch axis")
    return faults


def _listed(values: dict[str, onnx.ValueInfoProto]) -> str:
    names = [repr(name) for name in values]
    return listed(names) if names else "nothing"
