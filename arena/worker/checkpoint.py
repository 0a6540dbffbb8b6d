"""Checkpoints: everything that a run resumes from, exactly as if it had never stopped.

A checkpoint is a folder: `agent/` holds what the agent saved, `policy.onnx` the kept policy, `training.json` a `SavedTraining`, and
`manifest.json` the checksums of them all. All environments are reset at a checkpoint, with seeds that follow from the number of checkpoints
so far, so nothing of them needs to be saved. The last two are kept. What never changes, such as old transitions, they share.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pydantic

from arena.agent.interface import SEGMENTS, Agent
from arena.environments.counts import MeterCounts
from arena.environments.factory import ArenaEnvFactory
from arena.errors import ArenaError
from arena.formats.disk import SPARE_BYTES, require_room
from arena.formats.folders import Folder, UnsafeFile, read_file
from arena.formats.json import read_json_object, write_bytes, write_json
from arena.formats.validation import sentence, validate
from arena.run_folder.checkpoint_seal import SEAL_NAME, DamagedCheckpoint, SealedFile, check_seal, read_seal, write_seal
from arena.run_folder.folder import CHECKPOINTS, MAX_POLICY_BYTES, RunDir
from arena.run_folder.timings import Timings
from arena.worker.period import Period
from arena.worker.run_log import LogLengths
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason

CHECKPOINT_VERSION = 3
"""Version of the form of checkpoints, in `training.json`. Version 2 had no checksums; version 1 held the meter's counts by position."""


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
        self._latest: Path | None = None  # written or restored by this process
        self._num_bytes = 0  # of the latest, without what it shares

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint was written or restored by this process."""
        return self._latest is not None

    def write(self, lengths: LogLengths) -> None:
        """Writes a checkpoint and resets all environments; the last but one is deleted once this one is complete.

        Args:
            lengths: lengths of the log's files, which are on disk.

        Raises:
            DiskFull: if there is no room for a checkpoint as large as the last one; nothing has changed then.
        """
        run_dir, meter = self._run_dir, self._factory.meter
        require_room(run_dir.path, self._num_bytes + SPARE_BYTES // 16, "a checkpoint")
        directory = run_dir.new_checkpoint(meter.env_steps)
        with run_dir.folder.private() as private:  # the framework writes by itself: nobody can have put a link there
            shared = _share_segments(run_dir.folder, self._latest, private)
            self._agent.save(run_dir.path / private)
            known = {f"agent/{file}": each.sealed for file, each in shared.items() if each.is_untouched(run_dir.folder, private, file)}
            run_dir.folder.move(private, f"{CHECKPOINTS}/{directory.name}/agent")
        self._factory.cut_episodes()
        if run_dir.policy.exists():
            write_bytes(directory / run_dir.policy.name, read_file(run_dir.policy, max_bytes=MAX_POLICY_BYTES))
        write_json(directory / "training.json", self._saved(lengths).to_json())
        seal = write_seal(run_dir.folder, f"{CHECKPOINTS}/{directory.name}", known)
        self._num_bytes = sum(file.num_bytes for name, file in seal.files.items() if name not in known)
        run_dir.commit_checkpoint(directory, self._latest)
        self._latest = directory

    def restore(self) -> tuple[LogLengths, list[str]]:
        """Restores the newest checkpoint whose files are those that were written, if there is one.

        Damaged ones are deleted, and so is the kept policy where none is left: the run then begins anew.

        Returns:
            Lengths of the log's files at the checkpoint, zero without one; and a sentence for each damaged checkpoint.

        Raises:
            ArenaError: if a checkpoint cannot be restored although it is not damaged; says what to delete to begin anew.
        """
        run_dir, damages = self._run_dir, list[str]()
        named = run_dir.checkpoints()
        # What no pointer names is the last resort, for a pointer that was changed.
        for directory in [*named, *(path for path in run_dir.sealed_checkpoints() if named and path not in named)]:
            try:
                saved = self._restore(directory)
            except DamagedCheckpoint as error:
                damages.append(f"the checkpoint {directory.name} is damaged: {error}")
                continue
            except Exception as error:
                raise ArenaError(f"{directory} cannot be restored ({error}); delete {run_dir.path} to begin anew") from error
            if damages:
                damages[-1] += f"; the run resumes from the one before, {directory.name}"
            # Deletes what is damaged, and what a worker has left that was killed while it deleted the last but one.
            run_dir.commit_checkpoint(directory, *(path for path in named[1:] if directory == named[0]))
            self._latest = directory
            return saved.lengths, damages
        if damages:
            damages[-1] += "; no checkpoint is left, and the run begins anew"
            run_dir.folder.remove(CHECKPOINTS)
            run_dir.folder.remove(run_dir.policy.name)
            run_dir.drop_snapshots_after(-1)
        return LogLengths(), damages

    def _restore(self, directory: Path) -> SavedTraining:
        """Takes over one checkpoint; nothing is taken over from a damaged one."""
        run_dir, name = self._run_dir, f"{CHECKPOINTS}/{directory.name}"
        run_dir.folder.check(name)  # the framework reads by itself, and would follow links
        if run_dir.folder.kind(f"{name}/{SEAL_NAME}") is None:
            _refuse_other_version(directory)
        seal = check_seal(run_dir.folder, name)
        self._num_bytes = sum(file.num_bytes for file in seal.files.values())
        saved = SavedTraining.read(directory / "training.json")
        self._take_over(saved)
        self._agent.restore(directory / "agent")
        self._factory.cut_episodes(saved.num_cuts)
        policy = directory / run_dir.policy.name
        if policy.exists():
            write_bytes(run_dir.policy, read_file(policy, max_bytes=MAX_POLICY_BYTES))
        return saved

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


@dataclasses.dataclass(frozen=True)
class _Shared:
    """A file that a new checkpoint has from the one before."""

    sealed: SealedFile
    """Entry of the file in the seal of the checkpoint before."""
    stamp: tuple[int, int, int]
    """`Folder.stamp` of the file before the agent saved itself."""

    def is_untouched(self, folder: Folder, private: str, file: str) -> bool:
        """Returns whether the agent has left the file as it was."""
        try:
            return folder.stamp(f"{private}/{file}") == self.stamp
        except FileNotFoundError:
            return False


def _share_segments(folder: Folder, latest: Path | None, private: str) -> dict[str, _Shared]:
    """Puts the segments of the checkpoint `latest` into a new agent's folder, and returns them by their names there."""
    if latest is None:
        return {}
    name, shared = f"{CHECKPOINTS}/{latest.name}", dict[str, _Shared]()
    with contextlib.suppress(DamagedCheckpoint, FileNotFoundError):  # what cannot be shared is written anew
        for file, sealed in read_seal(folder, name).files.items():
            if file.startswith(f"agent/{SEGMENTS}/"):
                inner = file.removeprefix("agent/")
                folder.make(f"{private}/{inner.rpartition('/')[0]}")
                folder.link(f"{name}/{file}", f"{private}/{inner}")
                shared[inner] = _Shared(sealed, folder.stamp(f"{private}/{inner}"))
    return shared


def _refuse_other_version(directory: Path) -> None:
    """Refuses a checkpoint of an earlier version, which has no seal.

    Raises:
        ArenaError: if `training.json` says that it was written by another version.
    """
    file = directory / "training.json"
    try:
        version = read_json_object(file).get("schema_version", 1)
    except UnsafeFile:
        raise
    except ArenaError:  # damaged, as the seal will tell
        return
    if version != CHECKPOINT_VERSION:
        raise ArenaError(f"{file} has schema_version {version}, and this version of arena-rl resumes from {CHECKPOINT_VERSION}")
