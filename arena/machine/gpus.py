"""The NVIDIA GPUs of this machine, asked of the driver through NVML: no framework, no CUDA context."""

import contextlib
import dataclasses
import os
from typing import Any

import pynvml

_REASONS = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver is installed (libnvidia-ml.so is missing)",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was updated while loaded; restart the machine",
    pynvml.NVML_ERROR_NO_PERMISSION: "this user may not use the NVIDIA driver",
}


def gpu_info() -> list[dict[str, Any]]:
    """Returns name, memory and driver version of each GPU, fit for JSON."""
    try:
        return [
            {
                "name": pynvml.nvmlDeviceGetName(handle),
                "memory_bytes": pynvml.nvmlDeviceGetMemoryInfo(handle).total,
                "driver": pynvml.nvmlSystemGetDriverVersion(),
            }
            for handle in _handles()
        ]
    except pynvml.NVMLError:
        return []


def driver_problem() -> str | None:
    """Returns in one line why the driver shows no GPU, None if it shows one."""
    try:
        pynvml.nvmlInit()
        return None if pynvml.nvmlDeviceGetCount() else "the NVIDIA driver finds no GPU"
    except pynvml.NVMLError as error:
        return _REASONS.get(error.value, f"the NVIDIA driver answers: {error}")


def visible_gpus() -> list[str]:
    """Returns the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(index) for index in range(len(_handles()))]
    names = [name.strip() for name in named.split(",")]
    return [] if names[0] in ("", "-1") else names


def gpu_memory_bytes(name: str) -> int | None:
    """Returns the whole memory of the GPU that `CUDA_VISIBLE_DEVICES` would name so; None where the driver does not tell."""
    with contextlib.suppress(pynvml.NVMLError):
        for handle in _handles_of(name):
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    return None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GpuUsage:
    """What the driver says at one moment; None in each field where there is no GPU or the driver does not tell."""

    process_memory_bytes: int | None
    """Held by this process, on all sampled GPUs together (in containers the driver may know other process ids)."""
    memory_bytes: int | None
    """Held on the sampled GPUs by everybody."""
    percent: float | None
    """Share of time in which some kernel ran, on average over the sampled GPUs and the driver's last period (up to a second)."""


class GpuSampler:
    """Samples what is used of GPUs.

    Args:
        process_id: whose memory.
        names: of the GPUs, as `CUDA_VISIBLE_DEVICES` has them; all of the machine if None.
    """

    def __init__(self, process_id: int, names: list[str] | None = None) -> None:
        self._process_id = process_id
        self._gpus = _handles() if names is None else [handle for name in names for handle in _handles_of(name)]

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


def _handles() -> list[Any]:
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:  # no driver, or no GPU that this process may see
        return []


def _handles_of(name: str) -> list[Any]:
    """Returns the one GPU of that name in a list, or an empty list."""
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else pynvml.nvmlDeviceGetHandleByUUID(name)]
    except pynvml.NVMLError:
        return []
