"""Policy files that a stranger could send: each does what a policy may not, most of them only for some observations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NEAR = 0.05
"""A policy here misbehaves if the first number of an observation is nearer to zero, and not zero: all episodes of CartPole-v1 begin so."""


class Network:
    """A network for observations `[N, num_inputs]` and `num_actions` discrete actions, to which anything can be added.

    Args:
        num_inputs: Size of an observation.
        num_actions: Number of actions.
        near: Value below which the first number of an observation counts as near to zero.
        kernel: Weights of the scores, `float32 [num_inputs, num_actions]`; random by default.
    """

    def __init__(self, num_inputs: int = 4, num_actions: int = 2, *, near: float = NEAR, kernel: np.ndarray | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.declared: list[onnx.ValueInfoProto] = []
        self._num_inputs, self._num_actions, self._near = num_inputs, num_actions, near
        if kernel is None:
            kernel = np.random.default_rng(0).normal(size=(num_inputs, num_actions)).astype(np.float32)
        self.scores = self.add("MatMul", "observations", kernel)

    def add(self, op_type: str, *inputs: str | np.ndarray, **attributes) -> str:
        """Adds a node, and returns its output."""
        names = []
        for value in inputs:
            if not isinstance(value, str):
                self.weights.append(numpy_helper.from_array(value, f"weights_{len(self.weights)}"))
            names.append(value if isinstance(value, str) else self.weights[-1].name)
        self.nodes.append(helper.make_node(op_type, names, [f"value_{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def declare(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> None:
        """Declares the shape of a value, whatever it is."""
        self.declared.append(helper.make_tensor_value_info(name, kind, shape))

    def is_near(self) -> str:
        """Returns the output `bool [N, 1]` that says which observations are to be misused."""
        first = self.add("Abs", self.add("Slice", "observations", np.array([0]), np.array([1]), np.array([1])))
        low, high = (np.array([[value]], np.float32) for value in (0.0, self._near))
        return self.add("And", self.add("Greater", first, low), self.add("Less", first, high))

    def spoil(self, value: str) -> None:
        """Adds nothing to the scores, in a way that needs the value to be computed."""
        zero = self.add("Mul", self.add("Cast", value, to=TensorProto.FLOAT), np.zeros((1, 1), np.float32))
        self.scores = self.add("Add", self.scores, zero)

    def model(self) -> onnx.ModelProto:
        """Returns the policy."""
        actions = [
            helper.make_node("ArgMax", [self.scores], ["actions"], axis=1, keepdims=0),
            helper.make_node("Identity", [self.scores], ["action_scores"]),
        ]
        graph = helper.make_graph(
            [*self.nodes, *actions],
            "hostile",
            [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["N", self._num_inputs])],
            [
                helper.make_tensor_value_info("actions", TensorProto.INT64, ["N"]),
                helper.make_tensor_value_info("action_scores", TensorProto.FLOAT, ["N", self._num_actions]),
            ],
            self.weights,
            value_info=self.declared,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def write(self, path: Path) -> Path:
        """Writes the policy, and returns its path."""
        path.write_bytes(self.model().SerializeToString())
        return path


def sound(**sizes: Any) -> Network:
    """Returns a policy that does nothing wrong."""
    return Network(**sizes)


def dividing(**sizes: Any) -> Network:
    """Returns a policy that divides the smallest integer by -1: the processor ends the process."""
    network = Network(**sizes)
    divisor = network.add("Where", network.is_near(), np.array([[-1]], np.int32), np.array([[1]], np.int32))
    smallest = network.add("ReduceMin", divisor, keepdims=1)  # many divisions at once are done with floats, which have an answer
    network.spoil(network.add("Div", np.array([[-(2**31)]], np.int32), smallest))
    return network


def looping(**sizes: Any) -> Network:
    """Returns a policy that counts to 2**60."""
    network = Network(**sizes)
    counts = network.add("Where", network.is_near(), np.array([[2**60]], np.int64), np.array([[1]], np.int64))
    count = network.add("ReduceMax", counts, keepdims=0)
    names = {"go": TensorProto.BOOL, "more": TensorProto.BOOL, "index": TensorProto.INT64, "state": TensorProto.FLOAT}
    infos = {name: helper.make_tensor_value_info(name, kind, []) for name, kind in names.items()}
    infos["next"] = helper.make_tensor_value_info("next", TensorProto.FLOAT, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["more"]), helper.make_node("Cos", ["state"], ["next"])],
        "body",
        [infos["index"], infos["go"], infos["state"]],
        [infos["more"], infos["next"]],
    )
    network.spoil(network.add("Loop", count, np.array(True), np.array(0.0, np.float32), body=body))
    return network


def swelling(num_elements: int, **sizes: Any) -> Network:
    """Returns a policy with a value whose size depends on the observations, and which is declared small."""
    network = Network(**sizes)
    counts = network.add("Where", network.is_near(), np.array([[num_elements]], np.int64), np.array([[1]], np.int64))
    size = network.add("ReduceMax", counts, axes=[0], keepdims=0)  # int64 [1]
    large = network.add("ConstantOfShape", size)
    network.declare(large, [1])
    network.spoil(network.add("ReduceSum", large, keepdims=0))
    return network


def not_finite(**sizes: Any) -> Network:
    """Returns a policy whose scores are NaN."""
    network = Network(**sizes)
    one = network.add("Where", network.is_near(), np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    network.scores = network.add("Mul", network.scores, network.add("Div", one, one))
    return network


def misshapen(count: int, **sizes: Any) -> Network:
    """Returns a policy that answers a batch of `count` observations with one row more; its sizes follow from that of the batch."""
    network = Network(**sizes)
    batch = network.add("Gather", network.add("Shape", "observations"), np.array([0]), axis=0)
    is_count = network.add("Cast", network.add("Equal", batch, np.array([count])), to=TensorProto.INT64)
    pads = network.add("Concat", np.array([0, 0]), is_count, np.array([0]), axis=0)
    network.scores = network.add("Pad", network.scores, pads)
    return network


def growing(count: int, num_elements: int, **sizes: Any) -> Network:
    """Returns a policy with a value that is small for batches of `count` observations, and larger the smaller the batch."""
    network = Network(**sizes)
    batch = network.add("Gather", network.add("Shape", "observations"), np.array([0]), axis=0)
    size = network.add("Add", network.add("Mul", network.add("Sub", np.array([count]), batch), np.array([num_elements])), np.array([1]))
    network.spoil(network.add("ReduceSum", network.add("ConstantOfShape", size), keepdims=0))
    return network
