"""A policy as a C header: one function, its weights, and nothing else but `math.h`."""

import ctypes
import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.export.graph import PolicyGraph
from arena.export.loops import Dialect, write_loops
from arena.export.runtime import NoRuntime

Array = npt.NDArray[Any]

_TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "uint8_t",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def _type(dtype: np.dtype[Any]) -> str:
    if dtype.name not in _TYPES:
        raise ArenaError(f"a policy that computes in {dtype.name} has no route to C")
    return _TYPES[dtype.name]


_C = Dialect(
    index="int",
    array=lambda name, dtype, size: f"{_type(dtype)} {name}[{size}];",
    number=lambda name, dtype, value: f"{_type(dtype)} {name} = {value};",
    cast=lambda text, dtype: f"({_type(dtype)}){text}",
    functions={
        "Exp": "expf({0})",
        "Floor": "floorf({0})",
        "Mod": "({0} % {1} + {1}) % {1}",
        "Sigmoid": "1.0f / (1.0f + expf(-{0}))",
        "Tanh": "tanhf({0})",
    },
)

_HEADER = """\
/* A policy, written by the arena; needs a C99 compiler and its math library.

   {returns} policy_act(const {observation} *observation, float *action_scores{action_parameter});

   observation    {num_observations} numbers, in row-major order of {observation_shape}
   action_scores  gets {num_scores} numbers
   {meaning}
   The function takes about {stack} bytes of stack. It keeps nothing between calls. */
#ifndef ARENA_POLICY_H
#define ARENA_POLICY_H

#include <math.h>
#include <stdint.h>

#define POLICY_NUM_OBSERVATIONS {num_observations}
#define POLICY_NUM_SCORES {num_scores}
#define POLICY_NUM_ACTIONS {num_actions}

{weights}

static {returns} policy_act(const {observation} *observation, float *action_scores{action_parameter}) {{
{body}
{end}
}}

#endif
"""


def write_header(graph: PolicyGraph) -> str:
    """Returns the header: `policy_act` returns a discrete action, or fills in the numbers of a Box action.

    Raises:
        ArenaError: If the policy computes in a type that C does not have.
    """
    loops = write_loops(graph, _C)
    observations, actions, scores = (graph.values[name] for name in ("observations", "actions", "action_scores"))
    num_scores, num_actions = math.prod(scores.shape), math.prod(actions.shape)
    end = [f"  for (int i = 0; i < {num_scores}; i++) action_scores[i] = {loops.scores}[i];"]
    if graph.is_discrete:
        end.append(f"  return (int){loops.actions}[0];")
    else:
        end.append(f"  for (int i = 0; i < {num_actions}; i++) action[i] = {loops.actions}[i];")
    return _HEADER.format(
        returns="int" if graph.is_discrete else "void",
        action_parameter="" if graph.is_discrete else f", {_type(actions.dtype)} *action",
        meaning="The result is the action." if graph.is_discrete else f"action         gets {num_actions} numbers\n",
        observation=_type(observations.dtype),
        observation_shape=list(observations.shape),
        num_observations=math.prod(observations.shape),
        num_scores=num_scores,
        num_actions=num_actions,
        stack=sum(math.prod(value.shape) * value.dtype.itemsize for value in graph.values.values()),
        weights="\n".join(_weights(name, array) for name, array in loops.weights.items()),
        body="\n".join(loops.lines),
        end="\n".join(end),
    )


def convert(graph: PolicyGraph, path: Path, calibration: Array | None) -> None:
    """Writes the header; `calibration` isn't used."""
    del calibration
    path.write_text(write_header(graph), encoding="ascii")


class CompiledHeader:
    """A header, compiled by the system's C compiler and called in this process.

    Args:
        path: The header.
        graph: The policy.

    Raises:
        NoRuntime: If there is no compiler.
        ArenaError: If the compiler refuses the header.
    """

    def __init__(self, path: Path, graph: PolicyGraph) -> None:
        self._observations, self._actions = graph.values["observations"], graph.values["actions"]
        self._num_scores = math.prod(graph.values["action_scores"].shape)
        taken, given = _type(self._observations.dtype), _type(self._actions.dtype)
        call = "actions[i] = policy_act(x, s);" if graph.is_discrete else "policy_act(x, s, actions + i * POLICY_NUM_ACTIONS);"
        source = (
            f'#include "{path.resolve()}"\n'
            f"void answer(const {taken} *observations, {given} *actions, float *scores, int n) {{\n"
            "  for (int i = 0; i < n; i++) {\n"
            f"    const {taken} *x = observations + i * POLICY_NUM_OBSERVATIONS;\n"
            "    float *s = scores + i * POLICY_NUM_SCORES;\n"
            f"    {call}\n"
            "  }\n}\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder, "policy.so")
            _compile(source, library)
            self._answer = ctypes.CDLL(str(library)).answer

    def answer(self, observations: Array) -> tuple[Array, Array]:
        """Returns actions `[N, *act]` and action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        count = len(observations)
        inputs = np.ascontiguousarray(observations, self._observations.dtype)
        actions = np.empty((count, *self._actions.shape), self._actions.dtype)
        scores = np.empty((count, self._num_scores), np.float32)
        self._answer(*(ctypes.c_void_p(array.ctypes.data) for array in (inputs, actions, scores)), ctypes.c_int(count))
        return actions, scores


def _compile(source: str, library: Path) -> None:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise NoRuntime("there is no C compiler here (cc, or the one that CC names)")
    command = [compiler, "-std=c99", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-lm"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArenaError(f"{compiler} refuses the header: {done.stderr.strip()[-500:]}")


def _weights(name: str, array: Array) -> str:
    numbers = ",".join(map(_number, array.reshape(-1)))
    return f"static const {_type(array.dtype)} {name}[{array.size}] = {{{numbers}}};"


def _number(value: Any) -> str:
    """Returns a number as C reads it back without loss."""
    if isinstance(value, np.floating):
        text = str(value)  # the shortest text that is read back as the same number
        return f"{text}f" if isinstance(value, np.float32) else text
    return f"{int(value)}LL" if abs(int(value)) >= 2**31 else str(int(value))
