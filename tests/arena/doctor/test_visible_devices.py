"""Why a framework sees no GPU, with stand-ins for frameworks and driver."""

from types import SimpleNamespace

import pytest

from arena.doctor import visible_devices as sight


@pytest.fixture
def machine(monkeypatch):
    """Sets what driver, libraries and distributions there are."""

    def install(*, driver: str | None = None, gpus: tuple[str, ...] = ("0",), libraries=sight.CUDA_LIBRARIES, **versions: str) -> None:
        monkeypatch.setattr(sight, "driver_problem", lambda: driver)
        monkeypatch.setattr(sight, "visible_gpus", lambda: list(gpus))
        monkeypatch.setattr(sight, "has_library", lambda name: name in libraries)
        monkeypatch.setattr(sight, "package_versions", lambda names: {name: versions.get(name.replace("-", "_")) for name in names})

    return install


def tensorflow(num_gpus: int, *, cuda: bool = True) -> dict:
    gpus = [SimpleNamespace(name=f"/physical_device:GPU:{index}") for index in range(num_gpus)]
    config, test = SimpleNamespace(list_physical_devices=lambda kind: gpus), SimpleNamespace(is_built_with_cuda=lambda: cuda)
    return {"tensorflow": SimpleNamespace(config=config, test=test, __version__="2.20.0")}


def torch(num_gpus: int, cuda: str | None = "12.8") -> dict:
    functions = SimpleNamespace(device_count=lambda: num_gpus, get_device_name=lambda index: "Fake")
    return {"torch": SimpleNamespace(cuda=functions, version=SimpleNamespace(cuda=cuda), __version__="2.10.0+cpu")}


def jax(*platforms: str) -> dict:
    return {"jax": SimpleNamespace(devices=lambda: [SimpleNamespace(platform=platform) for platform in platforms])}


NVCC = {"nvidia_cuda_nvcc_cu12": "12.9"}


def only(modules: dict) -> str:
    (note,) = sight.gpu_notes(modules)
    return note


def test_nothing_is_said_of_a_gpu_that_can_be_used(machine):
    machine(**NVCC, jaxlib="0.10.2", jax_cuda12_plugin="0.10.2")
    assert sight.gpu_notes({**tensorflow(1), **torch(2), **jax("gpu")}) == []
    assert sight.devices_seen({**tensorflow(1), **torch(1)}) == [
        "CPU",
        "TensorFlow /physical_device:GPU:0",
        "PyTorch cuda:0 Fake",
    ]


def test_a_missing_driver_is_the_reason_for_every_framework(machine):
    machine(driver="no driver", gpus=(), **NVCC, jaxlib="1", jax_cuda12_plugin="1")
    notes = sight.gpu_notes({**tensorflow(0), **torch(0), **jax("cpu")})
    assert notes == [f"{name} sees no GPU: no driver" for name in ("TensorFlow", "JAX", "PyTorch")]


def test_hidden_gpus_are_named_as_such(machine):
    machine(gpus=(), **NVCC)
    assert only(tensorflow(0)) == "TensorFlow sees no GPU: CUDA_VISIBLE_DEVICES hides all"


def test_a_wheel_for_cpus_alone_is_named(machine):
    machine(**NVCC)
    assert "this build of PyTorch (2.10.0+cpu) is for CPUs alone" in only(torch(0, None))
    assert "this build of TensorFlow (2.20.0) is for CPUs alone" in only(tensorflow(0, cuda=False))
    assert "its CUDA plugin is not installed" in only(jax("cpu"))


def test_cuda_libraries_that_are_missing_are_named(machine):
    machine(libraries=sight.CUDA_LIBRARIES[1:], **NVCC, jaxlib="1", jax_cuda12_plugin="1")
    assert "TensorFlow sees no GPU: CUDA libraries are missing (libcudart.so.12); " in only(tensorflow(0))
    assert "JAX sees no GPU: CUDA libraries are missing (libcudart.so.12); " in only(jax("cpu"))


def test_pins_that_do_not_fit_each_other_are_named(machine):
    machine(jaxlib="0.10.2", jax_cuda12_plugin="0.9.0")
    assert "jax-cuda12-plugin 0.9.0 does not fit jaxlib 0.10.2" in only(jax("cpu"))
    assert only(torch(1, "13.0")).startswith("PyTorch sees a GPU, but this build of PyTorch is for CUDA 13.0")


def test_a_gpu_without_the_compiler_of_xla_is_noted(machine, monkeypatch):
    machine()
    monkeypatch.setattr(sight, "Path", lambda name: SimpleNamespace(exists=lambda: False))
    assert only(tensorflow(1)).startswith("TensorFlow sees a GPU, but XLA takes ptxas and libdevice from nvidia-cuda-nvcc-cu12")


def test_libraries_are_found_in_nvidias_wheels_or_on_the_system(tmp_path, monkeypatch):
    (tmp_path / "cudnn" / "lib").mkdir(parents=True)
    (tmp_path / "cudnn" / "lib" / "libarena-fake.so.9").touch()
    monkeypatch.setattr(sight, "_nvidia_wheels", lambda: [tmp_path])
    assert sight.has_library("libarena-fake.so.9")
    assert not sight.has_library("libarena-fake.so.8")
    monkeypatch.setattr(sight.ctypes, "CDLL", lambda name: object())
    assert sight.has_library("libarena-fake.so.8")
