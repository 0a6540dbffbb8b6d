"""A policy as one of PyTorch's exported programs (`.pt2`), which `torch.export.load` and ExecuTorch's tools read.

PyTorch is imported when a function here is called: they run in a process of their own (`arena.export.conversion`).
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.export.graph import Node, PolicyGraph

Array = npt.NDArray[Any]

MAX_BATCH = 4096
"""Largest number of observations that an exported program takes at once."""


def convert(graph: PolicyGraph, path: Path, calibration: Array | None = None) -> None:
    """Writes an exported program that takes observations and gives actions and action scores; `calibration` isn't used."""
    del calibration
    torch = importlib.import_module("torch")
    observations = graph.values["observations"]
    example = torch.from_numpy(np.zeros((2, *observations.shape), observations.dtype))
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    program = torch.export.export(_module(graph, torch), (example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)


class ExportedProgram:
    """An exported program, played by PyTorch on one thread.

    Args:
        path: The file.
        graph: The policy.
    """

    def __init__(self, path: Path, graph: PolicyGraph) -> None:
        del graph
        self._torch = importlib.import_module("torch")
        self._torch.set_num_threads(1)
        self._module = self._torch.export.load(path).module()

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        with self._torch.inference_mode():
            actions, scores = self._module(self._torch.from_numpy(observations))
        return actions.numpy(), scores.numpy()


def _module(graph: PolicyGraph, torch: Any) -> Any:
    """Returns a PyTorch module that computes what a policy computes."""

    class Rebuilt(torch.nn.Module):  # type: ignore[misc]  # its base is there in this process alone
        """The network, node by node."""

        def __init__(self) -> None:
            super().__init__()
            self.names = {name: f"weight_{index}" for index, name in enumerate(graph.weights)}
            for name, array in graph.weights.items():
                self.register_buffer(self.names[name], torch.from_numpy(array.copy()))

        def forward(self, observations: Any) -> Any:
            """Returns the tensors of actions and action scores."""
            tensors = {name: getattr(self, buffer) for name, buffer in self.names.items()} | {"observations": observations}
            for node in graph.nodes:
                tensors[node.output] = _OPERATORS[node.operator](torch, node, [tensors[name] for name in node.inputs])
            return tensors["actions"].clone(), tensors["action_scores"].clone()

    return Rebuilt().eval()


def _convolve(torch: Any, node: Node, x: Sequence[Any]) -> Any:
    top, left, bottom, right = node.attributes["pads"]
    images = torch.nn.functional.pad(x[0], (left, right, top, bottom)) if any(node.attributes["pads"]) else x[0]
    return torch.nn.functional.conv2d(images, *x[1:], stride=node.attributes["strides"])


def _slice(torch: Any, node: Node, x: Sequence[Any]) -> Any:
    del torch
    return x[0].narrow(node.attributes["axis"], node.attributes["start"], node.attributes["end"] - node.attributes["start"])


_OPERATORS: dict[str, Callable[[Any, Node, Sequence[Any]], Any]] = {
    "Add": lambda torch, _, x: torch.add(*x),
    "ArgMax": lambda torch, _, x: torch.argmax(x[0], -1),
    "Cast": lambda torch, node, x: x[0].to(getattr(torch, node.attributes["to"].name)),
    "Conv": _convolve,
    "Div": lambda torch, _, x: torch.div(*x),
    "Exp": lambda torch, _, x: torch.exp(x[0]),
    "Floor": lambda torch, _, x: torch.floor(x[0]),
    "Greater": lambda torch, _, x: torch.gt(*x),
    "Identity": lambda _, __, x: x[0],
    "MatMul": lambda torch, _, x: torch.matmul(*x),
    "Max": lambda torch, _, x: torch.maximum(*x),
    "Min": lambda torch, _, x: torch.minimum(*x),
    "Mod": lambda torch, _, x: torch.remainder(*x),
    "Mul": lambda torch, _, x: torch.mul(*x),
    "Relu": lambda torch, _, x: torch.relu(x[0]),
    "Reshape": lambda _, node, x: x[0].reshape(-1, *node.attributes["shape"]),
    "Sigmoid": lambda torch, _, x: torch.sigmoid(x[0]),
    "Slice": _slice,
    "Softmax": lambda torch, _, x: torch.softmax(x[0], -1),
    "Sub": lambda torch, _, x: torch.sub(*x),
    "Tanh": lambda torch, _, x: torch.tanh(x[0]),
    "Transpose": lambda _, node, x: x[0].permute(node.attributes["perm"]),
    "Where": lambda torch, _, x: torch.where(*x),
}
"""Functions that compute each operator of a `PolicyGraph` with PyTorch."""
