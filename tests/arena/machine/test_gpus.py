"""GPUs as the driver tells of them, with a stand-in for the driver; no GPU is needed."""

import os
from types import SimpleNamespace

import pynvml
import pytest

from arena.machine import gpus
from arena.machine.description import machine_info
from arena.machine.usage import GpuUsage, UsageSampler


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


def process(pid: int, memory: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


def fail(monkeypatch, name: str, code: int) -> None:
    def answer(*_):
        raise pynvml.NVMLError(code)

    monkeypatch.setattr(pynvml, name, answer)


def test_memory_is_that_of_this_process_on_all_gpus_and_utilisation_their_mean(driver):
    mine, other = os.getpid(), os.getpid() + 1
    driver([process(mine, 5), process(other, 100)], [process(mine, 7)])
    assert UsageSampler().sample().gpu == GpuUsage(process_memory_bytes=12, memory_bytes=300, percent=40.0)
    assert machine_info()["gpus"][1] == {"name": "gpu 1", "memory_bytes": 2**31, "driver": "1.2"}


@pytest.mark.parametrize("name", ["1", "GPU-1"])
def test_only_the_gpus_of_the_run_are_sampled(driver, name):
    driver([process(os.getpid(), 5)], [process(os.getpid(), 7)])
    assert UsageSampler([name]).sample().gpu == GpuUsage(process_memory_bytes=7, memory_bytes=200, percent=60.0)
    nothing = GpuUsage(process_memory_bytes=None, memory_bytes=None, percent=None)
    assert UsageSampler([]).sample().gpu == nothing
    assert UsageSampler(["GPU-7"]).sample().gpu == nothing


def test_one_silent_answer_does_not_hide_the_others(driver, monkeypatch):
    driver([process(os.getpid(), None)])
    fail(monkeypatch, "nvmlDeviceGetUtilizationRates", pynvml.NVML_ERROR_NOT_SUPPORTED)
    assert UsageSampler().sample().gpu == GpuUsage(process_memory_bytes=None, memory_bytes=100, percent=None)
    fail(monkeypatch, "nvmlDeviceGetMemoryInfo", pynvml.NVML_ERROR_GPU_IS_LOST)
    assert UsageSampler().sample().gpu.memory_bytes is None
    assert gpus.gpu_memory_bytes("0") is None
    assert gpus.gpu_info() == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no NVIDIA driver is installed"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the machine"),
        (pynvml.NVML_ERROR_UNKNOWN, "the NVIDIA driver answers: Unknown Error"),
    ],
)
def test_no_driver_means_no_gpu_and_a_reason(monkeypatch, code, reason):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fail(monkeypatch, "nvmlInit", code)
    assert reason in (gpus.driver_problem() or "")
    assert (gpus.gpu_info(), gpus.visible_gpus(), gpus.gpu_memory_bytes("0")) == ([], [], None)
    assert UsageSampler().sample().gpu.memory_bytes is None


def test_a_driver_that_shows_a_gpu_is_no_problem(driver):
    driver([])
    assert gpus.driver_problem() is None
    assert gpus.gpu_memory_bytes("0") == 2**30
    driver()
    assert gpus.driver_problem() == "the NVIDIA driver finds no GPU"
