"""Samples of what this process uses while it runs: CPU, memory and GPUs."""

import contextlib
import dataclasses

import psutil
import pynvml

from arena.machine.gpus import gpu_handles


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GpuUsage:
    """Use of some GPUs at one moment; a field is None without GPUs, or if the driver does not tell."""

    process_memory_bytes: int | None
    """Memory that this process holds, on all sampled GPUs together; in containers the driver may know other process ids."""
    memory_bytes: int | None
    """Memory that all processes hold on the sampled GPUs."""
    percent: float | None
    """Share of time in which some kernel ran, on average over the sampled GPUs and the driver's last period (up to a second)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Use of the machine by this process at one moment."""

    cpu_percent: float
    """CPU time of all its threads over wall time since the last sample, or since the sampler was made; 100 is one core."""
    rss_bytes: int
    """Resident memory of the process."""
    gpu: GpuUsage
    """Use of the run's GPUs."""


class UsageSampler:
    """Samples what this process uses; child processes are not counted.

    Args:
        gpus: GPUs to look at, as `CUDA_VISIBLE_DEVICES` names them; all of the machine if None.
    """

    def __init__(self, gpus: list[str] | None = None) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the beginning
        self._gpus = GpuSampler(self._process.pid, gpus)

    def sample(self) -> Usage:
        """Returns the usage now, with the CPU time since the last call."""
        with self._process.oneshot():
            return Usage(
                cpu_percent=self._process.cpu_percent(),
                rss_bytes=self._process.memory_info().rss,
                gpu=self._gpus.sample(),
            )


class GpuSampler:
    """Samples what is used of GPUs.

    Args:
        process_id: process whose memory is told apart.
        names: GPUs to look at, as `CUDA_VISIBLE_DEVICES` names them; all of the machine if None.
    """

    def __init__(self, process_id: int, names: list[str] | None = None) -> None:
        self._process_id = process_id
        self._gpus = gpu_handles(names)

    def sample(self) -> GpuUsage:
        """Returns the usage now."""
        process, memory, percent = [], [], []
        for handle in self._gpus:
            # One by one: a driver may answer one question and not the next (virtual GPUs, MIG).
            with contextlib.suppress(pynvml.NVMLError):
                memory.append(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
            with contextlib.suppress(pynvml.NVMLError):
                percent.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            with contextlib.suppress(pynvml.NVMLError):
                running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
                process += [each.usedGpuMemory for each in running if each.pid == self._process_id and each.usedGpuMemory]
        return GpuUsage(
            process_memory_bytes=sum(process) if process else None,
            memory_bytes=sum(memory) if memory else None,
            percent=sum(percent) / len(percent) if percent else None,
        )
