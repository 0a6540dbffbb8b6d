"""A process that steps environments for a worker: `main([CONNECTION, PROGRESS, PARENT])`.

What it gets and gives goes through a connection to the worker that started it (`arena.worker.env_workers`), as pickled values: both sides
are one run's own. It makes no episodes and no accounts of its own; those are the worker's.
"""

import mmap
import os
import signal
import struct
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import gymnasium as gym
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena import errors
from arena.agent.isolation import refuse_other_frameworks
from arena.environments.config import EnvConfig
from arena.environments.make import make_env, own_time_limit
from arena.environments.own_errors import line_of
from arena.environments.values import MissingValue
from arena.policies.bounded.limits import end_with_parent

IDLE, RESETTING, STEPPING = range(3)
"""Activities of a process, as it shares them."""
PROGRESS = struct.Struct("4q")
"""What a process shares: its activity, the environment's number in the run from 0, its env step and its episode, both from 1."""


class EnvOrder(NamedTuple):
    """What a process is to make."""

    config: EnvConfig
    """Environment, which the user's own word names."""
    first: int
    """Number of its first environment among those of the vector environment."""
    num_envs: int
    """Number of its environments."""
    autoreset_mode: AutoresetMode
    """Mode of the environments."""
    info_metrics: tuple[str, ...]
    """Keys of `info` that are kept."""
    allowed: frozenset[str] | None
    """Top-level modules of frameworks that it may import; None for all."""


class MadeEnvs(NamedTuple):
    """What a process has made."""

    observation_space: gym.spaces.Box
    """Observation space of one environment."""
    action_space: gym.Space[Any]
    """Action space of one environment."""
    time_limit: int | None
    """Env steps after which an environment truncates an episode; None if nothing is known."""


class Followed(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that says where it is before each reset and step, so that a crash or a hang can be located.

    Args:
        env: the environment.
        index: its number in the run, from 0.
        progress: memory that the worker reads.
    """

    def __init__(self, env: gym.Env[Any, Any], index: int, progress: mmap.mmap) -> None:
        super().__init__(env)
        self._index, self._progress = index, progress
        self._env_steps = self._episodes = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment."""
        self._env_steps = 0
        self._episodes += 1
        PROGRESS.pack_into(self._progress, 0, RESETTING, self._index, 0, self._episodes)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment."""
        self._env_steps += 1
        PROGRESS.pack_into(self._progress, 0, STEPPING, self._index, self._env_steps, self._episodes)
        return self.env.step(action)


class EnvReply(NamedTuple):
    """Answer of a process to a message."""

    result: Any
    """What the environments returned; None after an error."""
    cpu_seconds: float
    """CPU seconds that the process has taken so far."""
    error: tuple[tuple[type[Exception], tuple[Any, ...]], str] | None = None
    """The error's class and arguments, and the line that raised it."""


def serve(connection: Connection, progress: mmap.mmap) -> None:
    """Makes the environments of the first message, and steps them until the connection ends."""
    order: EnvOrder = connection.recv()
    if order.allowed is not None:
        refuse_other_frameworks(order.allowed)
    env: SyncVectorEnv | None = None
    try:
        while True:
            try:
                if env is None:
                    env = _made(order, progress)
                    single = env.envs[0]
                    result: Any = MadeEnvs(single.observation_space, single.action_space, own_time_limit(single))  # type: ignore[arg-type]
                else:
                    try:
                        message = connection.recv()
                    except EOFError:  # the worker has closed these environments
                        return
                    result = _answer(env, message)
                PROGRESS.pack_into(progress, 0, IDLE, 0, 0, 0)
                reply = EnvReply(result, time.process_time())
            except Exception as error:  # the environment's own code
                traceback.print_exc()  # for worker.log
                reply = EnvReply(None, time.process_time(), (_taken_apart(error), line_of(error)))
            connection.send(reply)
    finally:
        if env is not None:
            env.close()


def _made(order: EnvOrder, progress: mmap.mmap) -> SyncVectorEnv:
    def maker(index: int) -> gym.Env[Any, Any]:
        return Followed(make_env(order.config, info_metrics=order.info_metrics), index, progress)

    indices = range(order.first, order.first + order.num_envs)
    return SyncVectorEnv([lambda index=index: maker(index) for index in indices], autoreset_mode=order.autoreset_mode)  # type: ignore[misc]


def _answer(env: SyncVectorEnv, message: tuple[str, Any, Any]) -> Any:
    kind, first, second = message
    return env.reset(seed=first, options=second) if kind == "reset" else env.step(first)


def _taken_apart(error: Exception) -> tuple[type[Exception], tuple[Any, ...]]:
    """Returns the class and the arguments that make an equal error; RuntimeError with its name and message where that cannot be."""
    if isinstance(error, MissingValue):
        return MissingValue, (error.value, error.what, error.env_step)
    kind = type(error)
    if isinstance(error, MemoryError):  # raised again as it is, it would be taken for the worker's own want of memory
        return RuntimeError, (f"{kind.__name__}: {error}",)
    if kind.__module__ in ("builtins", errors.__name__) and all(isinstance(argument, (str, int, float)) for argument in error.args):
        try:
            if str(kind(*error.args)) == str(error):
                return kind, error.args
        except TypeError:  # its arguments are others than those that it keeps
            pass
    return RuntimeError, (f"{kind.__name__}: {error}",)


def main(arguments: Sequence[str]) -> int:
    """Serves the worker that started this process.

    Args:
        arguments: file descriptors of the connection and of the shared memory, and the worker's process id.
    """
    connection, progress, parent = map(int, arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the worker decides what they mean
        signal.signal(number, signal.SIG_IGN)
    end_with_parent(parent)
    with Connection(connection) as opened, os.fdopen(progress, "r+b") as file, mmap.mmap(file.fileno(), PROGRESS.size) as memory:
        try:
            serve(opened, memory)
        except (EOFError, BrokenPipeError, ConnectionResetError):  # the worker is gone
            return 0
    return 0
