"""Steps that are put in front of an exported policy's network, inside its ONNX graph."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from arena.formats.json import write_bytes

Array = npt.NDArray[Any]

NORMALIZED = "normalized_observations"
"""Name, within the graph, of the observations after normalisation."""


def prepend_normalization(path: Path, shift: Array, scale: Array, bound: float) -> None:
    """Puts `clip((observations - shift) * scale, -bound, bound)` in front of a policy, and writes its file again, atomically.

    Args:
        path: Policy file whose input is `observations`, `float32 [N, D]`.
        shift: What is subtracted, `float32 [D]`.
        scale: What is multiplied, `float32 [D]`.
        bound: Largest absolute value of the result.
    """
    model = onnx.load_model_from_string(path.read_bytes())
    graph = model.graph
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == "observations":
                node.input[index] = NORMALIZED
    constants = {"shift": shift, "scale": scale, "lower": np.float32(-bound), "upper": np.float32(bound)}
    names = {name: f"{NORMALIZED}_{name}" for name in constants}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value, np.float32), names[name]) for name, value in constants.items())
    centred, scaled = f"{NORMALIZED}_centred", f"{NORMALIZED}_scaled"
    steps = [
        helper.make_node("Sub", ["observations", names["shift"]], [centred]),
        helper.make_node("Mul", [centred, names["scale"]], [scaled]),
        helper.make_node("Clip", [scaled, names["lower"], names["upper"]], [NORMALIZED]),
    ]
    nodes = [*steps, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    write_bytes(path, model.SerializeToString(), durable=False)
