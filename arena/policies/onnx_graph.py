"""Writes the ONNX graph of a policy file: what all of them share before the first layer and behind the last, and nodes in between."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from arena.environments.choices import Choosing, head_sizes
from arena.environments.spaces import ILLEGAL_SCORE, ImageAndNumbers, MaskedBox, network_inputs

Array = npt.NDArray[Any]

OPSET = 17
IR_VERSION = 9


class GraphWriter:
    """The graph of a policy file while it is written; nodes and constants get fresh names.

    Args:
        observation_space: Box of one environment, with or without a mask, in the common form.
        action_space: Discrete or MultiDiscrete, counting from zero, or a one-axis Box.
    """

    def __init__(self, observation_space: gym.spaces.Box, action_space: Choosing | gym.spaces.Box) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._mask = ""

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of what a network reads, without the batch axis."""
        return network_inputs(self.observation_space).shape

    def constant(self, array: Array | np.generic, *, name: str | None = None) -> str:
        """Adds a constant, and returns its name, which is a fresh one unless it is given."""
        name = name or f"constant_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name))
        return name

    def node(self, op_type: str, *inputs: str | Array | np.generic, output: str | None = None, **attributes: Any) -> str:
        """Adds a node, whose arrays become constants, and returns the name of its output."""
        names = [given if isinstance(given, str) else self.constant(given) for given in inputs]
        output = output or f"{op_type.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op_type, names, [output], **attributes))
        return output

    def copy(self, node: onnx.NodeProto, rename: Callable[[str], str]) -> None:
        """Adds a node of another graph.

        Args:
            node: The node.
            rename: Returns the name here of a value of the other graph.
        """
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        copied.ClearField("name")
        copied.input[:] = [rename(name) if name else "" for name in node.input]
        copied.output[:] = [rename(name) if name else "" for name in node.output]
        self._nodes.append(copied)

    def features(self, *, divisor: float | Array | None = None) -> str:
        """Returns the name of what a network reads, `float32 [N, *obs]`: observations as floats, without a mask.

        Args:
            divisor: Number, or numbers `[*obs]`, by which observations are divided; None leaves them.
        """
        x = "observations"
        if self._dtype != TensorProto.FLOAT:
            x = self.node("Cast", x, to=TensorProto.FLOAT)
        if divisor is not None:
            x = self.node("Div", x, np.float32(divisor))
        if isinstance(self.observation_space, MaskedBox):
            split = self.constant(np.array([self.observation_space.num_features], np.int64))
            end, axis = self.constant(np.array([2**31 - 1], np.int64)), self.constant(np.array([1], np.int64))
            self._mask = self.node("Greater", self.node("Slice", x, split, end, axis), np.float32(0.5))
            x = self.node("Slice", x, np.array([0], np.int64), split, axis)
        return x

    def image_and_numbers(self, x: str, space: ImageAndNumbers) -> tuple[str, str]:
        """Returns the names of the images `[N, H, W, C]` and the numbers `[N, D]` of observations `[N, P + D]`."""
        start, split, end, axis = (self.constant(np.array([number], np.int64)) for number in (0, space.num_pixels, 2**31 - 1, 1))
        image = self.node("Reshape", self.node("Slice", x, start, split, axis), np.array([-1, *space.image_shape], np.int64))
        return image, self.node("Slice", x, split, end, axis)

    def model(self, scores: str, *, squashed: bool) -> onnx.ModelProto:
        """Returns the model: `observations` `[N, *obs]` -> `actions` `[N, *act]`, `action_scores` `[N, A]`.

        Args:
            scores: Name of the scores; where observations carry a mask, those of other actions become `ILLEGAL_SCORE`.
            squashed: For a Box, whether scores in [-1, 1] span `low..high`, or are actions already; both are clipped to the bounds.
        """
        x = self.node("Where", self._mask, scores, np.float32(ILLEGAL_SCORE)) if self._mask else scores
        self.node("Identity", x, output="action_scores")
        if isinstance(self.action_space, gym.spaces.Discrete):
            self.node("ArgMax", x, output="actions", axis=-1, keepdims=0)
            num_scores, actions = int(self.action_space.n), helper.make_tensor_value_info("actions", TensorProto.INT64, ["N"])
        elif isinstance(self.action_space, gym.spaces.MultiDiscrete):
            sizes = head_sizes(self.action_space)
            num_scores, actions = sum(sizes), helper.make_tensor_value_info("actions", TensorProto.INT64, ["N", len(sizes)])
            self._best_of_each(x, sizes)
        else:
            space = self.action_space
            low, high = np.asarray(space.low, np.float32), np.asarray(space.high, np.float32)
            if squashed:
                half = self.constant(0.5 * (high - low))
                x = self.node("Add", self.node("Mul", x, half), low + 0.5 * (high - low))
            lowest = self.constant(low)
            self.node("Min", self.node("Max", x, lowest), high, output="actions")
            num_scores, actions = space.shape[0], helper.make_tensor_value_info("actions", TensorProto.FLOAT, ["N", *space.shape])
        inputs = [helper.make_tensor_value_info("observations", self._dtype, ["N", *self.observation_space.shape])]
        outputs = [actions, helper.make_tensor_value_info("action_scores", TensorProto.FLOAT, ["N", num_scores])]
        proto = helper.make_graph(self._nodes, "policy", inputs, outputs, self._initializers)
        return helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="arena-rl")

    def _best_of_each(self, scores: str, sizes: Sequence[int]) -> None:
        """Adds the output `actions` `[N, C]`: of each choice the value whose score is highest."""
        chosen, first, axis = [], 0, self.constant(np.array([1], np.int64))
        for size in sizes:
            ends = (self.constant(np.array([end], np.int64)) for end in (first, first + size))
            chosen.append(self.node("ArgMax", self.node("Slice", scores, *ends, axis), axis=-1, keepdims=1))
            first += size
        self.node("Concat", *chosen, output="actions", axis=1)

    @property
    def _dtype(self) -> int:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(self.observation_space.dtype)))
