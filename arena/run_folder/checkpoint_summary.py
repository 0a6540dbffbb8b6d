"""Summary of a checkpoint, for everyone who only needs to know how far its run is."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from arena.errors import ArenaError
from arena.formats.folders import UnsafeFile
from arena.formats.json import read_json_object
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointSummary:
    """Counts of a run at a checkpoint; the defaults are those of a run without one."""

    env_steps: int = 0
    learner_steps: int = 0
    policy_env_steps: int | None = None
    """Env steps after which the kept policy was taken; None before the first evaluation."""
    seconds: Timings = dataclasses.field(default_factory=Timings)
    """Wall seconds of each part of the run so far."""
    num_attempts: int = 1
    """Number of worker processes so far."""

    @classmethod
    def latest(cls, files: RunDir) -> Self | None:
        """Returns the counts of a run's newest checkpoint that can be read, also while a worker replaces it; None if there is none.

        Raises:
            ArenaError: if no checkpoint can be read, or the newest was written by another version.
        """
        directories = files.checkpoints()
        for number, directory in enumerate(directories):
            file = directory / "training.json"
            try:
                state = read_json_object(file)
            except UnsafeFile:
                raise
            except ArenaError:
                if directories != files.checkpoints():
                    return cls.latest(files)  # a worker has just replaced one
                if number == len(directories) - 1:
                    raise
            else:
                return cls._of(file, state)
        return None

    @classmethod
    def _of(cls, file: Path, state: Mapping[str, Any]) -> Self:
        try:
            return cls._from_state(state)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ArenaError(f"{file} isn't a checkpoint of this version of arena-rl: {error!r}") from error

    @classmethod
    def _from_state(cls, state: Mapping[str, Any]) -> Self:
        meter, progress = state["meter"], state["progress"]
        return cls(
            # Versions before the first release wrote the meter's counts by position, env steps first.
            env_steps=int(meter["env_steps"] if isinstance(meter, Mapping) else meter[0]),
            learner_steps=int(progress["learner_steps"]),
            policy_env_steps=progress["policy_env_steps"],
            seconds=Timings.from_json(progress["seconds"], where="training.json"),
            num_attempts=int(progress["num_attempts"]),
        )
