"""Requests and answers: JSON of one's own, and the open inference protocol, version 2 (KServe's "V2", which Triton speaks too).

Source: the protocol's "required API" and its extension for binary tensors (`binary_tensor_data`). What a request says of its sizes is not
believed: each is compared with what is there.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.formats.json import parse_json
from arena.policies.policy import PolicySignature

Array = npt.NDArray[Any]

DATATYPES = {"float32": "FP32", "float64": "FP64", "uint8": "UINT8", "int64": "INT64"}
"""The protocol's names of the types that policies take and give."""
INPUT, OUTPUTS = "observations", ("actions", "action_scores")
"""Names of the tensors, as in policy files."""


class BadRequest(ArenaError):
    """Raised for a request that no policy could answer; the message says what is wrong with it."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a policy says to some observations."""

    actions: Array
    """Actions `[N, *act]`."""
    action_scores: Array
    """Action scores `float32 [N, A]`."""

    def __getitem__(self, rows: slice) -> "Answer":
        """Returns the answer to some of the observations."""
        return Answer(self.actions[rows], self.action_scores[rows])


@dataclasses.dataclass(frozen=True)
class InferRequest:
    """A request of the inference protocol."""

    observations: Array
    """Observations `[N, *obs]`."""
    id: str
    """The client's own name for it, which the answer repeats."""
    binary: Mapping[str, bool]
    """Outputs that are asked for, and whether each comes as bytes."""


def read_json(body: bytes) -> dict[str, Any]:
    """Returns the object that a body holds.

    Raises:
        BadRequest: If it holds something else, or too deeply nested lists.
    """
    try:
        value = parse_json(body, "the body")
    except ArenaError as error:
        raise BadRequest(str(error)) from error
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value


def read_act(body: bytes, signature: PolicySignature, max_observations: int) -> Array:
    """Returns the observations of a request to `/act`: `{"observations": [...]}`, or `{"observation": ...}` of one.

    Raises:
        BadRequest: If they do not fit the policy.
    """
    value = read_json(body)
    unknown = sorted(value.keys() - {"observation", "observations"})
    if unknown or len(value) != 1:
        raise BadRequest('the body must be {"observations": [...]} or {"observation": ...}')
    one = "observation" in value
    numbers = _numbers(value["observation"] if one else value["observations"], signature)
    return checked(numbers[np.newaxis] if one else numbers, signature, max_observations)


def read_infer(body: bytes, header_length: str | None, signature: PolicySignature, max_observations: int) -> InferRequest:
    """Returns a request of the inference protocol.

    Args:
        body: Body of the request.
        header_length: The header `Inference-Header-Content-Length`, which says how much of the body is JSON; None if all is.
        signature: What the policy takes.
        max_observations: Largest number of observations.

    Raises:
        BadRequest: If the request is not of the protocol, or does not fit the policy.
    """
    length = len(body) if header_length is None else _length(header_length, len(body))
    value, binary = read_json(body[:length]), body[length:]
    inputs = value.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise BadRequest(f"inputs must hold one tensor, {INPUT!r}")
    tensor = inputs[0]
    expected = DATATYPES[np.dtype(signature.observation_dtype).name]
    if tensor.get("name") != INPUT or tensor.get("datatype") != expected:
        raise BadRequest(f"the input must be {INPUT!r} of datatype {expected}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 8:
        raise BadRequest("shape must hold whole numbers")
    size = _parameters(tensor).get("binary_data_size")
    if size is None:
        numbers = _numbers(tensor.get("data"), signature).reshape(-1)
    elif type(size) is int and size == len(binary) and size % np.dtype(signature.observation_dtype).itemsize == 0:
        numbers = np.frombuffer(binary, signature.observation_dtype)
    else:
        raise BadRequest(f"binary_data_size={size!r} is not the {len(binary)} bytes behind the JSON")
    if tuple(shape[1:]) != signature.observation_shape or numbers.size != int(np.prod(shape, dtype=np.float64)):
        raise BadRequest(f"shape {shape} and {numbers.size} numbers do not fit observations of shape [N, {_shape(signature)}]")
    observations = checked(numbers.reshape(shape), signature, max_observations)
    return InferRequest(observations, str(value.get("id", ""))[:256], _outputs(value))


def write_infer(request: InferRequest, answer: Answer, name: str, version: str) -> tuple[bytes, int | None]:
    """Returns the body that answers a request of the inference protocol, and the length of its JSON if bytes follow."""
    outputs, binary = [], b""
    for output, is_binary in request.binary.items():
        array = getattr(answer, output)
        tensor: dict[str, Any] = {"name": output, "datatype": DATATYPES[array.dtype.name], "shape": list(array.shape)}
        if is_binary:
            content = array.astype(array.dtype.newbyteorder("<")).tobytes()
            tensor["parameters"] = {"binary_data_size": len(content)}
            binary += content
        else:
            tensor["data"] = array.reshape(-1).tolist()
        outputs.append(tensor)
    value = {"model_name": name, "model_version": version, "outputs": outputs} | ({"id": request.id} if request.id else {})
    text = json.dumps(value).encode()
    return text + binary, len(text) if any(request.binary.values()) else None


def model_metadata(name: str, versions: Sequence[str], signature: PolicySignature) -> dict[str, Any]:
    """Returns what the inference protocol tells of a model."""
    dtype, action_dtype = (np.dtype(kind).name for kind in (signature.observation_dtype, signature.action_dtype))
    return {
        "name": name,
        "versions": list(versions),
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": DATATYPES[dtype], "shape": [-1, *signature.observation_shape]}],
        "outputs": [
            {"name": "actions", "datatype": DATATYPES[action_dtype], "shape": [-1, *signature.action_shape]},
            {"name": "action_scores", "datatype": "FP32", "shape": [-1, signature.num_scores]},
        ],
    }


def checked(observations: Array, signature: PolicySignature, max_observations: int) -> Array:
    """Returns observations that fit a policy.

    Raises:
        BadRequest: If their shape or number does not fit, or one is not finite.
    """
    if observations.ndim == 0 or observations.shape[1:] != signature.observation_shape:
        raise BadRequest(f"observations have shape {list(observations.shape)}; the policy takes [N, {_shape(signature)}]")
    if not 1 <= len(observations) <= max_observations:
        raise BadRequest(f"{len(observations)} observations; a request holds 1 to {max_observations}")
    if not np.isfinite(observations).all():
        raise BadRequest("an observation is not finite")
    return observations


def _numbers(value: Any, signature: PolicySignature) -> Array:
    try:
        given = np.asarray(value)
    except ValueError as error:
        raise BadRequest("observations must be lists of equal lengths") from error
    if given.dtype.kind not in "iuf":
        raise BadRequest("observations must be numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = given.astype(signature.observation_dtype)
    if np.issubdtype(signature.observation_dtype, np.integer) and not np.array_equal(numbers, given):
        raise BadRequest(f"observations must be whole numbers of type {np.dtype(signature.observation_dtype).name}")
    return numbers


def _outputs(value: Mapping[str, Any]) -> dict[str, bool]:
    by_default = _parameters(value).get("binary_data_output") is True
    asked = value.get("outputs")
    if asked is None:
        return dict.fromkeys(OUTPUTS, by_default)
    if not isinstance(asked, list) or not asked or not all(isinstance(each, dict) and each.get("name") in OUTPUTS for each in asked):
        raise BadRequest(f"outputs must be among {' and '.join(map(repr, OUTPUTS))}")
    return {each["name"]: bool(_parameters(each).get("binary_data", by_default)) for each in asked}


def _parameters(value: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = value.get("parameters", {})
    if not isinstance(parameters, dict):
        raise BadRequest("parameters must be an object")
    return parameters


def _length(text: str, num_bytes: int) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= num_bytes:
        raise BadRequest(f"Inference-Header-Content-Length {text[:40]!r} is not within the body of {num_bytes} bytes")
    return int(text)


def _shape(signature: PolicySignature) -> str:
    return ", ".join(map(str, signature.observation_shape))
