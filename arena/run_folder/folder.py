"""The run folder: everything that a run leaves behind, and the only thing that reports and tournaments read of it.

`logs/<experiment>/<agent>/<env>/seed-<n>/`:

=====================  ==============================================================================================
`run.json`             inputs (agent, all hyperparameters, env, seeds, budget) and provenance (versions, git, machine)
`episodes.jsonl`       every finished training episode
`evaluations.jsonl`    every evaluation: env steps, kind, episode returns
`events.out.tfevents…` curves for TensorBoard
`checkpoint/`          the latest state from which training can resume
`policy.onnx`          the policy that is judged: the best so far by selection evaluations, or the last
`snapshots/`           earlier policies of the run, for environments in which it plays against them
`result.json`          outcome; its presence means that the run has ended
`worker.log`           everything that the framework printed
=====================  ==============================================================================================

`RunDir` names and writes these files; `arena.run_folder.record.RunRecord` reads them.
"""

import shutil
from pathlib import Path

from arena.formats.json import read_json_object, write_bytes, write_json

LOG_TAIL_BYTES = 65_536
"""Number of bytes at the end of `worker.log` in which its last lines are looked for."""


class RunDir:
    """Names and writes the files of one run folder.

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
        """Returns the last lines of the worker's log that are not empty; empty if the log is missing."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return ()
        return tuple(line for line in text.splitlines() if line.strip())[-num_lines:]

    def latest_checkpoint(self) -> Path | None:
        """Returns the folder of the newest complete checkpoint, or None."""
        pointer = self._checkpoints / "latest.json"
        return self._checkpoints / str(read_json_object(pointer).get("directory")) if pointer.exists() else None

    def new_checkpoint(self, env_steps: int) -> Path:
        """Returns a new empty folder to write a checkpoint into; nothing reads it before `commit_checkpoint`."""
        directory = self._checkpoints / f"env-steps-{env_steps}"
        if directory == self.latest_checkpoint():
            directory = directory.with_name(f"{directory.name}-again")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory

    def commit_checkpoint(self, directory: Path) -> None:
        """Makes `directory` the latest checkpoint, atomically, and deletes the others."""
        write_json(self._checkpoints / "latest.json", {"directory": directory.name})
        for other in self._checkpoints.iterdir():
            if other.is_dir() and other != directory:
                shutil.rmtree(other, ignore_errors=True)

    def add_snapshot(self, policy: Path, env_steps: int) -> None:
        """Copies the file `policy`, taken after `env_steps`, into the snapshots, atomically; their names sort by age."""
        self.snapshots.mkdir(exist_ok=True)
        write_bytes(self.snapshots / f"env-steps-{env_steps:012d}.onnx", policy.read_bytes())

    def drop_snapshots_after(self, env_steps: int) -> None:
        """Deletes the snapshots that were taken after more than `env_steps`, for a resume from an earlier checkpoint."""
        for path in self.snapshots.glob("env-steps-*.onnx"):
            if int(path.stem.removeprefix("env-steps-")) > env_steps:
                path.unlink()

    def clear(self) -> None:
        """Deletes what an attempt without a checkpoint has left, so that the run can begin anew; `run.json` stays."""
        for path in (self.episodes, self.evaluations, self.policy, self.result, self.log):
            path.unlink(missing_ok=True)
        for events in self.path.glob("events.out.tfevents.*"):
            events.unlink()
        shutil.rmtree(self._checkpoints, ignore_errors=True)
        shutil.rmtree(self.snapshots, ignore_errors=True)
