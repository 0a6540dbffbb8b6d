"""Devices that an imported framework sees, and reasons for a missing GPU: the driver, the build of the wheel, or CUDA's libraries.

This runs in the process that imported the framework, and asks nothing of a framework that was not imported.
"""

import ctypes
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.machine.gpus import driver_problem, visible_gpus
from arena.machine.installation import install_command
from arena.machine.versions import package_versions

CUDA_LIBRARIES = ("libcudart.so.12", "libcublas.so.12", "libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12", "libcudnn.so.9")
"""Libraries of CUDA 12 and cuDNN 9, for which TensorFlow 2.20 and JAX 0.10 are built; neither brings them in its own wheel."""


def devices_seen(modules: Mapping[str, Any]) -> list[str]:
    """Returns the devices that the imported frameworks see, asked in their own words; the CPU comes first.

    Args:
        modules: `sys.modules`.
    """
    torch, tensorflow, jax = (modules.get(name) for name in ("torch", "tensorflow", "jax"))
    names = ["CPU"]
    if tensorflow:
        names += [f"TensorFlow {device.name}" for device in tensorflow.config.list_physical_devices("GPU")]
    if jax:
        names += [f"JAX {device}" for device in jax.devices() if device.platform != "cpu"]
    if torch:
        names += [f"PyTorch cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    return names


def gpu_notes(modules: Mapping[str, Any]) -> list[str]:
    """Returns, for each imported framework, why it sees no GPU or what it lacks to use the one that it sees; one line each.

    Args:
        modules: `sys.modules`.
    """
    notes = []
    if tensorflow := modules.get("tensorflow"):
        notes += _notes("TensorFlow", len(tensorflow.config.list_physical_devices("GPU")), _tensorflow_build(tensorflow))
    if jax := modules.get("jax"):
        notes += _notes("JAX", sum(device.platform != "cpu" for device in jax.devices()), _jax_build())
    if torch := modules.get("torch"):
        notes += _notes("PyTorch", torch.cuda.device_count(), _torch_build(torch))
    return notes


def _notes(framework: str, num_gpus: int, faults: Sequence[str]) -> list[str]:
    if num_gpus:
        return [f"{framework} sees a GPU, but {fault}" for fault in faults]
    reasons = [reason for reason in (_hidden(), driver_problem()) if reason] + list(faults)
    return [f"{framework} sees no GPU: {'; '.join(reasons or ['the driver shows one; the framework does not say why it cannot use it'])}"]


def _hidden() -> str | None:
    return None if driver_problem() or visible_gpus() else "CUDA_VISIBLE_DEVICES hides all"


def _tensorflow_build(tensorflow: Any) -> list[str]:
    if not tensorflow.test.is_built_with_cuda():
        return [f"this build of TensorFlow ({tensorflow.__version__}) is for CPUs alone; {install_command('cuda')}"]
    return _missing_libraries() or _missing_compiler()


def _jax_build() -> list[str]:
    plugins = [name for name in ("jax-cuda12-plugin", "jax-cuda13-plugin") if _version(name)]
    if not plugins:
        return [f"its CUDA plugin is not installed; {install_command('cuda')}"]
    jaxlib = _version("jaxlib")
    return [f"{name} {_version(name)} does not fit jaxlib {jaxlib}" for name in plugins if _version(name) != jaxlib] or _missing_libraries()


def _torch_build(torch: Any) -> list[str]:
    version = getattr(torch, "version", None)
    if version is not None and version.cuda is None:
        return [f"this build of PyTorch ({torch.__version__}) is for CPUs alone; install torch from the package index in its place"]
    if version is not None and not version.cuda.startswith("12."):
        return [f"this build of PyTorch is for CUDA {version.cuda}, which cannot share an environment with TensorFlow's CUDA 12"]
    return []


def has_library(name: str) -> bool:
    """Returns whether a shared library is in NVIDIA's wheels, where TensorFlow and PyTorch look first, or on the system's path."""
    if any(folder.joinpath("lib", name).exists() for root in _nvidia_wheels() for folder in root.iterdir()):
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _missing_libraries() -> list[str]:
    missing = [name for name in CUDA_LIBRARIES if not has_library(name)]
    return [f"CUDA libraries are missing ({', '.join(missing)}); {install_command('cuda')}"] if missing else []


def _missing_compiler() -> list[str]:
    if _version("nvidia-cuda-nvcc-cu12") or Path("/usr/local/cuda/nvvm/libdevice").exists():
        return []
    return [f"XLA takes ptxas and libdevice from nvidia-cuda-nvcc-cu12, which is not installed; {install_command('cuda')}"]


def _nvidia_wheels() -> list[Path]:
    spec = importlib.util.find_spec("nvidia")
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def _version(distribution: str) -> str | None:
    return package_versions([distribution])[distribution]
