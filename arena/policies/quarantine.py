"""The trial of a stranger's policy file in a process of its own, with limited memory and time, before any other process opens it.

`arena.policies.file_check` reads what a file says; here it is also run: loaded, and asked for actions on batches of several sizes. A file
that crashes, swells or hangs does so in the other process (`arena.policies.bounded`).
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds
from arena.policies.policy import PolicySignature
from arena.policies.size_check import BATCH
from arena.seeding import probe_rng

Array = npt.NDArray[Any]

MAX_SECONDS_PER_BATCH = 5.0
"""Longest time that a policy may take for `BATCH` observations, on one thread."""
COUNTS = (1, BATCH, BATCH, BATCH, 2, 7, 100)
"""Sizes of the batches that a policy is tried on; an evaluation begins with at most `BATCH`, and the static check covers all others."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """The result of a policy file's trial in quarantine."""

    signature: PolicySignature
    """Shapes and types that the policy takes and gives."""
    seconds_per_batch: float
    """Seconds for `BATCH` observations on one thread; the best of three."""


class TriedPolicy(Protocol):
    """What `try_policy` tries."""

    signature: PolicySignature
    """Shapes and types that the policy takes and gives."""

    def act(self, observations: Array, /) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`."""

    def scores(self, observations: Array, /) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`."""


def check_policy_file(path: Path, *, shown_as: Path | None = None, bounds: Bounds | None = None) -> Trial:
    """Refuses a file that isn't a policy, or that isn't safe to use.

    Args:
        path: The ONNX file.
        shown_as: Path to name in errors instead, for a copy of another file.
        bounds: Bounds of the process that tries it.

    Raises:
        ArenaError: If the file is refused; says what is wrong with it.
    """
    with BoundedPolicy(path, shown_as=shown_as, bounds=bounds) as policy:
        return Trial(policy.signature, try_policy(policy, f"policy {shown_as or path}"))


def check_policy_files(paths: Sequence[Path], shown_as: Sequence[Path] | None = None) -> list[Trial]:
    """Tries several files, each in a process of its own, and returns the trial of each.

    Args:
        paths: The ONNX files.
        shown_as: Paths to name in errors instead, for copies of other files.

    Raises:
        ArenaError: If `check_policy_file` would refuse a file; says the same of the first such file.
    """
    return [check_policy_file(path, shown_as=shown) for path, shown in zip(paths, shown_as or paths, strict=True)]


def try_policy(policy: TriedPolicy, where: str) -> float:
    """Asks a policy for its answers on probes, checks every answer, and returns the seconds for a batch.

    Args:
        policy: The policy to try.
        where: Name of the policy; begins errors.

    Raises:
        ArenaError: If the policy fails, takes too long, or gives scores or actions that no policy may give.
    """
    signature, rng = policy.signature, probe_rng()
    seconds = []
    for count in COUNTS:
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
            f"it says that it takes {signature}"
        )
    if not np.isfinite(scores).all() or not np.isfinite(actions).all():
        raise ArenaError(f"{where} gives scores or actions that are NaN or infinite")
    if np.issubdtype(actions.dtype, np.integer) and not ((actions >= 0) & (actions < signature.num_scores)).all():
        raise ArenaError(f"{where} chooses actions outside 0..{signature.num_scores - 1}")
