"""A policy without memory or chance whose actions look uniformly random: each observation is hashed into an action.

A policy file is a function of the observation, so it cannot draw. It can hash: observations are cut into cells of width
`1 / CELLS_PER_UNIT`, a cell's integer coordinates are mixed modulo a prime, once per action, and the largest hash wins. Integers
mix without rounding, so NumPy and an ONNX runtime agree to the last bit.
"""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from arena.environments.choices import Choosing, best_actions, head_sizes, num_scores
from arena.environments.spaces import ILLEGAL_SCORE, MaskedBox
from arena.formats.json import write_bytes
from arena.policies.onnx_graph import IR_VERSION, OPSET

Array = npt.NDArray[Any]

CELLS_PER_UNIT = np.float32(1024.0)
LIMIT = np.float32(1024.0)
"""Observations beyond it, either way, count as being there."""
PRIME = 2**24 - 3
"""Below 2^24, so that float32 holds every hash exactly; a cell's dot product stays in int64 for up to 2^18 inputs."""


class HashPolicy:
    """Maps each observation to pseudo-random scores in [0, 1), one per action or value of a choice; a Box action is scaled from its score.

    Args:
        observation_space: flat or image-shaped Box of one environment.
        action_space: Discrete or MultiDiscrete, counting from zero, or a bounded Box with one axis.
        seed: decides the function.
    """

    def __init__(self, observation_space: gym.spaces.Box, action_space: Choosing | gym.spaces.Box, seed: int) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        rng = np.random.default_rng(seed)
        num_inputs = int(np.prod(observation_space.shape))
        count = num_scores(action_space)
        self._multipliers = rng.integers(1, PRIME, (num_inputs, count))  # int64 [D, A]
        self._offsets = rng.integers(1, PRIME, (3, count))  # int64 [3, A]

    def scores(self, observations: Array) -> Array:
        """Returns `float32 [N, A]` in [0, 1), or `ILLEGAL_SCORE` where a mask forbids the action, for `observations` `[N, *obs]`."""
        x = np.asarray(observations).astype(np.float32).reshape(len(observations), -1)
        cells = np.floor(np.clip(x, -LIMIT, LIMIT) * CELLS_PER_UNIT).astype(np.int64)  # [N, D]
        hashes = (cells @ self._multipliers) % PRIME  # [N, A]
        for offset in self._offsets:
            # A linear hash alone moves by the same amount from each cell to the next; squaring breaks that.
            hashes = (hashes * hashes + offset) % PRIME
        scores = hashes.astype(np.float32) / np.float32(PRIME)
        space = self.observation_space
        return space.mask_scores(scores, observations) if isinstance(space, MaskedBox) else scores

    def actions(self, observations: Array) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`."""
        scores = self.scores(observations)
        space = self.action_space
        if not isinstance(space, gym.spaces.Box):
            return best_actions(scores, head_sizes(space))
        low, high = np.asarray(space.low, np.float32), np.asarray(space.high, np.float32)
        return np.clip(low + scores * (high - low), low, high)

    def export(self, path: Path) -> None:
        """Writes the function as an ONNX policy file (see `arena.policies.policy`), atomically."""
        nodes, constants = [], []

        def constant(value: Any) -> str:
            constants.append(numpy_helper.from_array(np.asarray(value), f"constant_{len(constants)}"))
            return str(constants[-1].name)

        def apply(op_type: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
            output = output or f"{op_type.lower()}_{len(nodes)}"
            nodes.append(helper.make_node(op_type, list(inputs), [output], **attributes))
            return output

        x = apply("Flatten", apply("Cast", "observations", to=onnx.TensorProto.FLOAT), axis=1)
        x = apply("Mul", apply("Clip", x, constant(-LIMIT), constant(LIMIT)), constant(CELLS_PER_UNIT))
        x = apply("Cast", apply("Floor", x), to=onnx.TensorProto.INT64)
        x = apply("Mod", apply("MatMul", x, constant(self._multipliers)), constant(np.int64(PRIME)))
        for offset in self._offsets:
            x = apply("Mod", apply("Add", apply("Mul", x, x), constant(offset)), constant(np.int64(PRIME)))
        x = apply("Div", apply("Cast", x, to=onnx.TensorProto.FLOAT), constant(np.float32(PRIME)))
        if isinstance(self.observation_space, MaskedBox):
            ends = (constant(np.array([number], np.int64)) for number in (self.observation_space.num_features, 2**31 - 1, 1))
            mask = apply("Greater", apply("Slice", "observations", *ends), constant(np.float32(0.5)))
            x = apply("Where", mask, x, constant(np.float32(ILLEGAL_SCORE)))
        x = apply("Identity", x, output="action_scores")
        space, count = self.action_space, self._multipliers.shape[1]
        if isinstance(space, gym.spaces.Discrete):
            apply("ArgMax", x, output="actions", axis=-1, keepdims=0)
            actions = helper.make_tensor_value_info("actions", onnx.TensorProto.INT64, ["N"])
        elif isinstance(space, gym.spaces.MultiDiscrete):
            chosen, first = [], 0
            for size in head_sizes(space):
                ends = (constant(np.array([number], np.int64)) for number in (first, first + size, 1))
                chosen.append(apply("ArgMax", apply("Slice", x, *ends), axis=-1, keepdims=1))
                first += size
            apply("Concat", *chosen, output="actions", axis=1)
            actions = helper.make_tensor_value_info("actions", onnx.TensorProto.INT64, ["N", len(chosen)])
        else:
            low, high = np.asarray(space.low, np.float32), np.asarray(space.high, np.float32)
            x = apply("Add", constant(low), apply("Mul", x, constant(high - low)))
            apply("Min", apply("Max", x, constant(low)), constant(high), output="actions")
            actions = helper.make_tensor_value_info("actions", onnx.TensorProto.FLOAT, ["N", count])
        dtype = helper.np_dtype_to_tensor_dtype(np.dtype(self.observation_space.dtype))
        inputs = [helper.make_tensor_value_info("observations", dtype, ["N", *self.observation_space.shape])]
        outputs = [actions, helper.make_tensor_value_info("action_scores", onnx.TensorProto.FLOAT, ["N", count])]
        graph = helper.make_graph(nodes, "policy", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="arena-rl")
        write_bytes(path, model.SerializeToString(), durable=False)
