"""A policy in TensorFlow: a SavedModel, or a LiteRT file (TensorFlow Lite's successor) in floats or in integers of eight bits.

TensorFlow is imported when a function here is called: they run in a process of their own (`arena.export.conversion`).
"""

import importlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.export.graph import Node, PolicyGraph

Array = npt.NDArray[Any]


def convert_to_saved_model(graph: PolicyGraph, path: Path, calibration: Array | None = None) -> None:
    """Writes a SavedModel, a folder, whose signature takes `observations` and gives `actions` and `action_scores`."""
    del calibration
    tf = importlib.import_module("tensorflow")
    observations = graph.values["observations"]
    module = tf.Module()
    module.play = tf.function(
        lambda observations: _rebuilt(graph, tf, observations),
        input_signature=[tf.TensorSpec([None, *observations.shape], observations.dtype, name="observations")],
        autograph=False,
    )
    tf.saved_model.save(module, str(path), signatures=module.play)


def convert_to_litert(graph: PolicyGraph, path: Path, calibration: Array | None = None) -> None:
    """Writes a LiteRT file whose batch axis is free.

    Args:
        graph: The policy.
        path: File to write.
        calibration: Observations `[M, *obs]` from which the ranges of integers of eight bits follow; None keeps floats. Inputs and
            outputs stay what they are.

    Raises:
        ArenaError: If the policy computes with whole numbers of 64 bits.
    """
    graph.refuse_large_integers("LiteRT")
    tf = importlib.import_module("tensorflow")
    with tempfile.TemporaryDirectory() as folder:
        convert_to_saved_model(graph, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if calibration is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: _rows(calibration)
        path.write_bytes(converter.convert())


class SavedModel:
    """A SavedModel, played by TensorFlow.

    Args:
        path: The folder.
        graph: The policy.
    """

    def __init__(self, path: Path, graph: PolicyGraph) -> None:
        del graph
        self._tf = importlib.import_module("tensorflow")
        self._model = self._tf.saved_model.load(str(path))  # owns what the signature computes with
        self._play = self._model.signatures["serving_default"]

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        answers = self._play(observations=self._tf.constant(observations))
        return answers["actions"].numpy(), answers["action_scores"].numpy()


class LiteRtModel:
    """A LiteRT file, played by the LiteRT interpreter on one thread.

    Args:
        path: The file.
        graph: The policy.
    """

    def __init__(self, path: Path, graph: PolicyGraph) -> None:
        del graph
        interpreter = importlib.import_module("ai_edge_litert.interpreter")
        self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=1)
        self._play = self._interpreter.get_signature_runner("serving_default")

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        answers = self._play(observations=observations)
        return answers["actions"], answers["action_scores"]


def _rows(observations: Array) -> Iterator[dict[str, Array]]:
    for row in observations:
        yield {"observations": row[np.newaxis]}


def _rebuilt(graph: PolicyGraph, tf: Any, observations: Any) -> dict[str, Any]:
    """Returns the tensors `actions` and `action_scores` of a policy for the tensor `observations`."""
    tensors = {**graph.weights, "observations": observations}
    for node in graph.nodes:
        tensors[node.output] = _OPERATORS[node.operator](tf, node, [tensors[name] for name in node.inputs])
    return {"actions": tf.identity(tensors["actions"]), "action_scores": tf.identity(tensors["action_scores"])}


def _multiply(tf: Any, node: Node, x: Sequence[Any]) -> Any:
    del node
    return tf.matmul(x[0], x[1]) if x[1].ndim > 1 else tf.reduce_sum(x[0] * x[1], -1)


def _convolve(tf: Any, node: Node, x: Sequence[Any]) -> Any:
    """Computes a convolution over `[N, C, H, W]` as TensorFlow does on a CPU: over `[N, H, W, C]`."""
    top, left, bottom, right = node.attributes["pads"]
    images = tf.transpose(x[0], (0, 2, 3, 1))
    if any(node.attributes["pads"]):
        images = tf.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)))
    result = tf.nn.conv2d(images, np.transpose(x[1], (2, 3, 1, 0)), node.attributes["strides"], "VALID")
    return tf.transpose(result + x[2] if len(x) > 2 else result, (0, 3, 1, 2))


def _slice(tf: Any, node: Node, x: Sequence[Any]) -> Any:
    del tf
    attributes = node.attributes
    return x[0][(slice(None),) * attributes["axis"] + (slice(attributes["start"], attributes["end"]),)]


_OPERATORS: dict[str, Callable[[Any, Node, Sequence[Any]], Any]] = {
    "Add": lambda tf, _, x: tf.add(*x),
    "ArgMax": lambda tf, _, x: tf.argmax(x[0], -1),
    "Cast": lambda tf, node, x: tf.cast(x[0], node.attributes["to"]),
    "Conv": _convolve,
    "Div": lambda tf, _, x: tf.divide(*x),
    "Exp": lambda tf, _, x: tf.exp(x[0]),
    "Floor": lambda tf, _, x: tf.floor(x[0]),
    "Greater": lambda tf, _, x: tf.greater(*x),
    "Identity": lambda tf, _, x: tf.identity(x[0]),
    "MatMul": _multiply,
    "Max": lambda tf, _, x: tf.maximum(*x),
    "Min": lambda tf, _, x: tf.minimum(*x),
    "Mod": lambda tf, _, x: tf.math.floormod(*x),
    "Mul": lambda tf, _, x: tf.multiply(*x),
    "Relu": lambda tf, _, x: tf.nn.relu(x[0]),
    "Reshape": lambda tf, node, x: tf.reshape(x[0], (-1, *node.attributes["shape"])),
    "Sigmoid": lambda tf, _, x: tf.sigmoid(x[0]),
    "Slice": _slice,
    "Softmax": lambda tf, _, x: tf.nn.softmax(x[0], -1),
    "Sub": lambda tf, _, x: tf.subtract(*x),
    "Tanh": lambda tf, _, x: tf.tanh(x[0]),
    "Transpose": lambda tf, node, x: tf.transpose(x[0], node.attributes["perm"]),
    "Where": lambda tf, _, x: tf.where(*x),
}
"""Functions that compute each operator of a `PolicyGraph` with TensorFlow."""
