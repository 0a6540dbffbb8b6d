"""Differences between two run folders that should hold the same run: what the guarantee of docs/resume.md covers, byte by byte.

Outside of the guarantee are times, counts of attempts, and what depends on them: `evaluation_times.jsonl`, `attempts.json`,
`failures.jsonl`, `holder.json`, `worker.log`, TensorBoard's files, and the fields named here.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

SAME_FILES = ("episodes.jsonl", "evaluations.jsonl", "policy.onnx")
"""Files that are the same to the last byte."""
RESULT_OUTSIDE = frozenset({"path", "seconds", "cpu_seconds", "num_attempts", "seal"})
"""Fields of `result.json` that hold times, attempts or places, and the seal, which covers files with times."""
TRAINING_OUTSIDE = frozenset(
    {
        "meter.env_seconds",
        "progress.cpu_seconds",
        "progress.seconds",
        "progress.num_attempts",
        "lengths.evaluation_times",
        "lengths.sha256.evaluation_times.jsonl",
    }
)
"""Fields of a checkpoint's `training.json` that hold times or attempts."""


def run_differences(found: Path, expected: Path) -> list[str]:
    """Returns a line for each difference between a run folder and the one of an uninterrupted run."""
    different = [f"{name} differs" for name in SAME_FILES if _content(found / name) != _content(expected / name)]
    both = found, expected
    different += _json_differences("run.json: inputs", *(_json(path / "run.json").get("inputs") for path in both))
    different += _json_differences("result.json", *(_without(_json(path / "result.json"), RESULT_OUTSIDE) for path in both))
    for folder in ("checkpoint", "snapshots"):
        names, expected_names = _names(found / folder), _names(expected / folder)
        different += [f"{folder}/{name} is in one of them only" for name in sorted(names ^ expected_names)]
        for name in sorted(names & expected_names):
            different += _file_differences(f"{folder}/{name}", found / folder / name, expected / folder / name)
    return different


def _file_differences(name: str, found: Path, expected: Path) -> list[str]:
    if found.name == "manifest.json":  # it holds checksums of files with times
        return []
    if found.name == "training.json":
        return _json_differences(name, *(_without(_json(path), TRAINING_OUTSIDE) for path in (found, expected)))
    if found.suffix == ".npz":
        return _array_differences(name, found, expected)
    return [] if _content(found) == _content(expected) else [f"{name} differs"]


def _array_differences(name: str, found: Path, expected: Path) -> list[str]:
    with np.load(found, allow_pickle=False) as arrays, np.load(expected, allow_pickle=False) as others:
        if sorted(arrays) != sorted(others):
            return [f"{name} holds other arrays"]
        return [f"{name}: array {key} differs" for key in sorted(arrays) if _bits(arrays[key]) != _bits(others[key])]


def _bits(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes()


def _json_differences(name: str, found: Any, expected: Any) -> list[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = sorted({*found, *expected})
        return [line for key in keys for line in _json_differences(f"{name}: {key}", found.get(key), expected.get(key))]
    return [] if found == expected else [f"{name} is {found!r}, not {expected!r}"]


def _without(value: Any, outside: frozenset[str], where: str = "") -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without(inner, outside, f"{where}{key}.") for key, inner in value.items() if f"{where}{key}" not in outside}


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text()) if path.is_file() else {}
    return value if isinstance(value, dict) else {}
