"""The record of a run: everything that a run folder says, typed."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from arena.environments.metering import Episode
from arena.errors import ArenaError
from arena.run_folder.checkpoint import CheckpointSummary
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, Provenance, last_row, parse_result, parse_run, rows


def run_folders(root: Path) -> list[Path]:
    """Returns the run folders below `root`, sorted; a folder that doesn't exist has none."""
    return sorted(path.parent for path in root.rglob("run.json")) if root.is_dir() else []


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
            return parse_result(self.files.result.read_bytes(), self.path)
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
        saved = self.checkpoint or CheckpointSummary()
        evaluated, episode = last_row(self.files.evaluations, Evaluated), last_row(self.files.episodes, Episode)
        seconds = saved.seconds
        if evaluated is not None and evaluated.env_steps > saved.env_steps:
            seconds = dataclasses.replace(seconds, train=evaluated.train_seconds)
        return {
            "env_steps": max(saved.env_steps, *(row.env_steps for row in (evaluated, episode) if row is not None), 0),
            "num_episodes": self.files.episodes.read_bytes().count(b"\n") if self.files.episodes.exists() else 0,
            "learner_steps": saved.learner_steps,
            "policy_env_steps": saved.policy_env_steps,
            "seconds": seconds,
            "num_attempts": saved.num_attempts,
        }

    @property
    def _is_finished(self) -> bool:
        return self.result is not None and self.result.status == "finished"

    @functools.cached_property
    def _document(self) -> tuple[Run, Provenance]:
        try:
            content = self.files.run.read_bytes()
        except OSError as error:
            raise ArenaError(f"cannot read {self.files.run}: {error.strerror}") from error
        return parse_run(content, self.files.run)
