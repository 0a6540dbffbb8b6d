"""Tries a stranger's policy file in a process of its own, with limited memory and time, before any other process opens it.

`arena.policies.file_check` reads what a file says; here it is also run: loaded, and asked for actions on batches of one and many. What
crashes,
swells or hangs is the other process.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
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
"""Of address space, libraries included, which take about half of it."""
TIMEOUT_SECONDS = 60.0
"""For the whole check, starting Python included."""
MAX_SECONDS_PER_BATCH = 5.0
"""For `BATCH` observations, on one thread."""
FILES_PER_PROCESS = 16
"""That are tried one after the other where there are many: most of a trial is the start of its process."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a policy did in quarantine."""

    signature: PolicySignature
    seconds_per_batch: float
    """For `BATCH` observations, on one thread; the best of three."""


def check_policy_file(path: Path, *, memory_bytes: int = MEMORY_BYTES, timeout_seconds: float = TIMEOUT_SECONDS) -> Trial:
    """Refuses a policy file that is not one, or that is not safe to use.

    Args:
        path: the ONNX file.
        memory_bytes: limit of the process that tries it, where the system has such limits.
        timeout_seconds: after which that process is ended.

    Raises:
        ArenaError: saying what is wrong with it.
    """
    try:
        process = _try_apart([path], memory_bytes, timeout_seconds)
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"policy {path} was not through its checks after {timeout_seconds:g} seconds") from error
    try:
        answer = json.loads(process.stdout)
    except ValueError as error:
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise ArenaError(
            f"policy {path} broke the process that tried it, within {memory_bytes / 1024**3:g} GiB and {timeout_seconds:g} seconds: {last}"
        ) from error
    if "error" in answer:
        raise ArenaError(answer["error"])
    shapes = {name: tuple(answer[name]) for name in ("observation_shape", "action_shape")}
    types = {name: np.dtype(answer[name]) for name in ("observation_dtype", "action_dtype")}
    return Trial(PolicySignature(**shapes, **types, num_scores=answer["num_scores"]), answer["seconds_per_batch"])


def check_policy_files(paths: Sequence[Path]) -> None:
    """Refuses the first of several files that `check_policy_file` would refuse, with the same words."""
    for first in range(0, len(paths), FILES_PER_PROCESS):
        part = paths[first : first + FILES_PER_PROCESS]
        if len(part) == 1 or not _all_pass(part):
            for path in part:
                check_policy_file(path)


def _all_pass(paths: Sequence[Path]) -> bool:
    """Returns whether one process tries all files within the limits of one; where it does not, each is to be tried alone."""
    try:
        process = _try_apart(paths, MEMORY_BYTES, TIMEOUT_SECONDS)
        answers = [json.loads(line) for line in process.stdout.splitlines()]
    except (subprocess.TimeoutExpired, ValueError):
        return False
    return process.returncode == 0 and len(answers) == len(paths) and all("error" not in answer for answer in answers)


def _try_apart(paths: Sequence[Path], memory_bytes: int, timeout_seconds: float) -> "subprocess.CompletedProcess[str]":
    # -P: a stranger's folder may be the current one, and hold an onnx.py.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "arena.policies.quarantine", str(memory_bytes), str(timeout_seconds), *map(str, paths)]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )


def main(memory_bytes: str, seconds: str, *paths: str) -> None:
    """Runs in the process of its own: prints the answer for each file as a line of JSON."""
    _limit(int(memory_bytes), float(seconds))
    for path in paths:
        _answer(path, int(memory_bytes))


def _answer(path: str, memory_bytes: int) -> None:
    try:
        policy = OnnxPolicy(Path(path))
        seconds_per_batch = _try(policy, f"policy {path}")
    except ArenaError as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201 - to the parent process
        return
    except MemoryError:
        print(json.dumps({"error": f"policy {path} needs more memory than the {memory_bytes:,} bytes allowed"}))  # noqa: T201
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


def _try(policy: OnnxPolicy, where: str) -> float:
    """Plays probes, checks every answer, and returns the seconds for a batch."""
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
