"""The formats into which a policy file can be exported, and what was tried in vain."""

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.spaces import ILLEGAL_SCORE
from arena.errors import ArenaError, did_you_mean
from arena.export import c_format, javascript_format, tensorflow_format, torch_format
from arena.export.graph import PolicyGraph
from arena.export.runtime import Runtime
from arena.machine.installation import install_command

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One format."""

    suffix: str
    """Ending of its files; empty for a folder."""
    about: str
    """Sentence for people about what is written."""
    convert: Callable[[PolicyGraph, Path, Array | None], None]
    """Writes a policy to a path; the array holds observations to calibrate with, or None."""
    load: Callable[[Path, PolicyGraph], Runtime]
    """Returns what plays the file that was written."""
    packages: tuple[str, ...] = ()
    """Packages that must be installed, as Python imports them."""
    extra: str = ""
    """Extra of `arena-rl` that installs them."""
    is_calibrated: bool = False
    """Whether ranges of numbers are taken from observations that the policy visits: its answers then differ."""

    @property
    def frameworks(self) -> frozenset[str]:
        """Framework modules that its process may import."""
        return frozenset(self.packages)


FORMATS = {
    "litert": Format(
        suffix=".tflite",
        about="LiteRT (TensorFlow Lite's successor), float32",
        convert=tensorflow_format.convert_to_litert,
        load=tensorflow_format.LiteRtModel,
        packages=("tensorflow", "ai_edge_litert"),
        extra="litert",
    ),
    "litert-int8": Format(
        suffix=".tflite",
        about="LiteRT, computed in integers of eight bits; observations and scores stay floats",
        convert=tensorflow_format.convert_to_litert,
        load=tensorflow_format.LiteRtModel,
        packages=("tensorflow", "ai_edge_litert"),
        extra="litert",
        is_calibrated=True,
    ),
    "savedmodel": Format(
        suffix="",
        about="TensorFlow SavedModel, a folder",
        convert=tensorflow_format.convert_to_saved_model,
        load=tensorflow_format.SavedModel,
        packages=("tensorflow",),
        extra="litert",
    ),
    "pt2": Format(
        suffix=".pt2",
        about="PyTorch exported program",
        convert=torch_format.convert,
        load=torch_format.ExportedProgram,
        packages=("torch",),
        extra="rllib",
    ),
    "c": Format(suffix=".h", about="C header without dependencies", convert=c_format.convert, load=c_format.CompiledHeader),
    "js": Format(
        suffix=".js", about="JavaScript without dependencies", convert=javascript_format.convert, load=javascript_format.RunScript
    ),
}
"""Formats by the name that `arena export --to` takes."""

NO_ROUTE = {
    "executorch": "its Python runtime (1.5.1) does not load beside PyTorch 2.10, so nothing here can check the file; export pt2, and lower "
    "that with ExecuTorch's own tools",
    "tfjs": "TensorFlow.js was last released in 2024; export js, which needs no library in the page",
    "onnx": "a policy file is ONNX already",
}
"""Names that people ask for, and the reason for which there is no export to them."""


def find_format(name: str) -> Format:
    """Returns a format that can be written on this machine.

    Raises:
        ArenaError: If there is none of that name, or a package that it needs is missing; says what to do.
    """
    if name in NO_ROUTE:
        raise ArenaError(f"no export to {name}: {NO_ROUTE[name]}")
    if name not in FORMATS:
        raise ArenaError(f"no format {name!r}{did_you_mean(name, FORMATS)} (there are: {', '.join(FORMATS)})")
    chosen = FORMATS[name]
    missing = [package for package in chosen.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ArenaError(f"an export to {name} needs {' and '.join(missing)}: {install_command(chosen.extra)}")
    return chosen


def refuse_masked(graph: PolicyGraph, where: str) -> None:
    """Refuses to calibrate a policy with action masks.

    Raises:
        ArenaError: If a weight is the score of a forbidden action: beside such a number, integers of eight bits tell no others apart.
    """
    if any(np.issubdtype(array.dtype, np.floating) and (np.abs(array) >= -ILLEGAL_SCORE).any() for array in graph.weights.values()):
        raise ArenaError(
            f"{where} has action masks: the score of a forbidden action, {ILLEGAL_SCORE:g}, leaves integers of eight bits no room for the "
            "others; export litert instead"
        )
