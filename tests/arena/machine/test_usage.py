import os
import time
from types import SimpleNamespace

import pynvml
import pytest

from arena.machine.usage import GpuUsage, UsageSampler

NOTHING = GpuUsage(process_memory_bytes=None, memory_bytes=None, percent=None)


def process(pid: int, memory: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


def test_usage_sees_work_and_memory():
    sampler = UsageSampler()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    busy = sampler.sample()
    time.sleep(0.2)
    idle = sampler.sample()
    assert busy.cpu_percent > idle.cpu_percent
    assert busy.rss_bytes > 2**20


def test_memory_is_that_of_this_process_on_all_gpus_and_utilisation_their_mean(driver):
    mine, other = os.getpid(), os.getpid() + 1
    driver([process(mine, 5), process(other, 100)], [process(mine, 7)])
    assert UsageSampler().sample().gpu == GpuUsage(process_memory_bytes=12, memory_bytes=300, percent=40.0)


@pytest.mark.parametrize("name", ["1", "GPU-1"])
def test_only_the_gpus_of_the_run_are_sampled(driver, name):
    driver([process(os.getpid(), 5)], [process(os.getpid(), 7)])
    assert UsageSampler([name]).sample().gpu == GpuUsage(process_memory_bytes=7, memory_bytes=200, percent=60.0)
    assert UsageSampler([]).sample().gpu == NOTHING
    assert UsageSampler(["GPU-7"]).sample().gpu == NOTHING


def test_one_silent_answer_does_not_hide_the_others(driver, fail):
    driver([process(os.getpid(), None)])
    fail("nvmlDeviceGetUtilizationRates", pynvml.NVML_ERROR_NOT_SUPPORTED)
    assert UsageSampler().sample().gpu == GpuUsage(process_memory_bytes=None, memory_bytes=100, percent=None)
    fail("nvmlDeviceGetMemoryInfo", pynvml.NVML_ERROR_GPU_IS_LOST)
    assert UsageSampler().sample().gpu.memory_bytes is None


def test_without_a_driver_nothing_is_known_of_gpus(fail):
    fail("nvmlInit", pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    assert UsageSampler().sample().gpu == NOTHING
