"""Whole runs beside a driver that says it has two GPUs: a module `pynvml` in front of the real one, in the worker's process too."""

import os
import textwrap
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.folder import RunDir
from arena.run_folder.result import RunResult

pytestmark = pytest.mark.worker

DRIVER = """
    import os
    from types import SimpleNamespace as S

    class NVMLError(Exception):
        value = 0

    NVML_ERROR_LIBRARY_NOT_FOUND, NVML_ERROR_DRIVER_NOT_LOADED, NVML_ERROR_LIB_RM_VERSION_MISMATCH, NVML_ERROR_NO_PERMISSION = range(4)
    nvmlInit = lambda: None
    nvmlDeviceGetCount = lambda: 2
    nvmlDeviceGetHandleByIndex = lambda index: index
    nvmlDeviceGetName = lambda handle: f"gpu {handle}"
    nvmlDeviceGetMemoryInfo = lambda handle: S(total=2**34, used=1000 + handle)
    nvmlSystemGetDriverVersion = lambda: "1.2"
    nvmlDeviceGetUtilizationRates = lambda handle: S(gpu=30 + handle)
    nvmlDeviceGetComputeRunningProcesses = lambda handle: [S(pid=os.getpid(), usedGpuMemory=500 + handle)]
"""
AGENT = """
    import dataclasses, os, sys
    from arena.machine import devices
    from arena.errors import DeviceUnavailable
    from arena.testing.fakes import FAKE_AGENT, FakeAgent

    class Agent(FakeAgent):
        def __init__(self, env_factory, config, *, seed, device):
            share = devices.memory_limit_bytes(0)
            print("device", device, "sees", os.environ.get("CUDA_VISIBLE_DEVICES"), "may take", share, file=sys.stderr)
            super().__init__(env_factory, config, seed=seed, device=device)

    class Timid(Agent):
        def __init__(self, env_factory, config, *, seed, device):
            devices.gpu_index(device, 0, "Timid")
            super().__init__(env_factory, config, seed=seed, device=device)

    AGENT = dataclasses.replace(FAKE_AGENT, entry_point="gpu_agents:Agent")
    TIMID = dataclasses.replace(FAKE_AGENT, entry_point="gpu_agents:Timid")
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Trains an agent of `AGENT` on the GPUs of `DRIVER`."""
    (tmp_path / "pynvml.py").write_text(textwrap.dedent(DRIVER))
    (tmp_path / "gpu_agents.py").write_text(textwrap.dedent(AGENT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def train(agent: str, **resources: object) -> tuple[RunResult, str]:
        table = {"name": "gpu", "output": str(tmp_path), "agents": [f"gpu_agents:{agent}"], "envs": ["CartPole-v1"]}
        table |= {"budget": {"env_steps": 400}, "log_period": 200, "evaluation": {"period": 400, "episodes": 2, "final_episodes": 2}}
        (result,) = run_experiment(from_table({**table, "resources": resources}), LocalExecutor(1, gpus=["0", "1"]))
        return result, RunDir(Path(result.path)).log.read_text()

    return train


def curves(folder: str) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for path in Path(folder).glob("events*"):
        for record in RawEventFileLoader(str(path)).Load():
            for value in Event.FromString(record).summary.value:
                found.setdefault(value.tag, set()).update(value.tensor.float_val)
    return found


def test_auto_takes_a_gpu_and_logs_what_is_used_of_it(run) -> None:
    result, log = run("AGENT", gpu_share=0.25)
    assert (result.status, result.device) == ("finished", "cuda:0")
    assert f"device cuda:0 sees 0 may take {2**32}" in log
    points = curves(result.path)
    assert (points["system/gpu_memory_bytes"], points["system/gpu_device_memory_bytes"]) == ({500.0}, {1000.0})
    assert points["system/gpu_percent"] == {30.0}


def test_a_named_gpu_is_the_only_one_that_the_run_sees(run) -> None:
    result, log = run("AGENT", device="cuda:1")
    assert (result.status, result.device) == ("finished", "cuda:1")
    assert "device cuda:0 sees 1 may take None" in log
    assert curves(result.path)["system/gpu_percent"] == {31.0}


def test_auto_falls_back_to_the_cpu_where_the_framework_sees_no_gpu(run) -> None:
    result, log = run("TIMID")
    assert (result.status, result.device) == ("finished", "cpu")
    assert "device cpu sees" in log
    assert not [tag for tag in curves(result.path) if "gpu" in tag]


def test_a_gpu_that_was_asked_for_and_is_not_seen_ends_the_run_with_the_reason(run) -> None:
    result, _ = run("TIMID", device="cuda")
    assert result.status == "crashed"
    assert "Timid cannot use 'cuda:0': it sees 0 GPUs" in result.reason


def test_a_run_on_the_cpu_sees_no_gpu(run) -> None:
    result, log = run("AGENT", device="cpu")
    assert (result.status, result.device) == ("finished", "cpu")
    assert "device cpu sees  may take None" in log
    assert not [tag for tag in curves(result.path) if "gpu" in tag]
