"""Shares of this machine: the cores and GPUs that each run holds."""

import dataclasses
from collections.abc import Mapping, Sequence

from arena.executors.base import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """Cores and part of a GPU that one run holds."""

    cores: tuple[int, ...]
    """Cores that the run is bound to; empty if there are more runs than cores for them."""
    gpu: str | None
    """GPU that the run holds a part of; None without one."""
    gpu_share: float
    """Part of the GPU, between 0 and 1; 0 without a limit."""
    environment: Mapping[str, str]
    """Environment variables that tell the worker which GPU it holds."""


class Shares:
    """Distributes cores and GPUs over runs.

    Args:
        num_workers: number of runs at a time; 0 means as many as there are cores for.
        cores: cores that runs may be bound to.
        gpus: GPUs, named as in `CUDA_VISIBLE_DEVICES`.
    """

    def __init__(self, num_workers: int, cores: Sequence[int], gpus: Sequence[str]) -> None:
        self._num_workers, self._num_cores, self._gpus = num_workers, len(cores), tuple(gpus)
        self._free_cores = sorted(cores)
        self._held: list[Share] = []

    def num_at_a_time(self, tasks: Sequence[Task]) -> int:
        """Returns the largest number of these runs that can be at work at a time, as far as workers and cores decide."""
        threads = min((task.threads for task in tasks), default=1)
        return min(len(tasks), self._num_workers or max(1, self._num_cores // threads))

    def take(self, task: Task) -> Share | None:
        """Returns a run's share, or None while there is none for it. A run that asks for more than there is runs alone."""
        enough_cores = len(self._free_cores) >= min(task.threads, self._num_cores)
        has_room = len(self._held) < self._num_workers if self._num_workers else enough_cores
        if not has_room:
            return None
        gpu_share = task.gpu_share or 0.0
        gpu = self._gpu(task)
        if gpu is not None and self._load(gpu)[0] + gpu_share > 1.0 + 1e-9:
            return None
        cores = tuple(self._free_cores[: task.threads]) if enough_cores else ()
        del self._free_cores[: len(cores)]
        # One GPU is made visible, as number 0; a run that names its GPU, by its number among all, sees all.
        environment = {} if gpu is None or ":" in task.device else {"CUDA_VISIBLE_DEVICES": gpu}
        share = Share(cores=cores, gpu=gpu, gpu_share=gpu_share, environment=environment)
        self._held.append(share)
        return share

    def give_back(self, share: Share) -> None:
        """Takes back a share of a run that has ended."""
        self._held.remove(share)
        self._free_cores = sorted([*self._free_cores, *share.cores])

    def _gpu(self, task: Task) -> str | None:
        if task.device == "cpu" or not self._gpus:
            return None
        _, colon, number = task.device.partition(":")
        if colon:
            return self._gpus[int(number)] if int(number) < len(self._gpus) else None
        return min(self._gpus, key=self._load)

    def _load(self, gpu: str) -> tuple[float, int]:
        shares = [share.gpu_share for share in self._held if share.gpu == gpu]
        return sum(shares), len(shares)
