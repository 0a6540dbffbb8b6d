"""NVIDIA GPUs of this machine, as the driver describes them through NVML; no framework is imported and no CUDA context is made."""

import contextlib
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
    """Returns the name, memory and driver version of each GPU, fit for JSON."""
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
    """Returns the reason for which the driver shows no GPU, in one line; None if it shows one."""
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
    """Returns the total memory of the GPU that `CUDA_VISIBLE_DEVICES` would call `name`; None if the driver does not tell."""
    with contextlib.suppress(pynvml.NVMLError):
        for handle in gpu_handles([name]):
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    return None


def gpu_handles(names: list[str] | None = None) -> list[Any]:
    """Returns NVML's handles of the GPUs that `CUDA_VISIBLE_DEVICES` would call so, without those unknown to the driver; all if None."""
    return _handles() if names is None else [handle for name in names for handle in _handles_of(name)]


def _handles() -> list[Any]:
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:  # no driver, or no GPU that this process may see
        return []


def _handles_of(name: str) -> list[Any]:
    """Returns a list of the one GPU with that name, or an empty list."""
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else pynvml.nvmlDeviceGetHandleByUUID(name)]
    except pynvml.NVMLError:
        return []
