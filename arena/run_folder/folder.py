"""The run folder: what a run leaves behind, and all that reports and tournaments read.

`logs/<experiment>/<agent>/<env>/seed-<n>/`:

=====================  ==============================================================================================
`run.json`             inputs (agent, resolved hyperparameters, env, seeds, budget) and record (versions, git, machine)
`episodes.jsonl`       every finished training episode
`evaluations.jsonl`    every evaluation: env steps, kind, episode returns
`events.out.tfevents…` TensorBoard
`checkpoint/`          the latest state that training can go on from
`policy.onnx`          the policy that is judged: the best so far by selection evaluations, or the last
`snapshots/`           policies of the run's own past, where the environment plays against them
`result.json`          outcome; its presence means that the run has ended
`worker.log`           what the framework printed
=====================  ==============================================================================================
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Literal

from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_bytes, write_json

Status = Literal["finished", "crashed", "timed_out", "killed", "diverged", "pruned"]
"""How a run ended; `pruned`: given up for others that do better. One that was interrupted has no result: it can go on."""

SCHEMA_VERSION = 1


START_PARTS = ("start", "import", "build")
"""Of `RunResult.seconds`: before training."""
WORK_PARTS = ("train", "evaluate", "checkpoint", "log")
"""Of `RunResult.seconds`: after that, each second once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """The outcome of one run, as in `result.json`."""

    status: Status
    agent: str
    env: str
    seed: int
    path: str
    """The run folder."""
    reason: str = ""
    """Why it ended: the budget that was used up, the target that was held, or the error."""
    env_steps: int = 0
    """Of a run that crashed, hung or was killed, this and the counts below are the last that it wrote down."""
    num_episodes: int = 0
    num_cut_episodes: int = 0
    learner_steps: int = 0
    score_mean: float | None = None
    """Mean return of `policy.onnx` over the final evaluation episodes, on seeds used for nothing else."""
    score_std: float | None = None
    """Standard deviation over those episodes."""
    score_episodes: int = 0
    policy_env_steps: int | None = None
    """Env steps after which the judged policy was taken."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Wall seconds: `start` (of the process, with the arena's own imports), `import` (the framework), `build` (with compilation), `train`,
    `evaluate`, `checkpoint`, `log`; of `train`: `env`, `act`, `learn`; of `evaluate`: `play` (the episodes). And the CPU seconds of
    `train`, `log` and `checkpoint`: `train_cpu`."""
    cpu_seconds: float | None = None
    """Of the worker process, over all its attempts."""
    device: str = "cpu"
    parity: float | None = None
    """Fraction of observations on which `policy.onnx` acts as the agent does; checked whenever a policy is kept."""
    num_attempts: int = 1
    """Worker processes that this run took: more than one after a resume."""
    log_tail: tuple[str, ...] = ()
    """Last lines of `worker.log`, where the run failed."""

    @property
    def env_steps_per_second(self) -> float | None:
        """Env steps per wall second of training, without compilation and evaluation."""
        seconds = self.seconds.get("train")
        return self.env_steps / seconds if seconds else None

    @property
    def start_seconds(self) -> float:
        """Wall seconds until training began: process, imports, building and compilation, over all attempts."""
        return sum(self.seconds.get(part, 0.0) for part in START_PARTS)

    @property
    def whole_seconds(self) -> float:
        """Wall seconds of all that is accounted for; the end of the process is not."""
        return self.start_seconds + sum(self.seconds.get(part, 0.0) for part in WORK_PARTS)


class RunDir:
    """Names, reads and writes the files of one run folder.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run.json"
        self.episodes = path / "episodes.jsonl"
        self.evaluations = path / "evaluations.jsonl"
        self.policy = path / "policy.onnx"
        self.result = path / "result.json"
        self.log = path / "worker.log"
        self.snapshots = path / "snapshots"
        self._checkpoints = path / "checkpoint"

    def log_tail(self, num_lines: int = 15) -> tuple[str, ...]:
        """Returns the last lines of the worker's log, or nothing where there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 65_536))
                text = file.read().decode(errors="replace")
        except OSError:
            return ()
        return tuple(line for line in text.splitlines() if line.strip())[-num_lines:]

    def read_result(self) -> RunResult | None:
        """Returns the outcome, or None while there is none."""
        if not self.result.exists():
            return None
        value = read_json_object(self.result)
        value.pop("schema_version", None)
        try:
            return RunResult(**{**value, "path": str(self.path), "log_tail": tuple(value.get("log_tail", ()))})
        except TypeError as error:
            raise ArenaError(f"{self.result} was written by another version of arena-rl: {error}") from error

    def write_result(self, result: RunResult) -> None:
        """Writes the outcome, atomically."""
        write_json(self.result, {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(result)})

    def latest_checkpoint(self) -> Path | None:
        """Returns the folder of the newest complete checkpoint, or None."""
        pointer = self._checkpoints / "latest.json"
        return self._checkpoints / str(read_json_object(pointer).get("directory")) if pointer.exists() else None

    def new_checkpoint(self, env_steps: int) -> Path:
        """Returns a new empty folder to write a checkpoint into; it counts for nothing until `commit_checkpoint`."""
        directory = self._checkpoints / f"env-steps-{env_steps}"
        if directory == self.latest_checkpoint():
            directory = directory.with_name(f"{directory.name}-again")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory

    def commit_checkpoint(self, directory: Path) -> None:
        """Makes `directory` the latest checkpoint, atomically, and drops the others."""
        write_json(self._checkpoints / "latest.json", {"directory": directory.name})
        for other in self._checkpoints.iterdir():
            if other.is_dir() and other != directory:
                shutil.rmtree(other, ignore_errors=True)

    def add_snapshot(self, policy: Path, env_steps: int) -> None:
        """Keeps a copy of the file `policy`, taken after `env_steps`, atomically; names sort by age."""
        self.snapshots.mkdir(exist_ok=True)
        write_bytes(self.snapshots / f"env-steps-{env_steps:012d}.onnx", policy.read_bytes())

    def drop_snapshots_after(self, env_steps: int) -> None:
        """Forgets the snapshots that are younger than a checkpoint taken after `env_steps`."""
        for path in self.snapshots.glob("env-steps-*.onnx"):
            if int(path.stem.removeprefix("env-steps-")) > env_steps:
                path.unlink()

    def clear(self) -> None:
        """Forgets an attempt that left no checkpoint, so that the run can begin anew."""
        for path in (self.episodes, self.evaluations, self.policy, self.result, self.log):
            path.unlink(missing_ok=True)
        for events in self.path.glob("events.out.tfevents.*"):
            events.unlink()
        shutil.rmtree(self._checkpoints, ignore_errors=True)
        shutil.rmtree(self.snapshots, ignore_errors=True)
