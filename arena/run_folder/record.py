"""The record of a run: everything that a run folder says, typed."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from arena.environments.metering import Episode
from arena.errors import ArenaError
from arena.formats.folders import Entry, Folder, UnsafeFile
from arena.formats.json import MAX_JSON_BYTES
from arena.run_folder.checkpoint_summary import CheckpointSummary
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, FailedAttempt, Provenance, last_row, parse_result, parse_run, rows

RUN_NAME = "run.json"
"""Name of the file by which a folder is a run folder."""
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
        result = self.result
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
        """Outcome of the run; None while it has not ended."""
        try:
            return parse_result(self.files.folder.read(self.files.result.name, max_bytes=MAX_JSON_BYTES), self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ArenaError(f"cannot read {self.files.result}: {error.strerror}") from error

    @functools.cached_property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """All evaluations, in the order in which they were made."""
        return tuple(rows(self.files.evaluations, Evaluated, whole=self._is_finished))

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
        seconds = saved.seconds
        if evaluated is not None and evaluated.env_steps > saved.env_steps:
            seconds = dataclasses.replace(seconds, train=evaluated.train_seconds)
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
        return self.result is not None and self.result.status == "finished"

    @functools.cached_property
    def _document(self) -> tuple[Run, Provenance]:
        try:
            content = self.files.folder.read(self.files.run.name, max_bytes=MAX_JSON_BYTES)
        except OSError as error:
            raise ArenaError(f"cannot read {self.files.run}: {error.strerror}") from error
        return parse_run(content, self.files.run)
