"""Environments in processes of their own: `resources.env_workers`, for environments that take long to step.

Each process holds some of the environments behind Gymnasium's own `SyncVectorEnv`, made and seeded as a worker makes them, and their
results are put together in the environments' order. A run with such processes is therefore, bit for bit, the run without them. Gymnasium's
AsyncVectorEnv would not do: it raises an error of an environment again by its text alone, and says nothing of one that died or hangs.
"""

import contextlib
import dataclasses
import functools
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from arena.environments.config import EnvConfig
from arena.environments.vectorize import make_sync_env
from arena.errors import EnvironmentFault
from arena.executors.stall import BUILD_FACTOR, MAX_LOOK_SECONDS
from arena.worker.env_process import IDLE, PROGRESS, RESETTING, EnvOrder, EnvReply, MadeEnvs

Array = npt.NDArray[Any]

STALL_SHARE = 0.9
"""Part of `stall_seconds` that a process may take for an answer: its worker says which environment hangs before it is ended itself."""
_COMMAND = "import sys; from arena.worker.env_process import main; sys.exit(main(sys.argv[1:]))"
SLICE_SECONDS = 1.0
"""Longest time of one look for an answer."""
CLOSE_SECONDS = 2.0
"""Seconds in which a process closes its environments before it is ended."""


@dataclasses.dataclass(kw_only=True)
class EnvWorkers:
    """The processes that step a run's environments.

    Args:
        count: number of processes for each vector environment, at most one for each environment; 0 for none.
        stall_seconds: seconds without progress after which a worker is ended.
        allowed: top-level modules of frameworks that environments may import; None for all.
    """

    count: int
    stall_seconds: float = 600.0
    allowed: frozenset[str] | None = None
    is_building: bool = True
    """Whether the run is still being built, where a first answer may take `BUILD_FACTOR` times as long."""
    _processes: list["EnvProcess"] = dataclasses.field(default_factory=list)
    _ended_cpu_seconds: float = 0.0

    def make(
        self,
        config: EnvConfig,
        num_envs: int,
        *,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        info_metrics: Sequence[str] = (),
    ) -> VectorEnv[Any, Any, Any]:
        """Returns what `make_sync_env` returns for the same arguments, stepped in processes if the run has any."""
        if not self.count:
            return make_sync_env(config, num_envs, autoreset_mode=autoreset_mode, info_metrics=info_metrics)
        self._forget_ended()
        answer_seconds = self.stall_seconds * STALL_SHARE
        first_answer_seconds = answer_seconds * (BUILD_FACTOR if self.is_building else 1.0)
        blocks = np.array_split(np.arange(num_envs), min(self.count, num_envs))
        processes: list[EnvProcess] = []
        try:
            for block in blocks:
                order = EnvOrder(config, int(block[0]), len(block), autoreset_mode, tuple(info_metrics), self.allowed)
                name = f"environment process {len(processes) + 1} of {len(blocks)}"
                processes.append(EnvProcess(order, name, num_envs, answer_seconds, first_answer_seconds))
            self._processes += processes
            return WorkerVectorEnv(processes, autoreset_mode)
        except BaseException:
            for process in processes:
                process.close()
            raise

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds that all processes so far have taken, up to the last answer of each."""
        return self._ended_cpu_seconds + sum(process.cpu_seconds for process in self._processes)

    def _forget_ended(self) -> None:
        """Keeps the CPU seconds of processes that were closed, and nothing else of them."""
        ended = [process for process in self._processes if process.is_closed]
        self._ended_cpu_seconds += sum(process.cpu_seconds for process in ended)
        self._processes = [process for process in self._processes if not process.is_closed]


class Patience:
    """Time that several processes have for their answers together; the time in which this process itself was stopped does not count."""

    def __init__(self) -> None:
        self._spent_seconds = 0.0
        self._looked = time.monotonic()

    def wait(self, connection: Any, seconds: float) -> bool:
        """Returns whether there is an answer on a connection, at the latest once `seconds` have been spent on all of them."""
        while not connection.poll(max(0.0, min(SLICE_SECONDS, seconds - self._spent_seconds))):
            if self._spent_seconds >= seconds:
                return False
            self._look()
        self._look()
        return True

    def _look(self) -> None:
        now = time.monotonic()
        self._spent_seconds += min(now - self._looked, MAX_LOOK_SECONDS)
        self._looked = now


class EnvProcess:
    """One process with some of the environments of a vector environment.

    Args:
        order: what it is to make.
        name: its name in errors.
        num_envs: number of environments of the vector environment.
        answer_seconds: seconds that it may take for an answer.
        first_answer_seconds: seconds that it may take to start and to make its environments.
    """

    def __init__(self, order: EnvOrder, name: str, num_envs: int, answer_seconds: float, first_answer_seconds: float) -> None:
        self.num_envs = order.num_envs
        """Number of its environments."""
        self.cpu_seconds = 0.0
        """CPU seconds up to its last answer."""
        self.failed_env: tuple[int, int] | None = None
        """Index and env step of its environment that has raised an error; None if none has."""
        self.is_closed = False
        """Whether `close` was called."""
        self._name, self._total = name, num_envs
        self._answer_seconds, self._first_answer_seconds = answer_seconds, first_answer_seconds
        self._connection, theirs = multiprocessing.Pipe()
        with tempfile.TemporaryFile() as file, theirs:
            file.truncate(PROGRESS.size)
            self._progress = mmap.mmap(file.fileno(), PROGRESS.size)
            descriptors = (theirs.fileno(), file.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _COMMAND, *map(str, descriptors), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
            )
        self.send(order)

    def send(self, message: Any) -> None:
        """Sends a message; a process that is gone is noticed by `receive`."""
        try:
            self._connection.send(message)
        except OSError:
            return

    def receive(self, patience: Patience) -> Any:
        """Returns the answer to the last message.

        Args:
            patience: time that it has, together with the other processes that were asked at the same time.

        Raises:
            EnvironmentFault: if the process is gone or gives no answer in time; names the environment, its env step and its episode.
            Exception: what an environment raised in the process.
        """
        try:
            seconds = self._answer_seconds if self.cpu_seconds else self._first_answer_seconds
            if not patience.wait(self._connection, seconds):
                self._process.kill()
                raise EnvironmentFault(f"{self._name} has given no answer for {seconds:g} s{self._where()}; it was ended")
            reply: EnvReply = self._connection.recv()
        except (EOFError, OSError) as error:
            code = self._process.wait()
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended with code {code}"
            raise EnvironmentFault(f"{self._name} {how}{self._where()}; what it printed is in worker.log") from error
        self.cpu_seconds = reply.cpu_seconds
        if reply.error is not None:
            raise self._error(*reply.error)
        return reply.result

    def close(self) -> None:
        """Lets the process close its environments and end; kills it if it does not."""
        self.is_closed = True
        with contextlib.suppress(OSError):  # the interpreter has closed it already, at its end
            self._connection.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._progress.close()

    def _where(self) -> str:
        activity, index, env_step, episode = PROGRESS.unpack_from(self._progress)
        if activity == IDLE:
            return ", before its environments were made" if not self.cpu_seconds else ""
        what = "the reset" if activity == RESETTING else f"env step {env_step}"
        return f" in {what} of episode {episode} of environment {index + 1} of {self._total}"

    def _error(self, parts: tuple[type[Exception], tuple[Any, ...]], line: str) -> Exception:
        kind, arguments = parts
        error = kind(*arguments)
        _, index, env_step, _ = PROGRESS.unpack_from(self._progress)
        self.failed_env = index, env_step
        error.add_note(f"{line} ({self._name}{self._where()})")
        return error


class WorkerVectorEnv(VectorEnv[Any, Any, Any]):
    """Environments in processes, behind one vector environment.

    Args:
        processes: processes, which make their environments already; they are ended by `close`.
        autoreset_mode: mode of the environments, `SAME_STEP` or `NEXT_STEP`.
    """

    def __init__(self, processes: Sequence[EnvProcess], autoreset_mode: AutoresetMode) -> None:
        if autoreset_mode is AutoresetMode.DISABLED:
            raise ValueError("environments in processes reset themselves")
        super().__init__()
        self._processes = tuple(processes)
        self.num_envs = sum(process.num_envs for process in processes)
        self._ends = np.cumsum([process.num_envs for process in processes])[:-1]
        self.metadata = {"autoreset_mode": autoreset_mode}
        made: MadeEnvs = self._received()[0]
        self.single_observation_space, self.single_action_space, self.time_limit = made
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    @property
    def failed_envs(self) -> list[tuple[int, int]]:
        """Index and env step of each environment that has raised an error."""
        return [process.failed_env for process in self._processes if process.failed_env is not None]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Resets all environments, with seeds as `SyncVectorEnv` gives them."""
        seeds = [seed + index if isinstance(seed, int) else None for index in range(self.num_envs)]
        if seed is not None and not isinstance(seed, int):
            seeds = list(seed)
        for process, part in zip(self._processes, np.split(np.arange(self.num_envs), self._ends), strict=True):
            process.send(("reset", [seeds[index] for index in part], options))
        observations, infos = zip(*self._received(), strict=True)
        return np.concatenate(observations), self._joined(infos)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Steps all environments."""
        for process, part in zip(self._processes, np.split(np.asarray(actions), self._ends), strict=True):
            process.send(("step", part, None))
        *columns, infos = zip(*self._received(), strict=True)
        observations, rewards, terminated, truncated = map(np.concatenate, columns)
        return observations, rewards, terminated, truncated, self._joined(infos)

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the processes."""
        del kwargs
        for process in self._processes:
            process.close()

    def _received(self) -> list[Any]:
        """Returns the answers of all processes, or raises the error of the first environment that has one."""
        answers, error, patience = [], None, Patience()
        for process in self._processes:
            try:
                answers.append(process.receive(patience))
            except Exception as found:
                error = error or found
        if error is not None:
            raise error
        return answers

    def _joined(self, infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns the `info` of all environments: arrays with an entry for each, as `VectorEnv._add_info` makes them."""
        sizes = [process.num_envs for process in self._processes]
        names = dict.fromkeys(name for info in infos for name in info)
        return {name: _join([info.get(name) for info in infos], sizes) for name in names}


def _join(parts: Sequence[Any], sizes: Sequence[int]) -> Any:
    known = next(part for part in parts if part is not None)
    if isinstance(known, dict):
        names = dict.fromkeys(name for part in parts for name in part or {})
        return {name: _join([(part or {}).get(name) for part in parts], sizes) for name in names}
    empty = functools.partial(np.full, fill_value=None) if known.dtype == object else np.zeros
    filled = [empty((size, *known.shape[1:]), dtype=known.dtype) if part is None else part for part, size in zip(parts, sizes, strict=True)]
    return np.concatenate(filled).astype(known.dtype, copy=False)
