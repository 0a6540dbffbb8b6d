"""The network of a policy as plain loops over one observation, in C or in JavaScript.

The two languages write a loop almost alike, so one function writes both; a `Dialect` holds what differs. All sizes are numbers in the code,
and nothing of the file but its weights gets into it: the names of results and weights are counted here.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.export.graph import Node, PolicyGraph

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Dialect:
    """What one language writes otherwise than the other."""

    index: str
    """Type of a loop's index."""
    array: Callable[[str, np.dtype[Any], int], str]
    """Returns the line that makes an array of so many elements, from its name, type and size."""
    number: Callable[[str, np.dtype[Any], str], str]
    """Returns the line that makes a variable, from its name, type and first value."""
    cast: Callable[[str, np.dtype[Any]], str]
    """Returns an expression as another type."""
    functions: Mapping[str, str]
    """Templates of the functions `Exp`, `Floor`, `Mod`, `Sigmoid` and `Tanh`; `Mod` and the others take `{0}` and `{1}`."""


@dataclasses.dataclass(frozen=True)
class Loops:
    """The body of a function."""

    lines: tuple[str, ...]
    """Lines of code, which read the array `observation` and the weights."""
    weights: Mapping[str, Array]
    """Weights by the name that the code gives them."""
    actions: str
    """Name of the array that holds the action."""
    scores: str
    """Name of the array that holds the action scores."""


def write_loops(graph: PolicyGraph, dialect: Dialect) -> Loops:
    """Returns the code that computes an action and action scores of one observation."""
    writer = _Writer(graph, dialect)
    for node in graph.nodes:
        _WRITERS.get(node.operator, _Writer.elementwise)(writer, node)
    return Loops(tuple(writer.lines), writer.weights, writer.names["actions"], writer.names["action_scores"])


@dataclasses.dataclass(frozen=True)
class _View:
    """A way to read an array in the order of a result: `name[offset + sum of strides * indices]`."""

    name: str
    strides: tuple[int, ...]
    offset: int = 0

    def at(self, indices: Sequence[str]) -> str:
        terms = [f"{stride} * {index}" if stride > 1 else index for stride, index in zip(self.strides, indices, strict=True) if stride]
        terms += [str(self.offset)] if self.offset or not terms else []
        return f"{self.name}[{' + '.join(terms)}]"


class _Writer:
    def __init__(self, graph: PolicyGraph, dialect: Dialect) -> None:
        self.lines: list[str] = []
        self.weights: dict[str, Array] = {}
        self.names = {"observations": "observation"}
        self._graph, self._dialect = graph, dialect

    def elementwise(self, node: Node) -> None:
        shape, dtype = self._value(node.output)
        views = [_View(self._name(name), _broadcast(self._shape_of(name, len(shape)), shape)) for name in node.inputs]
        self._copy(self._new(node.output), shape, views, lambda parts: self._expression(node.operator, parts, dtype))

    def alias(self, node: Node) -> None:
        """Lets a result be another name of an array: neither its elements nor their order change."""
        self.names[node.output] = self._name(node.inputs[0])

    def transpose(self, node: Node) -> None:
        strides = _strides(self._value(node.inputs[0])[0])
        order = tuple(strides[axis - 1] for axis in node.attributes["perm"][1:])
        self._copy(self._new(node.output), self._value(node.output)[0], [_View(self._name(node.inputs[0]), order)])

    def cut(self, node: Node) -> None:
        strides = _strides(self._value(node.inputs[0])[0])
        offset = node.attributes["start"] * strides[node.attributes["axis"] - 1]
        self._copy(self._new(node.output), self._value(node.output)[0], [_View(self._name(node.inputs[0]), strides, offset)])

    def multiply(self, node: Node) -> None:
        x, kernel = map(self._name, node.inputs)
        weights, result = self._graph.weights[node.inputs[1]], self._new(node.output)
        inputs, outputs = weights.shape[0], math.prod(weights.shape[1:])
        each = f"for ({self._dialect.index} j = 0; j < {outputs}; j++) {result}[{outputs} * r + j]"  # along rows of the weights
        self._loop("r", math.prod(self._value(node.output)[0]) // outputs)
        self._line(f"{each} = 0;", 1)
        self._loop("i", inputs, 1)
        self._line(f"{each} += {x}[{inputs} * r + i] * {kernel}[{outputs} * i + j];", 2)
        self._end(1)
        self._end()

    def convolve(self, node: Node) -> None:
        x, kernel, *bias = map(self._name, node.inputs)
        (channels, height, width), (_, dtype) = self._value(node.inputs[0])[0], self._value(node.output)
        outputs, _, rows, columns = self._graph.weights[node.inputs[1]].shape
        (down, across), (top, left, *_) = node.attributes["strides"], node.attributes["pads"]
        _, out_height, out_width = self._value(node.output)[0]
        result = self._new(node.output)
        for depth, (index, count) in enumerate((("o", outputs), ("r", out_height), ("q", out_width))):
            self._loop(index, count, depth)
        self._line(self._dialect.number("sum", dtype, f"{bias[0]}[o]" if bias else "0"), 3)
        for depth, (index, count) in enumerate((("i", channels), ("h", rows), ("w", columns)), 3):
            self._loop(index, count, depth)
        self._line(f"{self._dialect.index} y = {down} * r + h - {top}, x = {across} * q + w - {left};", 6)
        place = f"({height} * i + y) * {width} + x"
        weight = f"{kernel}[(({channels} * o + i) * {rows} + h) * {columns} + w]"
        self._line(f"if (y >= 0 && y < {height} && x >= 0 && x < {width}) sum += {x}[{place}] * {weight};", 6)
        for depth in (5, 4, 3):
            self._end(depth)
        self._line(f"{result}[(o * {out_height} + r) * {out_width} + q] = sum;", 3)
        for depth in (2, 1, 0):
            self._end(depth)

    def softmax(self, node: Node) -> None:
        (shape, dtype), x, result = self._value(node.output), self._name(node.inputs[0]), self._new(node.output)
        size = shape[-1]
        self._loop("r", math.prod(shape[:-1]))
        self._line(self._dialect.number("largest", dtype, f"{x}[{size} * r]"), 1)
        self._line(self._dialect.number("sum", dtype, "0"), 1)
        each = f"for ({self._dialect.index} i = {size} * r; i < {size} * (r + 1); i++)"
        self._line(f"{each} if ({x}[i] > largest) largest = {x}[i];", 1)
        self._line(f"{each} sum += {result}[i] = {self._dialect.functions['Exp'].format(f'{x}[i] - largest')};", 1)
        self._line(f"{each} {result}[i] /= sum;", 1)
        self._end()

    def arg_max(self, node: Node) -> None:
        size, x, result = self._value(node.inputs[0])[0][-1], self._name(node.inputs[0]), self._new(node.output)
        self._loop("r", math.prod(self._value(node.output)[0]))
        self._line(f"{result}[r] = 0;", 1)
        each = f"for ({self._dialect.index} i = 1; i < {size}; i++)"
        self._line(f"{each} if ({x}[{size} * r + i] > {x}[{size} * r + {result}[r]]) {result}[r] = i;", 1)
        self._end()

    def _expression(self, operator: str, parts: Sequence[str], dtype: np.dtype[Any]) -> str:
        if operator in _INFIX:
            return f" {_INFIX[operator]} ".join(parts)
        if operator in self._dialect.functions:
            return self._dialect.functions[operator].format(*parts)
        if operator == "Cast":
            return self._dialect.cast(parts[0], dtype)
        return _CHOICES[operator].format(*parts)

    def _copy(
        self, result: str, shape: Sequence[int], views: Sequence[_View], expression: Callable[[list[str]], str] = lambda parts: parts[0]
    ) -> None:
        """Writes `result[...] = expression(views[...])`, in one loop where all arrays are read from end to end."""
        target = _View(result, _strides(shape))
        if all(view.strides in (target.strides, (0,) * len(shape)) for view in views):
            flat = [_View(view.name, (1 if any(view.strides) or shape == () else 0,), view.offset) for view in views]
            shape, views, target = (math.prod(shape),), flat, _View(result, (1,))
        indices = [f"i{axis}" for axis in range(len(shape))]
        for depth, (index, size) in enumerate(zip(indices, shape, strict=True)):
            self._loop(index, size, depth)
        self._line(f"{target.at(indices)} = {expression([view.at(indices) for view in views])};", len(shape))
        for depth in reversed(range(len(shape))):
            self._end(depth)

    def _name(self, name: str) -> str:
        """Returns the code's name of a result, or of a weight, which it notes down as used."""
        if name not in self.names:
            self.names[name] = f"w{len(self.weights)}"
            self.weights[self.names[name]] = self._graph.weights[name]
        return self.names[name]

    def _new(self, name: str) -> str:
        shape, dtype = self._value(name)
        self.names[name] = f"v{len(self.lines)}"
        self._line(self._dialect.array(self.names[name], dtype, math.prod(shape)))
        return self.names[name]

    def _value(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        value = self._graph.values[name]
        return value.shape, value.dtype

    def _shape_of(self, name: str, rank: int) -> tuple[int, ...]:
        """Returns the shape of a result, or of a weight without the batch axis that it may have."""
        if name in self._graph.values:
            return self._graph.values[name].shape
        shape = self._graph.weights[name].shape
        return shape[1:] if len(shape) == rank + 1 else shape

    def _loop(self, index: str, count: int, depth: int = 0) -> None:
        self._line(f"for ({self._dialect.index} {index} = 0; {index} < {count}; {index}++) {{", depth)

    def _end(self, depth: int = 0) -> None:
        self._line("}", depth)

    def _line(self, text: str, depth: int = 0) -> None:
        self.lines.append("  " * (depth + 1) + text)


_INFIX = {"Add": "+", "Div": "/", "Greater": ">", "Mul": "*", "Sub": "-"}
_CHOICES = {
    "Max": "{0} > {1} ? {0} : {1}",
    "Min": "{0} < {1} ? {0} : {1}",
    "Relu": "{0} > 0 ? {0} : 0",
    "Where": "{0} ? {1} : {2}",
}
_WRITERS: dict[str, Callable[[_Writer, Node], None]] = {
    "ArgMax": _Writer.arg_max,
    "Conv": _Writer.convolve,
    "Identity": _Writer.alias,
    "MatMul": _Writer.multiply,
    "Reshape": _Writer.alias,
    "Slice": _Writer.cut,
    "Softmax": _Writer.softmax,
    "Transpose": _Writer.transpose,
}


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the distance between neighbours along each axis of an array in row-major order."""
    return tuple(itertools.accumulate(reversed(shape[1:]), int.__mul__, initial=1))[::-1] if shape else ()


def _broadcast(shape: Sequence[int], target: Sequence[int]) -> tuple[int, ...]:
    """Returns the strides with which an array is read as if it had the target's shape."""
    strides = tuple(
        0 if size == 1 and wanted != 1 else stride
        for size, stride, wanted in zip(shape, _strides(shape), target[len(target) - len(shape) :], strict=True)
    )
    return (0,) * (len(target) - len(shape)) + strides
