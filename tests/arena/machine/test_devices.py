"""The choice of a device and what holds frameworks to it, with stand-ins for the driver and the frameworks; no GPU is needed."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from arena.errors import ArenaError, DeviceUnavailable
from arena.executors.base import Task
from arena.executors.local import LocalExecutor
from arena.machine import devices
from arena.machine.gpus import visible_gpus


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", devices.SHARE_VARIABLE, "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.setenv(name, "")  # so that what a test sets is taken back
        monkeypatch.delenv(name)


def task(device: str = "auto") -> Task:
    return Task(name="a/b/seed-0", run_dir=Path(), process_env={}, threads=1, timeout_seconds=1.0, device=device)


def have_gpus(monkeypatch, count: int, visible: list[str] | None = None) -> None:
    names = [str(index) for index in range(count)] if visible is None else visible
    monkeypatch.setattr(devices, "gpu_info", lambda: [{}] * count)
    monkeypatch.setattr(devices, "visible_gpus", lambda: names)
    monkeypatch.setattr(devices, "driver_problem", lambda: None if count else "no driver")
    monkeypatch.setattr(devices, "gpu_memory_bytes", lambda name: 2**34 if name in names else None)


@pytest.mark.parametrize(
    ("count", "visible", "device"), [(0, None, "cpu"), (2, None, "cuda:0"), (2, [], "cpu"), (0, ["0"], "cpu"), (2, ["1"], "cuda:0")]
)
def test_auto_is_a_gpu_where_there_is_one_to_use_and_else_the_cpu(monkeypatch, count, visible, device):
    have_gpus(monkeypatch, count, visible)
    assert devices.resolve_device("auto") == device
    assert [devices.resolve_device(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda:0", "cuda:1"]


def test_auto_on_this_machine_agrees_with_what_the_driver_says():
    assert devices.resolve_device("auto") == ("cuda:0" if visible_gpus() else "cpu")


@pytest.mark.parametrize(
    ("device", "own", "visible"), [("cpu", "cpu", ""), ("cuda:1", "cuda:0", "6"), ("cuda", "cuda:0", "4"), ("cuda:2", "cuda:2", None)]
)
def test_a_run_sees_no_gpu_but_its_own(monkeypatch, device, own, visible):
    have_gpus(monkeypatch, 2, ["4", "6"])
    assert devices.isolate(device) == own
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible


class TensorFlowConfig:
    """Keeps what it is told, and refuses what TensorFlow refuses."""

    def __init__(self, num_gpus: int) -> None:
        self.gpus = [f"GPU {index}" for index in range(num_gpus)]
        self.visible: Any = None
        self.growth: dict[str, bool] = {}
        self.limits: dict[str, int] = {}
        self.experimental = SimpleNamespace(set_memory_growth=self._set_memory_growth)

    LogicalDeviceConfiguration = SimpleNamespace

    def list_physical_devices(self, kind: str) -> list[str]:
        assert kind == "GPU"
        return self.gpus

    def set_visible_devices(self, gpus: list[str], kind: str) -> None:
        assert kind == "GPU"
        self.visible = gpus

    def _set_memory_growth(self, gpu: str, enable: bool) -> None:
        assert gpu not in self.limits, "Cannot set memory growth on device when virtual devices configured"
        self.growth[gpu] = enable

    def set_logical_device_configuration(self, gpu: str, parts: list[SimpleNamespace]) -> None:
        assert gpu not in self.growth, "Virtual devices cannot be configured when memory growth is set"
        (part,) = parts
        self.limits[gpu] = part.memory_limit


def test_tensorflow_grows_on_one_gpu(monkeypatch):
    have_gpus(monkeypatch, 2)
    config = TensorFlowConfig(2)
    devices.take_tensorflow(config, "cuda:1", "it")
    assert (config.visible, config.growth, config.limits) == (["GPU 1"], {"GPU 1": True}, {})


def test_tensorflow_grows_up_to_the_stated_share(monkeypatch):
    have_gpus(monkeypatch, 2)
    monkeypatch.setenv(devices.SHARE_VARIABLE, "0.25")
    config = TensorFlowConfig(2)
    devices.take_tensorflow(config, "cuda:0", "it")
    assert (config.visible, config.growth, config.limits) == (["GPU 0"], {}, {"GPU 0": 4096})  # MiB of 16 GiB
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_tensorflow_grows_where_the_driver_does_not_tell_how_much_there_is(monkeypatch):
    have_gpus(monkeypatch, 1)
    monkeypatch.setattr(devices, "gpu_memory_bytes", lambda name: None)
    monkeypatch.setenv(devices.SHARE_VARIABLE, "0.25")
    config = TensorFlowConfig(1)
    devices.take_tensorflow(config, "cuda", "it")
    assert (config.growth, config.limits) == ({"GPU 0": True}, {})


def test_tensorflow_on_the_cpu_is_asked_for_no_gpu():
    config = TensorFlowConfig(1)
    config.list_physical_devices = None  # type: ignore[assignment, method-assign] -- asking starts CUDA
    devices.take_tensorflow(config, "cpu", "it")
    assert (config.visible, config.growth) == ([], {})


class Cuda:
    def __init__(self, num_gpus: int) -> None:
        self.device_count = lambda: num_gpus
        self.fractions: dict[int, float] = {}

    def set_per_process_memory_fraction(self, fraction: float, index: int) -> None:
        self.fractions[index] = fraction


def test_torch_is_held_to_the_stated_share(monkeypatch):
    have_gpus(monkeypatch, 2)
    cuda = Cuda(2)
    devices.take_torch(cuda, "cuda:1", "it")
    assert cuda.fractions == {}
    monkeypatch.setenv(devices.SHARE_VARIABLE, "0.25")
    devices.take_torch(cuda, "cuda:1", "it")
    assert cuda.fractions == {1: 0.25}
    devices.take_torch(None, "cpu", "it")


@pytest.mark.parametrize(
    "take", [lambda: devices.take_torch(Cuda(1), "cuda:1", "It"), lambda: devices.take_tensorflow(TensorFlowConfig(1), "cuda:1", "It")]
)
def test_a_gpu_that_the_framework_does_not_see_is_refused_with_the_reason(monkeypatch, take):
    have_gpus(monkeypatch, 0)
    with pytest.raises(DeviceUnavailable, match=r"It cannot use 'cuda:1': it sees 1 GPUs \(no driver\)"):
        take()


class Tensor:
    def __init__(self, array: Any, *, is_cuda: bool = False) -> None:
        self.array, self.is_cuda, self.pinned = array, is_cuda, False

    def pin_memory(self) -> "Tensor":
        assert not self.is_cuda, "cannot pin a tensor of a GPU"
        self.pinned = True
        return self

    def to(self, device: Any, **options: Any) -> tuple[Any, ...]:
        return device.type, self.pinned, options


def test_arrays_reach_a_gpu_through_pinned_memory_and_the_cpu_without():
    torch = SimpleNamespace(as_tensor=lambda array: array if isinstance(array, Tensor) else Tensor(array))
    array, cpu, gpu = np.zeros(3), SimpleNamespace(type="cpu"), SimpleNamespace(type="cuda")
    assert devices.to_torch(torch, array, gpu) == ("cuda", True, {"non_blocking": True})
    assert devices.to_torch(torch, array, cpu) == ("cpu", False, {})
    assert devices.to_torch(torch, Tensor(array, is_cuda=True), gpu) == ("cuda", False, {})


def test_a_gpu_that_is_not_there_is_refused_before_any_work():
    executor = LocalExecutor(gpus=["0"])
    executor.check([task(device=name) for name in ("auto", "cpu", "cuda", "cuda:0")])
    with pytest.raises(ArenaError, match="run a/b/seed-0 asks for device 'cuda:1', and there are 1 GPUs here"):
        executor.check([task(device="cuda:1")])
    with pytest.raises(ArenaError, match="device 'cuda', and there are 0 GPUs here"):
        LocalExecutor(gpus=[]).check([task(), task(device="cuda")])
