"""Exports a policy file into another format, and compares the two on observations that the policy meets."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.errors import ArenaError
from arena.export.conversion import Request
from arena.export.formats import Format, find_format, refuse_masked
from arena.export.graph import read_graph
from arena.export.latency import Latency
from arena.formats.system_errors import refuse_unwritable
from arena.formats.trees import files_below
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.policies.evaluation import Evaluation, evaluate
from arena.policies.file_check import read_bounded
from arena.policies.parity import same_choices
from arena.policies.policy import PolicySignature
from arena.policies.quarantine import try_policy
from arena.seeding import probe_rng

Array = npt.NDArray[Any]

NUM_OBSERVATIONS = 1_000
"""Number of observations on which an export is compared with the policy file; fewer where only visited ones count and are fewer."""
NUM_CALIBRATION = 200
"""Number of visited observations from which the ranges of integers of eight bits follow."""
MAX_SECONDS = 900.0
"""Seconds after which the process that writes an export is ended."""
_VARIABLES = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",  # a policy of this size is exported, compared and timed on a processor
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The export beside the policy file."""

    num_observations: int
    """Number of observations that both answered."""
    num_visited: int
    """Number of these that the policy met in the environment; the others are random."""
    num_equal: int
    """Number of observations to which both give the same action: the very same of discrete ones, one within 1e-4 of a Box."""
    num_equivalent: int
    """Number of observations to which the export's action is a best one by the file's own scores, up to rounding."""
    largest_score_difference: float
    """Largest difference between two action scores, of actions that are not forbidden."""
    latencies: tuple[Latency, ...]
    """Duration of the export's calls, on one thread of its process."""
    onnx_latencies: tuple[Latency, ...]
    """Duration of onnxruntime's calls of the policy file, on one thread of the same process."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Played:
    """Returns in the environment, of the same episodes."""

    export: tuple[float, ...]
    """Returns of the export."""
    policy: tuple[float, ...]
    """Returns of the policy file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """What was written, and how it compares."""

    path: Path
    """File, or folder of a SavedModel."""
    num_bytes: int
    """Size of it."""
    comparison: Comparison | None
    """Comparison with the policy file; None where nothing here can play the export."""
    unchecked: str = ""
    """Reason for which nothing here can."""
    played: Played | None = None
    """Episodes of a format that computes otherwise than the file."""


def export_policy(policy: Path, to: str, output: Path, *, env: EnvConfig | None = None, num_episodes: int = 100, seed: int = 0) -> Export:
    """Writes a policy file in another format, once it is known to act as the file does.

    Args:
        policy: The policy file; it may be a stranger's.
        to: Name of the format (`arena.export.formats.FORMATS`).
        output: File or folder to write; it must not exist.
        env: Environment whose observations are compared, and calibrate integers; without one, random observations are compared.
        num_episodes: Number of episodes that the policy plays in `env`; a calibrated export plays the same.
        seed: Seed of the episodes.

    Raises:
        ArenaError: If there is no route for the policy, what it needs is missing, or the export acts otherwise than the file. Then
            nothing is written.
    """
    chosen = find_format(to)
    if output.exists() or output.is_symlink():
        raise ArenaError(f"{output} exists; name another with --output, or delete it")
    refuse_unwritable(output)
    where, content = f"policy {policy}", read_bounded(policy)
    graph = read_graph(content, where)
    if chosen.is_calibrated and env is None:
        raise ArenaError(f"an export to {to} is calibrated on observations that the policy meets: name the environment with --env")
    if chosen.is_calibrated:
        refuse_masked(graph, where)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".arena-export-", dir=output.parent) as folder, _loaded(content, folder, policy) as loaded:
        played = _play(loaded, env, num_episodes, seed, where)
        observations, num_visited = _observations(loaded.signature, played, visited_only=chosen.is_calibrated)
        request = Request(format=to, where=where)
        if env is not None and chosen.is_calibrated:
            request = dataclasses.replace(request, env=env.to_json(), num_episodes=num_episodes, seed=seed)
        answer = _in_its_own_process(Path(folder), request, observations)
        written = Path(folder, f"export{chosen.suffix}")
        comparison = None
        if "unchecked" not in answer:
            comparison = _compared(Path(folder), loaded, observations, num_visited, answer["latencies"])
            _refuse_another(chosen, comparison, to)
        shutil.move(written, output)
    returns = answer.get("episode_returns")
    return Export(
        path=output,
        num_bytes=_size(output),
        comparison=comparison,
        unchecked=answer.get("unchecked", ""),
        played=Played(export=tuple(returns), policy=tuple(played.episode_returns.tolist())) if returns and played else None,
    )


def _loaded(content: bytes, folder: str, shown_as: Path) -> BoundedPolicy:
    copy = Path(folder, "policy.onnx")
    copy.write_bytes(content)
    policy = BoundedPolicy(copy, shown_as=shown_as)
    try:
        try_policy(policy, f"policy {shown_as}")
    except BaseException:
        policy.close()
        raise
    return policy


def _play(policy: BoundedPolicy, env: EnvConfig | None, num_episodes: int, seed: int, where: str) -> Evaluation | None:
    if env is None:
        return None
    one = make_env(env)
    one.close()
    policy.signature.check(one.observation_space, one.action_space, where=where)
    try:
        return evaluate(policy, env, num_episodes=num_episodes, seed=seed)
    except PolicyBroke as error:
        raise ArenaError(f"{where} cannot be played on {env.name}: {error}") from error


def _observations(signature: PolicySignature, played: Evaluation | None, *, visited_only: bool) -> tuple[Array, int]:
    """Returns the observations to compare, visited ones first, and the number of visited ones."""
    rng, shape = probe_rng(), (NUM_OBSERVATIONS, *signature.observation_shape)
    if np.issubdtype(signature.observation_dtype, np.integer):
        observations = rng.integers(0, 256, shape).astype(signature.observation_dtype)
    else:
        observations = rng.standard_normal(shape).astype(signature.observation_dtype)
    if played is None:
        return observations, 0
    visited = rng.permutation(played.visited_observations)[:NUM_OBSERVATIONS]
    return (visited if visited_only else np.concatenate([visited, observations[len(visited) :]])), len(visited)


def _in_its_own_process(folder: Path, request: Request, observations: Array) -> dict[str, Any]:
    (folder / "request.json").write_text(json.dumps(dataclasses.asdict(request)), encoding="utf-8")
    np.savez(folder / "inputs.npz", observations=observations, calibration=observations[:NUM_CALIBRATION])
    command = [sys.executable, "-P", "-m", "arena.export.conversion", str(folder)]
    environment = {**os.environ, **_VARIABLES}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ArenaError(f"the export to {request.format} was not done after {MAX_SECONDS:g} seconds") from None
    answer_file = folder / "answer.json"
    if not answer_file.exists():
        raise ArenaError(f"{request.where} cannot be exported to {request.format}: {_reason(done)}")
    answer: dict[str, Any] = json.loads(answer_file.read_text(encoding="utf-8"))
    if "error" in answer:
        raise ArenaError(answer["error"])
    return answer


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the line that tells best why a process failed: the last that names an error, else the last."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror:|Error:", line)]
    return (errors or lines or [f"exit code {done.returncode}"])[-1][:300]


def _compared(folder: Path, policy: BoundedPolicy, observations: Array, num_visited: int, latencies: dict[str, Any]) -> Comparison:
    answers = np.load(folder / "answers.npz")
    actions, scores = policy.act(observations), policy.scores(observations)
    if np.issubdtype(actions.dtype, np.integer):
        equal = answers["actions"] == actions
    else:
        equal = (np.abs(answers["actions"] - actions) <= 1e-4).reshape(len(actions), -1).all(-1)
    differences = np.abs(answers["scores"] - scores)
    return Comparison(
        num_observations=len(observations),
        num_visited=num_visited,
        num_equal=int(equal.sum()),
        num_equivalent=int(same_choices(actions, scores, answers["actions"]).sum()),
        largest_score_difference=float(differences.max()),
        latencies=tuple(Latency(**each) for each in latencies["export"]),
        onnx_latencies=tuple(Latency(**each) for each in latencies["onnx"]),
    )


def _refuse_another(chosen: Format, comparison: Comparison, to: str) -> None:
    """Refuses an export that should compute what the file computes, and does not."""
    if not chosen.is_calibrated and comparison.num_equivalent < comparison.num_observations:
        raise ArenaError(
            f"the export to {to} acts as the policy file does on only {comparison.num_equivalent} of {comparison.num_observations} "
            "observations; it was not written"
        )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else files_below(path)
    return sum(file.stat().st_size for file in files)
