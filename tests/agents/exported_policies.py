"""Policies that together have every operator of an export, and observations for them."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from arena.environments.spaces import MaskedBox, random_masks
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork
from arena.policies.policy import OnnxSession

_RNG = np.random.default_rng(0)


def _dense(inputs: int, outputs: int, activation: Any = "linear") -> Dense:
    kernel = _RNG.normal(size=(inputs, outputs)) / inputs**0.5
    return Dense(kernel.astype(np.float32), _RNG.normal(size=outputs).astype(np.float32), activation)


def _box(*shape: int) -> gym.spaces.Box:
    return gym.spaces.Box(-1, 1, shape, np.float32)


_IMAGE = gym.spaces.Box(0, 255, (10, 9, 4), np.uint8)
_TWO_ACTIONS = gym.spaces.Box(np.array([-2, -1], np.float32), np.array([2, 3], np.float32))
_KERNEL = (_RNG.normal(size=(3, 2, 4, 8)) / 6).astype(np.float32)

OWN: Mapping[str, PolicyNetwork] = {
    "mlp": PolicyNetwork([_dense(4, 64, "tanh"), _dense(64, 64, "relu"), _dense(64, 2)], _box(4), gym.spaces.Discrete(2)),
    "box": PolicyNetwork([_dense(3, 16, "tanh"), _dense(16, 2, "tanh")], _box(3), _TWO_ACTIONS, squashed=True),
    "masked": PolicyNetwork([_dense(18, 16, "tanh"), _dense(16, 9)], MaskedBox(np.zeros(18), np.ones(18), 9), gym.spaces.Discrete(9)),
    "c51": PolicyNetwork([_dense(4, 16, "relu"), _dense(16, 33)], _box(4), gym.spaces.Discrete(3), support=np.linspace(-10, 10, 11)),
    "images": PolicyNetwork([Conv(_KERNEL, np.ones(8, np.float32), 2), _dense(4 * 4 * 8, 6)], _IMAGE, gym.spaces.Discrete(6)),
    "two axes": PolicyNetwork([_dense(6, 5)], _box(2, 3), gym.spaces.Discrete(5)),
}
"""Networks as agents write them."""


def foreign() -> bytes:
    """Returns a policy as other exporters write one: transposed kernels, padding, clipping, constants as nodes, and whole numbers."""
    kernel = numpy_helper.from_array((_RNG.normal(size=(5, 2, 3, 3)) / 4).astype(np.float32), "kernel")
    dense = numpy_helper.from_array((_RNG.normal(size=(3, 30)) / 6).astype(np.float32), "dense")
    weights = [kernel, dense, *(numpy_helper.from_array(np.asarray(value), name) for name, value in _CONSTANTS.items())]
    nodes = [
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.float32(2.0))),
        helper.make_node("Mul", ["observations", "two"], ["doubled"]),
        helper.make_node("Clip", ["doubled", "low", "high"], ["clipped"]),
        helper.make_node("Conv", ["clipped", "kernel"], ["convolved"], strides=[2, 2], pads=[1, 0, 1, 2]),
        helper.make_node("Sigmoid", ["convolved"], ["squashed"]),
        helper.make_node("Flatten", ["squashed"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense"], ["scores"], transB=1),
        helper.make_node("Exp", ["scores"], ["raised"]),
        helper.make_node("Sub", ["raised", "row"], ["lowered"]),
        helper.make_node("Mul", ["lowered", "hundred"], ["large"]),
        helper.make_node("Floor", ["large"], ["floored"]),
        helper.make_node("Cast", ["floored"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mod", ["whole", "prime"], ["rest"]),
        helper.make_node("Cast", ["rest"], ["action_scores"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["action_scores"], ["actions"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["N", 2, 3, 6])]
    outputs = [
        helper.make_tensor_value_info("actions", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("action_scores", TensorProto.FLOAT, ["N", 3]),
    ]
    return model(nodes, inputs, outputs, weights)


_CONSTANTS = {
    "low": np.float32(-1.5),
    "high": np.float32(1.5),
    "row": np.array([[1.0, 0.5, 2.0]], np.float32),
    "hundred": np.float32(100.0),
    "prime": np.int64(97),
}


def model(nodes: Any, inputs: Any, outputs: Any, weights: Any, opset: int = 17) -> bytes:
    """Returns the content of an ONNX file."""
    graph = helper.make_graph(nodes, "policy", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9).SerializeToString()


def contents() -> dict[str, bytes]:
    """Returns the policy files by name."""
    return {name: network.to_onnx().SerializeToString() for name, network in OWN.items()} | {"foreign": foreign()}


def observations(content: bytes, count: int, seed: int = 0) -> Any:
    """Returns random observations for a policy file; of those with 27 numbers, the last 9 are a mask."""
    signature, rng = OnnxSession(content, "policy").signature, np.random.default_rng(seed)
    shape = (count, *signature.observation_shape)
    if signature.observation_dtype == np.uint8:
        return rng.integers(0, 256, shape).astype(np.uint8)
    drawn = rng.normal(size=shape).astype(np.float32)
    if shape[1:] == (27,):
        drawn[:, 18:] = random_masks(rng, count, 9)
    return drawn


def answers(content: bytes, inputs: Any) -> tuple[Any, Any]:
    """Returns actions and action scores as onnxruntime computes them."""
    actions, scores = OnnxSession(content, "policy").run(["actions", "action_scores"], inputs)
    return actions, scores


def largest_difference(runtime: Any, content: bytes, count: int) -> tuple[int, float]:
    """Returns on how many observations a runtime gives the policy file's actions (within 1e-5), and the largest difference of scores."""
    inputs = observations(content, count)
    (actions, scores), (wanted_actions, wanted_scores) = runtime.answer(inputs), answers(content, inputs)
    assert (actions.shape, actions.dtype) == (wanted_actions.shape, wanted_actions.dtype)
    equal = np.isclose(actions, wanted_actions, rtol=0, atol=1e-5).reshape(count, -1).all(-1)
    return int(equal.sum()), float(np.abs(scores - wanted_scores).max())
