"""Micro-batching: requests that wait at the same time are answered by one call of the policy."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.serve.limits import Limits
from arena.serve.messages import Answer
from arena.serve.metrics import ServerCounts

Array = npt.NDArray[Any]


class Overloaded(Exception):
    """Raised where too many requests wait already."""


class ServedPolicy(Protocol):
    """What a served policy does; `arena.policies.bounded.bounded_policy.BoundedPolicy` does it."""

    @property
    def is_alive(self) -> bool:
        """Whether its process is there to answer."""

    def act(self, observations: Array, /) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`."""

    def scores(self, observations: Array, /) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`."""

    def close(self) -> None:
        """Ends its process."""


@dataclasses.dataclass(frozen=True)
class _Waiting:
    observations: Array
    answer: asyncio.Future[Answer]


class Batcher:
    """The requests of one policy, and the task that answers them while `run` runs.

    Args:
        name: Name of the policy, for metrics.
        load: Function that starts the policy's process.
        limits: Limits of requests and batches.
        metrics: Counts.
    """

    def __init__(self, name: str, load: Callable[[], ServedPolicy], limits: Limits, metrics: ServerCounts) -> None:
        self._name, self._load, self._limits, self._metrics = name, load, limits, metrics
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(limits.max_waiting)
        self._policy: ServedPolicy | None = load()

    @property
    def num_waiting(self) -> int:
        """Number of requests that wait."""
        return self._queue.qsize()

    async def ask(self, observations: Array) -> Answer:
        """Returns the policy's answer to `observations` `[N, *obs]`.

        Raises:
            Overloaded: If too many requests wait already.
            ArenaError: If the policy breaks; says how.
        """
        waiting = _Waiting(observations, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            raise Overloaded from None
        return await waiting.answer

    async def run(self) -> None:
        """Answers requests until it is cancelled; what waits then is answered first."""
        try:
            while True:
                await self._answer(await self._queue.get())
        except asyncio.CancelledError:
            while not self._queue.empty():
                await self._answer(self._queue.get_nowait())
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Ends the policy's process."""
        if self._policy is not None:
            self._policy.close()

    async def _answer(self, first: _Waiting) -> None:
        batch, count = [first], len(first.observations)
        while count < self._limits.batch_observations and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            count += len(batch[-1].observations)
        await self._answer_together(batch)

    async def _answer_together(self, batch: Sequence[_Waiting]) -> None:
        """Answers requests by one call; where it fails, one call for each shows whose fault it was."""
        call = asyncio.get_running_loop().run_in_executor(None, self._call, [each.observations for each in batch])
        try:
            answer = await asyncio.shield(call)
        except asyncio.CancelledError:
            await self._finish(batch, call)
            raise
        except ArenaError as error:
            if len(batch) == 1:
                _tell(batch[0], error)
            for each in batch if len(batch) > 1 else ():
                await self._answer_together([each])
            return
        self._give(batch, answer)

    async def _finish(self, batch: Sequence[_Waiting], call: asyncio.Future[Answer]) -> None:
        with contextlib.suppress(ArenaError):
            self._give(batch, await call)

    def _give(self, batch: Sequence[_Waiting], answer: Answer) -> None:
        first = 0
        for each in batch:
            last = first + len(each.observations)
            if not each.answer.done():  # its client may have gone
                each.answer.set_result(answer[first:last])
            first = last
        self._metrics.add("observations", first, policy=self._name)

    def _call(self, parts: Sequence[Array]) -> Answer:
        """Asks the policy, in a thread, and begins its process anew if it has ended."""
        if self._policy is None or not self._policy.is_alive:
            self._metrics.add("restarts", 1, policy=self._name)
            self._policy = None
            self._policy = self._load()
        observations, size = np.concatenate(parts), self._limits.batch_observations
        pieces = [observations[first : first + size] for first in range(0, len(observations), size)]
        self._metrics.add("batches", len(pieces), policy=self._name)
        policy = self._policy
        actions, scores = zip(*((policy.act(piece), policy.scores(piece)) for piece in pieces), strict=True)
        return Answer(np.concatenate(actions), np.concatenate(scores))


def _tell(waiting: _Waiting, error: ArenaError) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
