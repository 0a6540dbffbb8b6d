"""The trial of a stranger's policy file in a process of its own, with limited memory and time, before any other process opens it.

`arena.policies.file_check` reads what a file says; here it is also run: loaded, and asked for actions on batches of one and many. A file
that crashes, swells or hangs does so in the other process.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.policies.file_check import BATCH
from arena.policies.policy import OnnxPolicy, PolicySignature
from arena.seeding import probe_rng

Array = npt.NDArray[Any]

MEMORY_BYTES = 4 * 1024**3
"""Max address space of the process that tries files; the libraries take about half of it."""
TIMEOUT_SECONDS = 60.0
"""Longest time for the whole trial in one process, starting Python included."""
MAX_SECONDS_PER_BATCH = 5.0
"""Longest time that a policy may take for `BATCH` observations, on one thread."""
FILES_PER_PROCESS = 16
"""Number of files tried one after the other in one process; starting the process takes most of the time of a trial."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """The result of a policy file's trial in quarantine."""

    signature: PolicySignature
    """Shapes and types that the policy takes and gives."""
    seconds_per_batch: float
    """Seconds for `BATCH` observations on one thread; the best of three."""


def check_policy_file(
    path: Path, *, shown_as: Path | None = None, memory_bytes: int = MEMORY_BYTES, timeout_seconds: float = TIMEOUT_SECONDS
) -> Trial:
    """Refuses a file that isn't a policy, or that isn't safe to use.

    Args:
        path: The ONNX file.
        shown_as: Path to name in errors instead, for a copy of another file.
        memory_bytes: Max address space of the process that tries it, where the system has such limits.
        timeout_seconds: Seconds after which that process is ended.

    Raises:
        ArenaError: If the file is refused; says what is wrong with it.
    """
    shown = shown_as or path
    try:
        process = _try_apart([path], [shown], memory_bytes, timeout_seconds)
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"policy {shown} was not through its checks after {timeout_seconds:g} seconds") from error
    try:
        answer = json.loads(process.stdout)
    except ValueError as error:
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise ArenaError(
            f"policy {shown} broke the process that tried it, within {memory_bytes / 1024**3:g} GiB and {timeout_seconds:g} seconds: {last}"
        ) from error
    if "error" in answer:
        raise ArenaError(answer["error"])
    return _trial(answer)


def check_policy_files(paths: Sequence[Path], shown_as: Sequence[Path] | None = None) -> list[Trial]:
    """Tries several files, many in one process, and returns the trial of each.

    Args:
        paths: The ONNX files.
        shown_as: Paths to name in errors instead, for copies of other files.

    Raises:
        ArenaError: If `check_policy_file` would refuse a file; says the same of the first such file.
    """
    shown = paths if shown_as is None else shown_as
    trials: list[Trial] = []
    for first in range(0, len(paths), FILES_PER_PROCESS):
        part, names = paths[first : first + FILES_PER_PROCESS], shown[first : first + FILES_PER_PROCESS]
        together = _try_together(part, names) if len(part) > 1 else None
        trials += together or [check_policy_file(path, shown_as=name) for path, name in zip(part, names, strict=True)]
    return trials


def _try_together(paths: Sequence[Path], shown_as: Sequence[Path]) -> list[Trial] | None:
    """Returns the trials of all files by one process within the limits of one; None where not all pass, and each must be tried alone."""
    try:
        process = _try_apart(paths, shown_as, MEMORY_BYTES, TIMEOUT_SECONDS)
        answers = [json.loads(line) for line in process.stdout.splitlines()]
    except (subprocess.TimeoutExpired, ValueError):
        return None
    if process.returncode != 0 or len(answers) != len(paths) or any("error" in answer for answer in answers):
        return None
    return [_trial(answer) for answer in answers]


def _trial(answer: Mapping[str, Any]) -> Trial:
    """Returns the trial that a line of the other process's output describes."""
    shapes = {name: tuple(answer[name]) for name in ("observation_shape", "action_shape")}
    types = {name: np.dtype(answer[name]) for name in ("observation_dtype", "action_dtype")}
    return Trial(PolicySignature(**shapes, **types, num_scores=answer["num_scores"]), answer["seconds_per_batch"])


def _try_apart(
    paths: Sequence[Path], shown_as: Sequence[Path], memory_bytes: int, timeout_seconds: float
) -> "subprocess.CompletedProcess[str]":
    # -P: a stranger's folder may be the current one, and hold an onnx.py.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-P",
        "-m",
        "arena.policies.quarantine",
        str(memory_bytes),
        str(timeout_seconds),
        *map(str, (*paths, *shown_as)),
    ]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )


def main(memory_bytes: str, seconds: str, *paths: str) -> None:
    """Runs in the process of its own: prints the answer for each file as a line of JSON.

    Args:
        memory_bytes: Max address space of this process.
        seconds: Max CPU time of this process.
        paths: All files, then the path to name in errors for each of them.
    """
    _limit(int(memory_bytes), float(seconds))
    for path, shown in zip(paths[: len(paths) // 2], paths[len(paths) // 2 :], strict=True):
        _answer(Path(path), Path(shown), int(memory_bytes))


def _answer(path: Path, shown: Path, memory_bytes: int) -> None:
    try:
        policy = OnnxPolicy(path, shown_as=shown)
        seconds_per_batch = try_policy(policy, f"policy {shown}")
    except ArenaError as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201 - to the parent process
        return
    except MemoryError:
        print(json.dumps({"error": f"policy {shown} needs more memory than the {memory_bytes:,} bytes allowed"}))  # noqa: T201
        return
    answer = {**dataclasses.asdict(policy.signature), "seconds_per_batch": seconds_per_batch}
    print(json.dumps(answer, default=str), flush=True)  # noqa: T201


def _limit(memory_bytes: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit of the parent stays
        return
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))


def try_policy(policy: OnnxPolicy, where: str) -> float:
    """Asks a policy for its answers on probes, checks every answer, and returns the seconds for a batch. It runs in this process.

    Args:
        policy: The policy to try.
        where: Name of the policy; begins errors.

    Raises:
        ArenaError: If the policy fails, takes too long, or gives scores or actions that no policy may give.
    """
    signature, rng = policy.signature, probe_rng()
    seconds = []
    for count in (1, BATCH, BATCH, BATCH):
        observations = _probes(signature, count, rng)
        start = time.perf_counter()
        try:
            scores, actions = policy.scores(observations), policy.act(observations)
        except Exception as error:  # onnxruntime's errors share no base class
            raise ArenaError(f"{where} fails on {count} observations: {error}") from error
        if count == BATCH:
            seconds.append((time.perf_counter() - start) / 2)
        _check_answer(signature, scores, actions, count, where)
    if min(seconds) > MAX_SECONDS_PER_BATCH:
        raise ArenaError(f"{where} takes {min(seconds):.1f} s for {BATCH} observations; {MAX_SECONDS_PER_BATCH:g} s are allowed")
    return min(seconds)


def _probes(signature: PolicySignature, count: int, rng: np.random.Generator) -> Array:
    shape = (count, *signature.observation_shape)
    if np.issubdtype(signature.observation_dtype, np.integer):
        probes: Array = rng.integers(0, 256, shape)
    else:
        probes = rng.standard_normal(shape) * rng.choice([0.0, 1.0, 100.0], (count,) + (1,) * (len(shape) - 1))
    return probes.astype(signature.observation_dtype)


def _check_answer(signature: PolicySignature, scores: Array, actions: Array, count: int, where: str) -> None:
    if scores.shape != (count, signature.num_scores) or actions.shape != (count, *signature.action_shape):
        raise ArenaError(
            f"{where} answers {count} observations with scores of shape {scores.shape} and actions of shape {actions.shape}; "
            f"it says {signature}"
        )
    if not np.isfinite(scores).all() or not np.isfinite(actions).all():
        raise ArenaError(f"{where} gives scores or actions that are NaN or infinite")
    if np.issubdtype(actions.dtype, np.integer) and not ((actions >= 0) & (actions < signature.num_scores)).all():
        raise ArenaError(f"{where} chooses actions outside 0..{signature.num_scores - 1}")


if __name__ == "__main__":
    main(*sys.argv[1:])
