"""GPUs as the driver describes them."""

import pynvml
import pytest

from arena.machine import gpus
from arena.machine.description import machine_info


def test_each_gpu_is_described_with_the_drivers_version(driver):
    driver([], [])
    assert gpus.gpu_info()[1] == {"name": "gpu 1", "memory_bytes": 2**31, "driver": "1.2"}
    assert machine_info()["gpus"] == gpus.gpu_info()


def test_a_gpu_is_found_by_index_and_by_uuid_and_not_by_another_name(driver, monkeypatch):
    driver([], [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus.visible_gpus() == ["0", "1"]
    assert [gpus.gpu_memory_bytes(name) for name in ("1", "GPU-1", "GPU-7", "9")] == [2**31, 2**31, None, None]
    assert (gpus.gpu_handles(), gpus.gpu_handles(["GPU-1", "9"])) == ([0, 1], [1])


@pytest.mark.parametrize(("value", "names"), [("", []), ("-1", []), ("3, 5", ["3", "5"]), ("GPU-1", ["GPU-1"])])
def test_the_environment_may_narrow_what_is_visible(driver, monkeypatch, value, names):
    driver([], [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpus.visible_gpus() == names


def test_a_silent_driver_gives_no_numbers(driver, fail):
    driver([])
    fail("nvmlDeviceGetMemoryInfo", pynvml.NVML_ERROR_GPU_IS_LOST)
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
def test_no_driver_means_no_gpu_and_a_reason(monkeypatch, fail, code, reason):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fail("nvmlInit", code)
    assert reason in (gpus.driver_problem() or "")
    assert (gpus.gpu_info(), gpus.visible_gpus(), gpus.gpu_memory_bytes("0")) == ([], [], None)


def test_a_driver_that_shows_a_gpu_is_no_problem(driver):
    driver([])
    assert gpus.driver_problem() is None
    assert gpus.gpu_memory_bytes("0") == 2**30
    driver()
    assert gpus.driver_problem() == "the NVIDIA driver finds no GPU"
