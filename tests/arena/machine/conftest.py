"""A stand-in for NVIDIA's driver; no GPU is needed."""

from collections.abc import Callable
from types import SimpleNamespace

import pynvml
import pytest


@pytest.fixture
def driver(monkeypatch):
    """Takes the driver's place with as many GPUs as it is given lists of processes."""

    def install(*processes: list[SimpleNamespace]) -> None:
        def by_uuid(name: str) -> int:
            if name not in [f"GPU-{index}" for index in range(len(processes))]:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
            return int(name[-1])

        def by_index(index: int) -> int:
            if index >= len(processes):
                raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
            return index

        answers = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: len(processes),
            "nvmlDeviceGetHandleByIndex": by_index,
            "nvmlDeviceGetHandleByUUID": by_uuid,
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: processes[handle],
            "nvmlDeviceGetName": lambda handle: f"gpu {handle}",
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=2**30 * (handle + 1), used=100 * (handle + 1)),
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=20 + 40 * handle, memory=1),
            "nvmlSystemGetDriverVersion": lambda: "1.2",
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, answer)

    return install


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Makes one of the driver's functions answer with an error."""

    def install(name: str, code: int) -> None:
        def answer(*_: object) -> None:
            raise pynvml.NVMLError(code)

        monkeypatch.setattr(pynvml, name, answer)

    return install
