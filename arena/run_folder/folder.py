"""The run folder: everything that a run leaves behind, and the only thing that reports and tournaments read of it.

`logs/<experiment>/<agent>/<env>/seed-<n>/`:

=====================  ==============================================================================================
`run.json`             inputs (agent, all hyperparameters, env, seeds, budget) and provenance (versions, git, machine)
`episodes.jsonl`       every finished training episode
`evaluations.jsonl`    every evaluation: env steps, kind, episode returns
`evaluation_times…`    `evaluation_times.jsonl`: seconds of training at each evaluation, which no two attempts share
`attempts.json`        when each worker process began, and from which checkpoint
`events.out.tfevents…` curves for TensorBoard
`checkpoint/`          the last two states from which training can resume, each with checksums of its files
`policy.onnx`          the policy that is judged: the best so far by selection evaluations, or the last
`snapshots/`           earlier policies of the run, where they are asked for or the environment plays against them
`result.json`          outcome; its presence means that the run has ended
`failures.jsonl`       outcomes of earlier attempts that failed and were tried again (`--retry-failed`)
`holder.json`          machine and process of the arena that claimed the run last
`worker.log`           everything that the framework printed
=====================  ==============================================================================================

`RunDir` names and writes these files; `arena.run_folder.record.RunRecord` reads them.
"""

import os
import re
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.folders import Entry, Folder, UnsafeFile, read_file
from arena.formats.json import as_object, read_json_in, write_json
from arena.formats.locks import CLAIM_NAME, LOCK_NAME
from arena.run_folder.checkpoint_seal import SEAL_NAME

MAX_POLICY_BYTES = 2**28
"""Largest size of a policy that is copied."""
CHECKPOINTS = "checkpoint"
"""Name of the folder of checkpoints."""
EVENTS_PREFIX = "events.out.tfevents."
"""Beginning of the names of TensorBoard's event files."""
NUM_CHECKPOINTS = 2
"""Number of checkpoints that are kept: where the newest is damaged, the run resumes from the one before."""
_CHECKPOINT = re.compile(r"env-steps-(\d{1,15})(-again)*")
_SNAPSHOT = re.compile(r"env-steps-(\d{12,15})\.onnx")

LOG_TAIL_BYTES = 65_536
"""Number of bytes at the end of `worker.log` in which its last lines are looked for."""


class RunDir:
    """Names and writes the files of one run folder; none is reached through a link.

    Args:
        path: the folder; it need not exist, and may itself be given as a link.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Folder(path)
        self.run = path / "run.json"
        self.episodes = path / "episodes.jsonl"
        self.evaluations = path / "evaluations.jsonl"
        self.evaluation_times = path / "evaluation_times.jsonl"
        self.attempts = path / "attempts.json"
        self.policy = path / "policy.onnx"
        self.result = path / "result.json"
        self.failures = path / "failures.jsonl"
        self.holder = path / "holder.json"
        self.log = path / "worker.log"
        self.snapshots = path / "snapshots"

    @property
    def growing(self) -> tuple[Path, ...]:
        """Files of records, which are cut back to a checkpoint's length when the run resumes."""
        return self.episodes, self.evaluations, self.evaluation_times

    def log_tail(self, num_lines: int = 15) -> tuple[str, ...]:
        """Returns the last lines of the worker's log that are not empty; empty if the log is missing."""
        try:
            with self.folder.open(self.log.name) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                text = file.read(LOG_TAIL_BYTES).decode(errors="replace")
        except (OSError, UnsafeFile):
            return ()
        return tuple(line for line in text.splitlines() if line.strip())[-num_lines:]

    def checkpoints(self) -> list[Path]:
        """Returns the folders of the complete checkpoints, newest first; at most `NUM_CHECKPOINTS`.

        `latest.json` names them. Where it is damaged, they are those that hold a seal.

        Raises:
            ArenaError: if a checkpoint, or what leads to it, is a link, or `latest.json` names nothing inside of `checkpoint/`.
        """
        pointer = f"{CHECKPOINTS}/latest.json"
        try:
            value = as_object(read_json_in(self.folder, pointer), self.path / pointer) if self.folder.kind(pointer) else {}
        except UnsafeFile:
            raise
        except ArenaError:
            return self.sealed_checkpoints()
        names = [name for key in ("directory", "previous") if (name := value.get(key)) is not None]
        for name in names:
            # A worker that commits the next checkpoint may have deleted one since: whoever reads it looks again.
            if not isinstance(name, str) or "/" in name or self.folder.kind(f"{CHECKPOINTS}/{name}") not in ("folder", None):
                raise ArenaError(f"{self.path / pointer}: directory={name!r} is no folder beside it; delete {self.path} to begin anew")
        return [self.path / CHECKPOINTS / name for name in names]

    def latest_checkpoint(self) -> Path | None:
        """Returns the folder of the newest complete checkpoint, or None; raises as `checkpoints`."""
        return next(iter(self.checkpoints()), None)

    def new_checkpoint(self, env_steps: int) -> Path:
        """Returns a new empty folder to write a checkpoint into; nothing reads it before `commit_checkpoint`."""
        name, kept = f"env-steps-{env_steps}", {path.name for path in self.checkpoints()}
        while name in kept:
            name = f"{name}-again"
        self.folder.remove(f"{CHECKPOINTS}/{name}")
        self.folder.make(f"{CHECKPOINTS}/{name}")
        return self.path / CHECKPOINTS / name

    def commit_checkpoint(self, directory: Path, previous: Path | None = None) -> None:
        """Makes `directory` the latest checkpoint and `previous` the one before, atomically, and deletes all others."""
        self.folder.make(CHECKPOINTS)
        names = [path.name for path in (directory, previous) if path is not None]
        write_json(self.path / CHECKPOINTS / "latest.json", dict(zip(("directory", "previous"), names, strict=False)))
        for other in self.folder.entries(CHECKPOINTS):
            if other.kind == "folder" and other.name not in names:
                self.folder.remove(f"{CHECKPOINTS}/{other.name}")

    def sealed_checkpoints(self) -> list[Path]:
        """Returns the folders of checkpoints that hold a seal, newest first, whether `latest.json` names them or not."""
        matches = [match for entry in self.folder.entries(CHECKPOINTS) if (match := _CHECKPOINT.fullmatch(entry.name))]
        sealed = [match for match in matches if self.folder.kind(f"{CHECKPOINTS}/{match[0]}/{SEAL_NAME}") == "file"]
        sealed.sort(key=lambda match: (int(match[1]), match[0]), reverse=True)
        return [self.path / CHECKPOINTS / match[0] for match in sealed[:NUM_CHECKPOINTS]]

    def add_snapshot(self, policy: Path, env_steps: int) -> None:
        """Copies the file `policy`, taken after `env_steps`, into the snapshots, atomically; their names sort by age."""
        self.folder.make(self.snapshots.name)
        self.folder.write(f"{self.snapshots.name}/{self.snapshot(env_steps).name}", read_file(policy, max_bytes=MAX_POLICY_BYTES))

    def snapshot(self, env_steps: int) -> Path:
        """Returns the file of the snapshot that was taken after `env_steps`."""
        return self.snapshots / f"env-steps-{env_steps:012d}.onnx"

    def snapshot_steps(self) -> list[int]:
        """Returns the env steps after which the snapshots were taken, sorted."""
        matches = (_SNAPSHOT.fullmatch(entry.name) for entry in self.folder.entries(self.snapshots.name))
        return sorted(int(match[1]) for match in matches if match)

    def drop_snapshots_after(self, env_steps: int) -> None:
        """Deletes the snapshots that were taken after more than `env_steps`, for a resume from an earlier checkpoint."""
        for entry in self.folder.entries(self.snapshots.name):
            if (match := _SNAPSHOT.fullmatch(entry.name)) and int(match[1]) > env_steps:
                self.folder.remove(f"{self.snapshots.name}/{entry.name}")

    def clear(self) -> None:
        """Deletes what an attempt without a checkpoint has left, so that the run can begin anew; inputs, attempts and failures stay.

        Raises:
            ArenaError: for the reasons that `check` has; nothing is removed then.
        """
        self.check()
        for entry in self._entries():
            if entry.name not in (self.run.name, self.attempts.name, self.failures.name, self.holder.name, LOCK_NAME, CLAIM_NAME):
                self.folder.remove(entry.name)

    def check(self) -> None:
        """Refuses a folder in which a worker would write or remove something that lies elsewhere, or wait for a pipe.

        Raises:
            ArenaError: if a file or folder of the run is, or holds, a link or no regular file, or if a growing file has a second name.
        """
        for entry in self._entries():
            self.folder.check(entry.name)
            if entry.num_names > 1 and entry.name in {file.name for file in (self.log, *self.growing)}:
                self.folder.open(entry.name, "ab").close()  # says what is wrong

    def _entries(self) -> list[Entry]:
        """Returns the entries that belong to a run."""
        files = (self.run, *self.growing, self.attempts, self.policy, self.result, self.failures, self.holder, self.log, self.snapshots)
        names = {CHECKPOINTS, LOCK_NAME, CLAIM_NAME, *(file.name for file in files)}
        return [entry for entry in self.folder.entries() if entry.name in names or entry.name.startswith(EVENTS_PREFIX)]

    def clear_remains(self) -> None:
        """Removes what a killed worker has left: private folders, and files half written. Only for the worker that holds the run's lock."""
        for name in ("", CHECKPOINTS, self.snapshots.name):
            self.folder.clear_remains(name)
