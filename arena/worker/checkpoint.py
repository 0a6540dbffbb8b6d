"""Checkpoints: everything that a run resumes from, exactly as if it had never stopped.

A checkpoint is a folder: `agent/` holds what the agent saved, `policy.onnx` the kept policy, and `training.json` a `SavedTraining`. All
environments are reset at a checkpoint, with seeds that follow from the number of checkpoints so far, so nothing of them needs to be saved.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pydantic

from arena.agent.interface import Agent
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import MeterCounts
from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.formats.json import read_json_object, write_bytes, write_json
from arena.formats.validation import sentence, validate
from arena.run_folder.folder import CHECKPOINTS, MAX_POLICY_BYTES, RunDir
from arena.run_folder.timings import Timings
from arena.worker.period import Period
from arena.worker.run_log import LogLengths
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason

CHECKPOINT_VERSION = 2
"""Version of the form of `training.json`. Version 1, which had no number, held the meter's counts by position in a list."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SavedProgress:
    """The fields of `TrainingState` in a checkpoint."""

    learner_steps: int
    best_return: float | None
    policy_env_steps: int | None
    parity: float | None
    num_attempts: int
    cpu_seconds: float
    """CPU seconds of all worker processes up to the checkpoint."""
    seconds: Mapping[str, float]
    """Wall seconds by part, as `Timings.to_json` gives them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SavedTraining:
    """Contents of `training.json`: all that a run needs to resume, beside the agent's own files and the policy."""

    meter: MeterCounts
    progress: SavedProgress
    num_cuts: int
    """Number of times that all environments were reset for a checkpoint; decides the seeds of all later resets."""
    stop_reason: StopReason | None
    """Reason why training stopped; None if it had not."""
    lengths: LogLengths
    """Lengths of the run's growing files."""

    def to_json(self) -> dict[str, Any]:
        """Returns the contents, fit for JSON."""
        return {"schema_version": CHECKPOINT_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def read(cls, file: Path) -> Self:
        """Returns the contents of a `training.json`.

        Raises:
            ArenaError: if the file cannot be read, or was written by another version.
        """
        value = read_json_object(file)
        version = value.pop("schema_version", 1)
        if version != CHECKPOINT_VERSION:
            raise ArenaError(f"{file} has schema_version {version}, and this version of arena-rl resumes from {CHECKPOINT_VERSION}")
        try:
            saved: Self = validate(cls, value)
        except pydantic.ValidationError as error:
            raise ArenaError(f"{file}: {sentence(error)}; it was not written by this version of arena-rl") from error
        return saved


class Checkpointer:
    """Writes a run's checkpoints, and restores the latest.

    Args:
        run_dir: holds the checkpoints.
        agent: saves and restores itself.
        factory: made the agent's environments, and knows the meter.
        state: is saved and restored.
        period: env steps between two checkpoints.
    """

    def __init__(self, run_dir: RunDir, agent: Agent, factory: ArenaEnvFactory, state: TrainingState, *, period: int) -> None:
        self.period = Period(period)
        self._run_dir, self._agent, self._factory, self._state = run_dir, agent, factory, state

    def write(self, lengths: LogLengths) -> None:
        """Writes a checkpoint and resets all environments; the checkpoint before it is deleted once this one is complete.

        Args:
            lengths: lengths of the log's files, which are on disk.
        """
        run_dir, meter = self._run_dir, self._factory.meter
        directory = run_dir.new_checkpoint(meter.env_steps)
        with run_dir.folder.private() as private:  # the framework writes by itself: nobody can have put a link there
            self._agent.save(run_dir.path / private)
            run_dir.folder.move(private, f"{CHECKPOINTS}/{directory.name}/agent")
        self._factory.cut_episodes()
        if run_dir.policy.exists():
            write_bytes(directory / run_dir.policy.name, read_file(run_dir.policy, max_bytes=MAX_POLICY_BYTES))
        write_json(directory / "training.json", self._saved(lengths).to_json())
        run_dir.commit_checkpoint(directory)

    def restore(self) -> LogLengths:
        """Restores the latest checkpoint, if there is one, and returns the lengths of the log's files there: zero without a checkpoint.

        Raises:
            ArenaError: if the checkpoint cannot be restored; says what to delete to begin anew.
        """
        directory = self._run_dir.latest_checkpoint()
        if directory is None:
            return LogLengths()
        try:
            saved = SavedTraining.read(directory / "training.json")
            self._run_dir.folder.check(f"{CHECKPOINTS}/{directory.name}")  # the framework reads by itself, and would follow links
            self._take_over(saved)
            self._agent.restore(directory / "agent")
        except Exception as error:
            raise ArenaError(f"{directory} cannot be restored ({error}); delete {self._run_dir.path} to begin anew") from error
        self._factory.cut_episodes(saved.num_cuts)
        policy = directory / self._run_dir.policy.name
        if policy.exists():
            write_bytes(self._run_dir.policy, read_file(policy, max_bytes=MAX_POLICY_BYTES))
        return saved.lengths

    def _saved(self, lengths: LogLengths) -> SavedTraining:
        state = self._state
        return SavedTraining(
            meter=self._factory.meter.counts(),
            progress=SavedProgress(
                learner_steps=state.learner_steps,
                best_return=state.best_return,
                policy_env_steps=state.policy_env_steps,
                parity=state.parity,
                num_attempts=state.num_attempts,
                cpu_seconds=state.cpu_seconds,
                seconds=state.timings.to_json(),
            ),
            num_cuts=self._factory.num_cuts,
            stop_reason=state.stop_reason,
            lengths=lengths,
        )

    def _take_over(self, saved: SavedTraining) -> None:
        state, progress = self._state, saved.progress
        state.learner_steps = progress.learner_steps
        state.best_return, state.policy_env_steps, state.parity = progress.best_return, progress.policy_env_steps, progress.parity
        state.stop_reason = saved.stop_reason
        state.num_attempts, state.earlier_cpu_seconds = progress.num_attempts + 1, progress.cpu_seconds
        state.timings.add_all(Timings.from_json(progress.seconds, where="training.json"))
        self._factory.meter.restore(saved.meter)
        self._run_dir.drop_snapshots_after(saved.meter.env_steps)
