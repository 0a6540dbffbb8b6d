"""Device of a run: choosing it, and holding the framework to that device and to its share of the memory.

The frameworks come as arguments: nothing here imports one, and all of it is tested with stand-ins, without a GPU.
"""

import os
from typing import Any

import numpy.typing as npt

from arena.errors import DeviceUnavailable
from arena.machine.gpus import driver_problem, gpu_info, gpu_memory_bytes, visible_gpus

SHARE_VARIABLE = "ARENA_GPU_SHARE"
"""Environment variable with the share of a GPU's memory, from 0 to 1, that this process may take; no limit if it is not set."""


def resolve_device(wanted: str) -> str:
    """Returns `"cpu"` or `"cuda:<index>"` for a run's `device`; `"auto"` is the first GPU that this process may use, or the CPU."""
    if wanted == "auto":
        return "cuda:0" if gpu_info() and visible_gpus() else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted


def isolate(device: str) -> str:
    """Hides all GPUs but the run's own from this process, before its framework is imported; returns the device's name from then on.

    A framework that sees a GPU takes some hundred megabytes of it, whether it computes there or not.
    """
    names = visible_gpus()
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif (index := _index(device)) < len(names):
        os.environ["CUDA_VISIBLE_DEVICES"] = names[index]
        return "cuda:0"
    return device  # also if there isn't such a GPU: the framework then says what it sees


def gpu_index(device: str, num_gpus: int, framework: str) -> int | None:
    """Returns the index of a device among the GPUs that a framework sees, None for the CPU.

    Raises:
        DeviceUnavailable: if it sees fewer GPUs; the error gives the reason if the driver knows it.
    """
    if device == "cpu":
        return None
    index = _index(device)
    if index >= num_gpus:
        reason = driver_problem() or "`arena doctor` says why"
        raise DeviceUnavailable(f"{framework} cannot use {device!r}: it sees {num_gpus} GPUs ({reason}); device = 'cpu' or 'auto' will do")
    return index


def gpu_share() -> float | None:
    """Returns the share of a GPU's memory that this process may take; None without a limit."""
    share = os.environ.get(SHARE_VARIABLE)
    return float(share) if share else None


def take_tensorflow(config: Any, device: str, framework: str) -> None:
    """Holds TensorFlow to one device; memory grows as needed, up to the run's share. Call before its first operation.

    Args:
        config: `tensorflow.config`.
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`. TensorFlow numbers what it sees from 0: the GPU becomes `GPU:0`.
        framework: name for the error.

    Raises:
        DeviceUnavailable: if TensorFlow sees no such GPU.
    """
    if device == "cpu":
        config.set_visible_devices([], "GPU")
        return
    gpus = config.list_physical_devices("GPU")
    index = gpu_index(device, len(gpus), framework)
    assert index is not None
    config.set_visible_devices([gpus[index]], "GPU")
    limit = memory_limit_bytes(index)
    if limit is None:
        config.experimental.set_memory_growth(gpus[index], True)
    else:
        # TensorFlow refuses growth and a limit together, except that the environment asks for growth.
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        config.set_logical_device_configuration(gpus[index], [config.LogicalDeviceConfiguration(memory_limit=limit // 2**20)])


def take_torch(cuda: Any, device: str, framework: str) -> None:
    """Holds PyTorch to the run's share of one GPU's memory.

    Args:
        cuda: `torch.cuda`, which is not touched for the CPU.
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`.
        framework: name for the error.

    Raises:
        DeviceUnavailable: if PyTorch sees no such GPU.
    """
    if device == "cpu":
        return
    index = gpu_index(device, cuda.device_count(), framework)
    if (share := gpu_share()) is not None:
        cuda.set_per_process_memory_fraction(share, index)


def to_torch(torch: Any, array: npt.NDArray[Any], device: Any) -> Any:
    """Returns a NumPy array as a tensor on a `torch.device`; to a GPU through pinned memory and without waiting for it."""
    tensor = torch.as_tensor(array)
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def memory_limit_bytes(index: int) -> int | None:
    """Returns the run's share of the memory of the visible GPU with this index; None without a limit, or if the driver does not tell."""
    share, names = gpu_share(), visible_gpus()
    memory = gpu_memory_bytes(names[index]) if share is not None and index < len(names) else None
    return None if share is None or memory is None else int(share * memory)


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)
