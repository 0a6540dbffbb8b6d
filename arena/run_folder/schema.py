"""Schema of the files in a run folder: how each is written, and how it is checked when it is read. Nobody else parses these files."""

import dataclasses
import functools
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import pydantic
from annotated_types import Len

from arena.errors import ArenaError
from arena.formats.folders import Folder, UnsafeFile, read_file
from arena.formats.json import MAX_JSON_BYTES, finite, parse_json, write_json
from arena.formats.jsonl import MAX_JSONL_BYTES, JsonlWriter
from arena.formats.validation import Finite, Whole, sentence, validate
from arena.run_folder.events import EvaluationKind
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.result import UNREADABLE, RunResult
from arena.run_folder.seal import RESULT, Seal, hash_value, make_seal, refuse_broken
from arena.run_folder.timings import Timings

T = TypeVar("T")

SCHEMA_VERSION = 1
"""Version of the form of `run.json` that this program writes and reads."""
RESULT_VERSION = 2
"""Version of the form of `result.json` that this program writes. Version 1 had no seal, and is read without one."""

TAIL_BYTES = 1_048_576
"""Number of bytes at the end of a file in which `last_row` looks for a valid row."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One row of `evaluations.jsonl`: a policy's returns over some episodes."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    kind: EvaluationKind
    """Purpose of the evaluation: to choose the best policy, to verify that the target return is held, or to judge the chosen policy."""
    env_steps: Whole
    """Env steps of training when the policy was taken."""
    train_seconds: Finite = math.nan
    """Wall seconds of training until the policy was taken. They stand in `evaluation_times.jsonl`, from which `read_evaluations` adds them;
    NaN without it."""
    episode_return_mean: Finite
    """Mean of `episode_returns`."""
    episode_returns: Annotated[tuple[Finite, ...], Len(1)]
    """Return of each episode; episode e begins from the same initial state in every run of the experiment."""
    episode_lengths: Annotated[tuple[Whole, ...], Len(1)]
    """Env steps of each episode."""
    num_cut: Whole = 0
    """Number of episodes cut at `evaluation.max_episode_steps`."""
    metrics: Mapping[str, tuple[Finite, ...]] = dataclasses.field(default_factory=dict)
    """Value of each of `evaluation.info_metrics` at the end of each episode."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """Circumstances of a run, as its worker recorded them in `run.json`."""

    versions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Version of each distribution that takes part; None for one that isn't installed."""
    machine: Mapping[str, Any] | None = None
    """Platform, Python, CPU, cores, memory and GPUs."""
    git: Mapping[str, Any] | None = None
    """Commit of the working directory and whether tracked files were changed; None outside a repository."""
    command: tuple[str, ...] = ()
    """Command line of the worker."""
    started: str = ""
    """Local time at which the latest worker began, in ISO 8601."""
    environment: Mapping[str, Any] | None = None
    """Code, package and version behind the environment's id (`arena.environments.identity`); None if no worker has made it."""
    init: Mapping[str, Any] | None = None
    """Run, env steps and SHA-256 of the checkpoint that the agent began from (`arena.run_folder.warm_start`); None without one."""
    workers: Whole | None = None
    """Runs that the executor had at work at a time; None if it did not say."""
    load_at_start: Finite | None = None
    """Load average of the machine over the minute before the latest worker began: processes that ran or waited for a core, all users'."""
    load_at_end: Finite | None = None
    """Load average of the machine over the minute before the run ended; None if it has not, or failed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _RunDocument:
    """The form of `run.json`."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    inputs: Mapping[str, Any]
    resources: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tuning: Mapping[str, Any] | None = None
    record: Provenance | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """One row of `failures.jsonl`: an attempt at the run that failed before the run was tried again."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    status: str
    """Status with which the attempt ended, such as `crashed`."""
    reason: str
    """Cause of its end."""
    env_steps: Whole
    """Env steps that it had taken."""


def write_run(files: RunDir, run: Run, provenance: Provenance | None = None) -> None:
    """Writes `run.json`, atomically.

    Args:
        files: the run folder, which exists.
        run: inputs of the run.
        provenance: circumstances, once a worker knows them.
    """
    document = {"schema_version": SCHEMA_VERSION, "inputs": run.inputs(), "resources": dataclasses.asdict(run.resources)}
    document["tuning"] = run.agent.tuning
    if provenance is not None:
        document["record"] = dataclasses.asdict(provenance)
    write_json(files.run, document)


def keep_failure(files: RunDir, result: RunResult) -> None:
    """Appends an outcome that failed to `failures.jsonl`, before the run is tried again."""
    attempt = FailedAttempt(status=result.status, reason=result.reason, env_steps=result.env_steps)
    with JsonlWriter(files.failures) as writer:
        writer.write(dataclasses.asdict(attempt))
        writer.flush(to_disk=True)


def write_result(files: RunDir, result: RunResult) -> None:
    """Writes `result.json` with its seal, atomically; the run has then ended, and none of its files may change any more."""
    body = finite({**dataclasses.asdict(result), "seconds": result.seconds.to_json()})
    write_json(files.result, {"schema_version": RESULT_VERSION, **body, "seal": make_seal(files, _inputs(files), body)})


def _inputs(files: RunDir) -> Any:
    try:
        return _json_object(files.folder.read(files.run.name, max_bytes=MAX_JSON_BYTES), files.run, (SCHEMA_VERSION,)).get("inputs")
    except (OSError, ArenaError):  # said by whoever reads the run
        return None


def parse_run(content: bytes, file: Path | str) -> tuple[Run, Provenance]:
    """Returns the inputs in the content of a `run.json`, and the circumstances, which are empty until a worker has begun.

    Nothing that the file names is loaded, then or later, without the user's word (`Run.recorded`).

    Args:
        content: bytes of the file.
        file: named in errors.

    Raises:
        ArenaError: if the content isn't what this program writes.
    """
    value = _json_object(content, file, (SCHEMA_VERSION,))
    document = _checked(_RunDocument, {key: item for key, item in value.items() if key != "schema_version"}, file)
    inputs = {**document.inputs, "resources": document.resources}
    if isinstance(inputs.get("agent"), Mapping):
        inputs["agent"] = {**inputs["agent"], "tuning": document.tuning}
    run: Run = _checked(Run, inputs, file)
    return run.recorded(), document.record or Provenance()


def parse_result(content: bytes, path: Path) -> tuple[RunResult, Seal | None]:
    """Returns the outcome in the content of a `result.json`, and its seal; None for one of version 1, which had none.

    Args:
        content: bytes of the file.
        path: the run folder, which may have been moved since.

    Raises:
        ArenaError: if the content isn't what this program writes, or not what its own seal says.
    """
    file = path / "result.json"
    value = _json_object(content, file, (1, RESULT_VERSION))
    seal = _seal(value, path)
    seconds = value.pop("seconds", {})
    if not isinstance(seconds, Mapping):
        raise ArenaError(f"{file}: seconds={seconds!r} must be an object; it was not written by this version of arena-rl")
    result: RunResult = _checked(RunResult, {**value, "path": str(path)}, file)
    if result.status in UNREADABLE:
        raise ArenaError(f"{file}: status={result.status!r} is never written; delete it")
    return dataclasses.replace(result, seconds=Timings.from_json(seconds, where=str(file))), seal


def _seal(value: dict[str, Any], path: Path) -> Seal | None:
    if value.pop("schema_version") == 1:
        return None
    seal: Seal = _checked(dict[str, str], value.pop("seal", None), f"{path / 'result.json'}: seal")
    refuse_broken({RESULT: seal.get(RESULT, "")}, {RESULT: hash_value(value)}, str(path))
    return seal


def _json_object(content: bytes, file: Path | str, versions: tuple[int, ...]) -> dict[str, Any]:
    value = parse_json(content, f"cannot read {file}")
    if not isinstance(value, dict):
        raise ArenaError(f"{file} must hold a JSON object")
    version = value.get("schema_version")
    if isinstance(version, bool) or version not in versions:
        known = " and ".join(map(str, versions))
        raise ArenaError(
            f"{file} has schema_version {version!r}, and this version of arena-rl reads {known}; use the version that wrote it"
        )
    return value


def _checked(kind: type[T], value: Any, file: Path | str) -> T:
    try:
        return validate(kind, value)  # type: ignore[no-any-return]
    except pydantic.ValidationError as error:
        raise ArenaError(f"{file}: {sentence(error)}; it was not written by this version of arena-rl") from error


@functools.cache
def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def rows(path: Path, kind: type[T], *, whole: bool) -> Iterator[T]:
    """Yields the rows of a file of JSON lines; a missing file has none.

    Args:
        path: the file.
        kind: dataclass of a row.
        whole: whether the file must end with a complete row, as that of a finished run does; otherwise a half-written last row is left out.

    Raises:
        ArenaError: if a row isn't what this program writes; names the file and the line.
    """
    try:
        *lines, rest = read_file(path, max_bytes=MAX_JSONL_BYTES).split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ArenaError(f"cannot read {path}: {error.strerror}") from error
    if whole and rest:
        raise ArenaError(f"{path} ends in the middle of a row, though its run has finished; copy it again from where it was written")
    adapter: pydantic.TypeAdapter[T] = _adapter(kind)  # type: ignore[arg-type]  # mypy doesn't count type[T] as hashable
    for number, line in enumerate(lines, start=1):
        try:
            yield adapter.validate_json(line, strict=True)
        except pydantic.ValidationError as error:
            raise ArenaError(f"{path}, line {number}: {sentence(error)}; it was not written by this version of arena-rl") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationTime:
    """One row of `evaluation_times.jsonl`, which belongs to the row of `evaluations.jsonl` with the same number."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    train_seconds: Finite
    """Wall seconds of training until the policy was taken."""


def read_evaluations(files: RunDir, *, whole: bool) -> Iterator[Evaluated]:
    """Yields all evaluations of a run with their times; raises and takes `whole` as `rows`.

    Raises:
        ArenaError: also if an evaluation has no time.
    """
    evaluations = list(rows(files.evaluations, Evaluated, whole=whole))
    times = list(rows(files.evaluation_times, EvaluationTime, whole=whole))  # written first, and therefore read last
    for number, evaluated in enumerate(evaluations):
        if number < len(times):
            yield dataclasses.replace(evaluated, train_seconds=times[number].train_seconds)
        elif math.isnan(evaluated.train_seconds):
            raise ArenaError(f"{files.evaluation_times} has {len(times)} rows, and {files.evaluations.name} has {len(evaluations)}")
        else:
            yield evaluated  # a folder of an earlier version, which had the seconds in `evaluations.jsonl`


def last_row(path: Path, kind: type[T]) -> T | None:
    """Returns the last valid row of a file that may be growing or damaged; None if there is none."""
    try:
        with Folder(path.parent).open(path.name) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).split(b"\n")[:-1]
    except (OSError, UnsafeFile):
        return None
    adapter: pydantic.TypeAdapter[T] = _adapter(kind)  # type: ignore[arg-type]  # mypy doesn't count type[T] as hashable
    for line in reversed(lines):
        try:
            return adapter.validate_json(line, strict=True)
        except pydantic.ValidationError:
            continue
    return None
