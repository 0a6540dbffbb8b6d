"""How cores and GPUs are dealt out; no GPU is needed."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import ArenaError
from arena.executors.base import Ended, ExecutorConfig, Task
from arena.executors.choice import make_executor
from arena.executors.local import LocalExecutor
from arena.executors.shares import Share, Shares
from arena.machine.gpus import visible_gpus

DEVICES = st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:1", "cuda:7"])


def task(threads: int = 1, device: str = "auto", gpu_share: float | None = None) -> Task:
    return Task(name="a/b/seed-0", run_dir=Path(), process_env={}, threads=threads, timeout_seconds=1.0, device=device, gpu_share=gpu_share)


TASKS = st.lists(st.builds(task, st.integers(1, 5), DEVICES, st.sampled_from([None, 0.25, 0.3, 0.5, 1.0])), min_size=1, max_size=12)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(TASKS, st.integers(0, 4), st.integers(1, 4), st.integers(0, 2), st.randoms(use_true_random=False))
def test_no_core_is_held_twice_and_no_gpu_by_more_than_its_whole(tasks: list[Task], num_workers: int, num_cores: int, num_gpus: int, rng):
    shares = Shares(num_workers, range(num_cores), [str(gpu) for gpu in range(num_gpus)])
    waiting, held = list(tasks), []
    while waiting or held:
        for each in list(waiting):
            if share := shares.take(each):
                waiting.remove(each)
                held.append((each, share))
        assert held, "some run is always at work"
        cores = [core for _, share in held for core in share.cores]
        assert len(cores) == len(set(cores))
        assert len(held) <= (num_workers or num_cores)
        for each, share in held:
            assert len(share.cores) in {0, min(each.threads, num_cores)}
            assert share.cores or num_workers, "without a number of workers every run has cores of its own"
            assert (share.gpu is None) == (each.device in {"cpu", "cuda:7"} or num_gpus == 0 or (each.device == "cuda:1" and num_gpus < 2))
        for gpu in range(num_gpus):
            assert sum(share.gpu_share for _, share in held if share.gpu == str(gpu)) <= 1.0 + 1e-6
        each, share = held.pop(rng.randrange(len(held)))
        shares.give_back(share)


def gpus_of(tasks: list[Task], gpus: list[str], num_workers: int = 8) -> list[str | None]:
    shares = Shares(num_workers, range(2), gpus)
    taken = [shares.take(each) for each in tasks]
    return [share.environment.get("CUDA_VISIBLE_DEVICES", share.gpu) if isinstance(share, Share) else "wait" for share in taken]


def test_runs_are_dealt_out_over_the_gpus_in_turn() -> None:
    assert gpus_of([task()] * 5, ["4", "6"]) == ["4", "6", "4", "6", "4"]
    assert gpus_of([task(gpu_share=0.5)] * 5, ["4", "6"]) == ["4", "6", "4", "6", "wait"]
    assert gpus_of([task(gpu_share=0.25)] * 5, ["GPU-a"]) == ["GPU-a"] * 4 + ["wait"]
    assert gpus_of([task(device="cpu"), task(device="cuda:1"), task(device="cuda")], ["4", "6"]) == [None, "6", "4"]


def test_a_named_gpu_is_not_renumbered() -> None:
    share = Shares(1, [0], ["4", "6"]).take(task(device="cuda:1"))
    assert share is not None
    assert (share.gpu, share.environment) == ("6", {})


@pytest.mark.parametrize(("value", "names"), [("", []), ("-1", []), ("0,2", ["0", "2"]), ("GPU-1a, GPU-2b", ["GPU-1a", "GPU-2b"])])
def test_the_gpus_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch, value: str, names: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == names


@pytest.mark.worker
def test_a_worker_on_the_cpu_sees_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = tmp_path / "python"
    spy.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES." > "$1/gpus"\n')
    spy.chmod(0o755)
    monkeypatch.setattr("arena.executors.process.worker_command", lambda task: [str(spy), str(task.run_dir)])
    tasks = [dataclasses.replace(task(device="cpu"), run_dir=tmp_path, timeout_seconds=600.0)]
    LocalExecutor(1, gpus=["3"]).execute(tasks, lambda task, event: None, lambda task, how: None)
    assert (tmp_path / "gpus").read_text() == ".\n"


def test_what_belongs_to_a_cluster_is_refused_elsewhere() -> None:
    with pytest.raises(ArenaError, match="belong to kind 'ray'"):
        make_executor(ExecutorConfig(storage="file:///x"))
    assert isinstance(make_executor(ExecutorConfig()), LocalExecutor)


@pytest.mark.worker
def test_a_worker_is_told_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the interpreter writes down what a worker would see."""
    spy = tmp_path / "python"
    spy.write_text('#!/bin/sh\nenv > "$1/environment"\n')
    spy.chmod(0o755)
    monkeypatch.setattr("arena.executors.process.worker_command", lambda task: [str(spy), str(task.run_dir)])
    monkeypatch.setenv("ARENA_CPUS", "left over")
    ended: list[tuple[str, Ended]] = []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tasks = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        tasks.append(
            Task(
                name=str(number),
                run_dir=tmp_path / str(number),
                process_env={"KERAS_BACKEND": "jax"},
                threads=2,
                timeout_seconds=600.0,
                gpu_share=0.5,
            )
        )
    LocalExecutor(3, gpus=["3", "5"]).execute(tasks, lambda task, event: None, lambda task, how: ended.append((task.name, how)))
    assert sorted(name for name, _ in ended) == ["0", "1", "2"]
    assert {(how.timed_out, how.exit_code, how.reason) for _, how in ended} == {(False, 0, "")}
    seen = [dict(line.split("=", 1) for line in (each.run_dir / "environment").read_text().splitlines() if "=" in line) for each in tasks]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in seen] == ["3", "5", "3"]
    assert {each["CUDA_DEVICE_ORDER"] for each in seen} == {"PCI_BUS_ID"}, "the driver's numbers, which the gpus above are"
    for each in seen:
        assert (each["OMP_NUM_THREADS"], each["NPROC"], each["ARENA_NUM_THREADS"], each["KERAS_BACKEND"]) == ("2", "2", "2", "jax")
        assert (each["XLA_PYTHON_CLIENT_MEM_FRACTION"], each["PYTORCH_ALLOC_CONF"]) == ("0.5", "per_process_memory_fraction:0.5")
        assert each["ARENA_GPU_SHARE"] == "0.5"
        assert each.get("ARENA_CPUS") != "left over"
    bound = [each["ARENA_CPUS"] for each in seen if "ARENA_CPUS" in each]
    assert len(bound) == len(set(bound))
    assert all(len(cores.split(",")) == 2 for cores in bound)
