"""The record of a run: everything that a run folder says, typed."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from arena.environments.counts import Episode
from arena.errors import ArenaError
from arena.formats.folders import Entry, Folder, UnsafeFile
from arena.formats.json import MAX_JSON_BYTES, parse_json
from arena.run_folder.attempts import Attempt, read_attempts
from arena.run_folder.checkpoint_summary import CheckpointSummary
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.result import RunResult
from arena.run_folder.schema import (
    Evaluated,
    EvaluationTime,
    FailedAttempt,
    Provenance,
    last_row,
    parse_result,
    parse_run,
    read_evaluations,
    rows,
)
from arena.run_folder.seal import INPUTS, RESULT, Hash, Seal, hash_file, hash_value, refuse_broken, sealed_files

RUN_NAME = "run.json"
"""Name of the file by which a folder is a run folder."""
_SEED_FOLDER = re.compile(r"seed-(\d+)")
CHUNK_BYTES = 2**20
"""Number of bytes of a long file that are looked at together."""


def run_folders(root: Path) -> list[Path]:
    """Returns the run folders below `root`, sorted; a folder that doesn't exist has none.

    A link to a run folder is one, as users make them to gather runs; no other link below `root` is followed.
    """
    found, waiting = [], [root]
    while waiting:
        path = waiting.pop()
        kinds = {entry.name: entry.kind for entry in _entries(path)}
        if RUN_NAME in kinds:
            found.append(path)
        for name, kind in kinds.items():
            if kind == "folder":
                waiting.append(path / name)
            elif kind == "link" and any(entry.name == RUN_NAME for entry in _entries(path / name)):
                found.append(path / name)
    return sorted(found)


def _entries(path: Path) -> list[Entry]:
    try:
        return Folder(path).entries()
    except OSError:  # a folder that this user may not read
        return []


class LeftOut(NamedTuple):
    """A run that is left out of reading, because its record cannot be read."""

    path: Path
    """Its folder."""
    reason: str
    """What is wrong, with the file's name."""

    def __str__(self) -> str:
        """Returns the sentence that names the run."""
        return f"left out: {self.path}, because {self.reason}"


def readable(paths: Iterable[Path]) -> tuple[list["RunRecord"], list[LeftOut]]:
    """Returns the records of the run folders that can be read, all of them checked, and the folders that cannot."""
    records, left_out = [], []
    for path in paths:
        record = RunRecord(path)
        try:
            record.check()
        except ArenaError as error:
            left_out.append(LeftOut(path, str(error)))
        else:
            records.append(record)
    return records, left_out


class RunRecord:
    """Everything that one run folder says.

    Each file is read and checked when it is first asked for, and then kept: make a new record to see what a worker has written since.
    A property raises ArenaError, with the file's name and the reason, if its file holds something else than this program writes.

    Args:
        path: the run folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = RunDir(path)

    def __repr__(self) -> str:
        """Returns the path, and how the run ended."""
        try:
            result = self.result
        except ArenaError as error:
            return f"RunRecord({str(self.path)!r}, damaged: {error})"
        if result is None:
            return f"RunRecord({str(self.path)!r}, unfinished)"
        score = "" if result.score_mean is None else f", score {result.score_mean:.1f} ± {result.score_std or 0.0:.1f}"
        return f"RunRecord({str(self.path)!r}, {result.status} after {result.env_steps:,} env steps{score})"

    @functools.cached_property
    def run(self) -> Run:
        """Inputs of the run."""
        return self._document[0]

    @functools.cached_property
    def provenance(self) -> Provenance:
        """Versions, machine and commit; empty until a worker has begun."""
        return self._document[1]

    @functools.cached_property
    def result(self) -> RunResult | None:
        """Outcome of the run; None while it has not ended. The first look at it reads all that the seal covers."""
        if self.claimed is not None:
            self._refuse_another_run(self.claimed)
            if self._seal is not None:
                refuse_broken(self._seal, self._found(), str(self.path))
        return self.claimed

    @property
    def claimed(self) -> RunResult | None:
        """Outcome of the run as `result.json` has it; nothing else is read to see whether it is true."""
        return self._result_document[0]

    @property
    def is_sealed(self) -> bool:
        """Whether the run has ended and its result has a seal; results of earlier versions have none."""
        return self._seal is not None

    def hash_of(self, name: str) -> Hash | None:
        """Returns the hash of a file that a seal covers; None if it is missing. Each file is read once."""
        return self._hashes.get(name)

    def check(self) -> None:
        """Reads all that reports and tournaments use of the run.

        Raises:
            ArenaError: if a file cannot be read or was changed after the run, or if the folder is that of another seed.
        """
        run, _, _, _ = self.run, self.result, self.evaluations, self.failures
        match = _SEED_FOLDER.fullmatch(self.path.name)
        if match and match[1] != str(run.seed):
            raise ArenaError(f"{self.path} holds the run {run.name}: it was copied or renamed")

    @functools.cached_property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """All evaluations, in the order in which they were made."""
        return tuple(read_evaluations(self.files, whole=self._is_finished))

    @property
    def selection(self) -> tuple[Evaluated, ...]:
        """The selection evaluations, by env steps."""
        return tuple(evaluated for evaluated in self.evaluations if evaluated.kind == "selection")

    @property
    def final(self) -> Evaluated | None:
        """The final evaluation; None if the run did not get so far."""
        return next((evaluated for evaluated in reversed(self.evaluations) if evaluated.kind == "final"), None)

    @functools.cached_property
    def failures(self) -> tuple[FailedAttempt, ...]:
        """Earlier attempts that failed before the run was tried again (`--retry-failed`), in their order."""
        return tuple(rows(self.files.failures, FailedAttempt, whole=False))

    @functools.cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """All finished training episodes."""
        return tuple(rows(self.files.episodes, Episode, whole=self._is_finished))

    @functools.cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Worker processes that the run took so far, in their order; empty for a folder of an earlier version."""
        return read_attempts(self.files)

    @functools.cached_property
    def checkpoint(self) -> CheckpointSummary | None:
        """Counts of the latest checkpoint; None if there is none."""
        return CheckpointSummary.latest(self.files)

    def last_known(self) -> dict[str, Any]:
        """Returns what is known of a run that left no result, as fields of `RunResult`.

        It comes from the checkpoint, the last evaluation and the last episode. Rows that cannot be read are passed over: the counts of a
        crashed run matter more than the form of its files.
        """
        saved = self._saved()
        evaluated, episode = last_row(self.files.evaluations, Evaluated), last_row(self.files.episodes, Episode)
        time, seconds = last_row(self.files.evaluation_times, EvaluationTime), saved.seconds
        if evaluated is not None and evaluated.env_steps > saved.env_steps:
            train = evaluated.train_seconds if time is None else time.train_seconds
            seconds = dataclasses.replace(seconds, train=seconds.train if math.isnan(train) else train)
        return {
            "env_steps": max(saved.env_steps, *(row.env_steps for row in (evaluated, episode) if row is not None), 0),
            "num_episodes": self._num_episodes(),
            "learner_steps": saved.learner_steps,
            "policy_env_steps": saved.policy_env_steps,
            "seconds": seconds,
            "num_attempts": saved.num_attempts,
        }

    def _saved(self) -> CheckpointSummary:
        try:
            return self.checkpoint or CheckpointSummary()
        except ArenaError:
            return CheckpointSummary()

    def _num_episodes(self) -> int:
        try:
            with self.files.folder.open(self.files.episodes.name) as file:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))
        except (OSError, UnsafeFile):
            return 0

    @property
    def _is_finished(self) -> bool:
        return self.claimed is not None and self.claimed.status == "finished"

    @property
    def _seal(self) -> Seal | None:
        return self._result_document[1]

    @functools.cached_property
    def _result_document(self) -> tuple[RunResult | None, Seal | None]:
        try:
            return parse_result(self.files.folder.read(self.files.result.name, max_bytes=MAX_JSON_BYTES), self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            raise ArenaError(f"cannot read {self.files.result}: {error.strerror}") from error

    @functools.cached_property
    def _hashes(self) -> dict[str, Hash]:
        found = {name: hash_file(self.files, name) for name in sealed_files(self.files)}
        return {name: each for name, each in found.items() if each is not None}

    def _found(self) -> Seal:
        """Returns what a seal of the files that are there now would say, but for the result, which is checked when it is parsed."""
        assert self._seal is not None
        hashes = {name: each.hexdigest() for name, each in self._hashes.items()}
        return hashes | {INPUTS: hash_value(self._stored_inputs), RESULT: self._seal[RESULT]}

    def _refuse_another_run(self, result: RunResult) -> None:
        if (result.agent, result.env, result.seed) != (self.run.agent.name, self.run.env.name, self.run.seed):
            raise ArenaError(f"{self.files.result} is the result of another run: of {result.run_name} and not of {self.run.name}")

    @property
    def _stored_inputs(self) -> Any:
        return self._document[2]

    @functools.cached_property
    def _document(self) -> tuple[Run, Provenance, Any]:
        try:
            content = self.files.folder.read(self.files.run.name, max_bytes=MAX_JSON_BYTES)
        except OSError as error:
            raise ArenaError(f"cannot read {self.files.run}: {error.strerror}") from error
        return *parse_run(content, self.files.run), parse_json(content, str(self.files.run))["inputs"]
