"""A policy as JavaScript: one object with a function `act`, its weights, and nothing else, for a page or for Node."""

import base64
import importlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.export.graph import PolicyGraph
from arena.export.loops import Dialect, write_loops
from arena.export.runtime import NoRuntime

Array = npt.NDArray[Any]

_ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "bool": "Uint8Array",
    "int64": "Float64Array",  # holds whole numbers up to 2^53; `write_function` keeps them there
    **{f"{sign}int{bits}": f"{sign.upper()}{'I' if not sign else 'i'}nt{bits}Array" for sign in ("", "u") for bits in (8, 16, 32)},
}


def _array(dtype: np.dtype[Any]) -> str:
    if dtype.name not in _ARRAYS:
        raise ArenaError(f"a policy that computes in {dtype.name} has no route to JavaScript")
    return _ARRAYS[dtype.name]


_JAVASCRIPT = Dialect(
    index="let",
    array=lambda name, dtype, size: f"const {name} = new {_array(dtype)}({size});",
    number=lambda name, _, value: f"let {name} = {value};",
    cast=lambda text, dtype: f"Math.trunc({text})" if np.issubdtype(dtype, np.integer) else text,
    functions={
        "Exp": "Math.exp({0})",
        "Floor": "Math.floor({0})",
        "Mod": "({0} % {1} + {1}) % {1}",
        "Sigmoid": "1 / (1 + Math.exp(-{0}))",
        "Tanh": "Math.tanh({0})",
    },
)

DECODER = """\
const arenaWeights = (text, Type) => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const bytes = new Uint8Array(Math.floor((text.replace(/=/g, "").length * 3) / 4));
  for (let at = 0, bits = 0, held = 0, from = 0; at < bytes.length; from++) {
    held = ((held << 6) | letters.indexOf(text[from])) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return new Type(bytes.buffer);
};"""
"""JavaScript function that reads weights, base64 of little-endian numbers: engines outside of browsers have no `atob`."""


def write_function(graph: PolicyGraph) -> str:
    """Returns a JavaScript expression: a function without arguments that makes the policy, an object with `act(observation)`.

    `act` takes the numbers of one observation in row-major order, and returns `{action, scores}`: `action` is a number, or the numbers of
    a Box action. The expression needs `DECODER`.

    Raises:
        ArenaError: If the policy computes with whole numbers of 64 bits, which JavaScript's numbers do not hold.
    """
    graph.refuse_large_integers("JavaScript")
    loops = write_loops(graph, _JAVASCRIPT)
    action = f"{loops.actions}[0]" if graph.is_discrete else f"Array.from({loops.actions})"
    weights = [f'  const {name} = arenaWeights("{_base64(array)}", {_array(array.dtype)});' for name, array in loops.weights.items()]
    body = [f"  {line}" for line in loops.lines]
    act = ["  const act = (observation) => {", *body, f"    return {{ action: {action}, scores: Array.from({loops.scores}) }};", "  };"]
    shape = json.dumps(list(graph.values["observations"].shape))
    end = f"  return {{ act, observationShape: {shape}, numScores: {math.prod(graph.values['action_scores'].shape)} }};"
    return "\n".join(["() => {", *weights, *act, end, "}"])


def write_script(graph: PolicyGraph) -> str:
    """Returns a script that defines `policy`, and exports it where there are modules; raises as `write_function`."""
    return (
        "/* A policy, written by the arena. policy.act(observation) takes the numbers of one observation, in row-major order of\n"
        "   policy.observationShape, and returns {action, scores}. */\n"
        f'"use strict";\n{DECODER}\nconst policy = ({write_function(graph)})();\n'
        'if (typeof module !== "undefined") module.exports = policy;\n'
    )


def convert(graph: PolicyGraph, path: Path, calibration: Array | None) -> None:
    """Writes the script; `calibration` isn't used."""
    del calibration
    path.write_text(write_script(graph), encoding="ascii")


class RunScript:
    """A script in a JavaScript engine of this process.

    Args:
        path: The script.
        graph: The policy.

    Raises:
        NoRuntime: If there is no engine.
    """

    def __init__(self, path: Path, graph: PolicyGraph) -> None:
        try:
            engine = importlib.import_module("py_mini_racer")
        except ModuleNotFoundError:
            raise NoRuntime("there is no JavaScript engine here (pip install mini-racer)") from None
        self._action_dtype = graph.values["actions"].dtype
        self._context = engine.MiniRacer()
        self._context.eval(path.read_text(encoding="ascii"))
        self._context.eval("const answerAll = (text) => JSON.stringify(JSON.parse(text).map((each) => policy.act(each)))")

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        rows = json.dumps(observations.reshape(len(observations), -1).tolist())
        answers = json.loads(self._context.call("answerAll", rows))
        actions, scores = ([each[key] for each in answers] for key in ("action", "scores"))
        return np.asarray(actions, self._action_dtype), np.asarray(scores, np.float32)


def _base64(array: Array) -> str:
    stored = array.astype(np.float64) if array.dtype == np.int64 else array
    return base64.b64encode(stored.astype(stored.dtype.newbyteorder("<")).tobytes()).decode()
