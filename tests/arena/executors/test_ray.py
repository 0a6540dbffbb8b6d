"""Experiments of fake agents on a real Ray cluster of three nodes, some of which are killed."""

import contextlib
import dataclasses
import importlib.metadata
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from arena.errors import ArenaError
from arena.executors.base import ExecutorConfig
from arena.executors.local import LocalExecutor
from arena.executors.ray import RayExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.events import EvaluationEnded, WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.status import progress
from benchmarks.ray_cluster import RayCluster, free_ports, use_own_token

use_own_token()
pytestmark = [pytest.mark.worker, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.imports("ray")]
FAKE = "arena.testing.fakes:FAKE_AGENT"
LONG: dict[str, Any] = {"budget": {"env_steps": 60_000}, "checkpoint_period": 6_250, "evaluation": {"period": 12_500, "episodes": 5}}
"""Long enough to be killed in the middle; checkpoints fall between the points of the curves."""


def experiment(folder: Path, **changes) -> Experiment:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "envs": ["arena/Identity-v0"], "seeds": 3, **LONG}
    return from_table({**table, **changes})


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with RayCluster(3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    wanted = experiment(tmp_path_factory.mktemp("local"))
    assert {result.status for result in run_experiment(wanted, LocalExecutor())} == {"finished"}
    return wanted


@contextlib.contextmanager
def arena_run(wanted: Experiment, cluster: RayCluster, *options: str) -> "Iterator[subprocess.Popen[str]]":
    """Starts `arena run` of an experiment as `experiment` makes it."""
    wanted.output.mkdir(exist_ok=True)
    file = wanted.output / "test.toml"
    lines = [f'name = "{wanted.name}"', f'agents = ["{FAKE}"]', 'envs = ["arena/Identity-v0"]', f"seeds = {len(wanted.seeds)}"]
    lines += ["checkpoint_period = 6_250", "[budget]", "env_steps = 60_000", "[evaluation]", "period = 12_500", "episodes = 5"]
    file.write_text("\n".join(lines))
    command = [sys.executable, "-m", "arena", "run", str(file), "--output", str(wanted.output), "--executor", "ray", "--json"]
    command += ["--address", cluster.address, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def workers(wanted: Experiment) -> list[tuple[str, psutil.Process]]:
    """Returns the processes of workers on all nodes, with their keepers, each with the name of its run, to whose log it prints."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(part.startswith("arena.worker") for part in process.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                logs = [Path(file.path) for file in process.open_files() if file.path.endswith("/worker.log")]
                found += [(str(log.parent).rpartition(f"/{wanted.name}/")[2], process) for log in logs if f"/{wanted.name}/" in str(log)]
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def assert_same(got: Experiment, expected: Experiment) -> None:
    for run in expected.runs():
        paths = [each.path / run.name for each in (got, expected)]
        for name in ("episodes.jsonl", "evaluations.jsonl", "policy.onnx"):
            assert (paths[0] / name).read_bytes() == (paths[1] / name).read_bytes(), (run.name, name)
        results = [RunRecord(path).result for path in paths]
        same = ("status", "env_steps", "num_episodes", "num_cut_episodes", "learner_steps", "score_mean", "policy_env_steps", "parity")
        values = [[getattr(result, name) for name in same] for result in results]
        assert values[0] == values[1]


@pytest.mark.parametrize("has_storage", [False, True])
def test_runs_on_a_node_that_is_killed_go_on_elsewhere_as_if_nothing_had_happened(
    tmp_path: Path, cluster: RayCluster, local: Experiment, has_storage: bool
) -> None:
    wanted, store = experiment(tmp_path / "driver", name=f"killed-{has_storage}"), tmp_path / "store"
    kept = store / wanted.name if has_storage else wanted.path
    victims: list[tuple[str, int]] = []  # runs with a checkpoint, at work on another node than the head

    def find_victims() -> bool:
        found = [(name, process) for name, process in workers(wanted) if (kept / name / "checkpoint/latest.json").exists()]
        victims.extend((name, node) for name, process in found if (node := cluster.node_of(process)))
        return bool(victims)

    with arena_run(wanted, cluster, *(["--storage", store.as_uri()] if has_storage else [])) as process:
        wait_until(find_victims)
        name, node = victims[0]
        cluster.kill_node(node)
        assert RunRecord(wanted.path / name).result is None, "the node was to be killed in mid-run"
        cluster.add_node()
        output, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    told = [event for event in map(json.loads, output.splitlines()) if event.get("status") == "restarting"]
    assert name in [event["run"] for event in told]
    assert "lost its node" in told[0]["message"]
    assert_same(wanted, local)
    result = RunRecord(wanted.path / name).result
    assert result is not None
    assert result.num_attempts >= 2, "it resumed from its checkpoint"
    assert (wanted.path / name / "checkpoint").exists() != has_storage
    if has_storage:
        assert_same(dataclasses.replace(wanted, output=store), local)
        assert not list(store.rglob(".*"))
        again = dataclasses.replace(wanted, output=tmp_path / "elsewhere")
        results = run_experiment(again, RayExecutor(ExecutorConfig(kind="ray", address=cluster.address, storage=store.as_uri())))
        assert [result.status for result in results] == ["finished"] * 3, "taken from the storage"
        assert_same(again, local)


def test_an_interrupt_ends_all_workers_and_keeps_what_was_written(tmp_path: Path, cluster: RayCluster, local: Experiment) -> None:
    wanted = experiment(tmp_path, name="interrupted")
    first = next(wanted.runs()).name
    with arena_run(wanted, cluster) as process:
        wait_until(lambda: (wanted.path / first / "checkpoint/latest.json").exists())
        assert progress(RunDir(wanted.path / first), first).state == "running"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "resume with" in errors
    wait_until(lambda: not workers(wanted))
    assert RunRecord(wanted.path / first).result is None
    assert progress(RunDir(wanted.path / first), first).state == "interrupted"
    assert run_experiment(wanted, LocalExecutor())[0].num_attempts == 2, "begun on the cluster, ended here"
    assert_same(wanted, local)


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path, cluster: RayCluster) -> None:
    wanted = experiment(tmp_path, name="orphaned", seeds=2)
    with arena_run(wanted, cluster) as process:
        wait_until(lambda: bool(workers(wanted)))
        process.kill()
    wait_until(lambda: not workers(wanted))


def test_a_run_that_is_given_up_ends_on_its_node(tmp_path: Path, cluster: RayCluster) -> None:
    wanted = experiment(tmp_path, name="given-up", seeds=2)
    first = next(wanted.runs()).name

    def judge(run_name: str, event: WorkerEvent) -> str | None:
        return "hopeless" if run_name == first and isinstance(event, EvaluationEnded) else None

    executor = RayExecutor(ExecutorConfig(kind="ray", address=cluster.address))
    given_up, other = run_experiment(wanted, executor, judge=judge)
    assert (given_up.status, given_up.reason) == ("pruned", "hopeless")
    assert given_up.env_steps < 60_000
    assert other.status == "finished"
    assert not workers(wanted)


def test_faults_and_time_limits_are_those_of_the_local_executor(tmp_path: Path, cluster: RayCluster) -> None:
    agents = [{"agent": FAKE, "name": fault, "hyperparameters": {"fault": fault}} for fault in ("crash", "exit", "nan", "hang")]
    wanted = experiment(tmp_path, agents=agents, seeds=1, resources={"timeout_seconds": 8.0})
    results = run_experiment(wanted, RayExecutor(ExecutorConfig(kind="ray", address=cluster.address)))
    assert {result.agent: result.status for result in results} == {
        "crash": "crashed",
        "exit": "crashed",
        "nan": "diverged",
        "hang": "timed_out",
    }
    assert "the fake agent crashes after" in results[0].reason
    assert any("fakes.py" in line and "in learn" in line for line in results[0].log_tail)


def test_what_no_node_can_give_is_refused_with_what_there_is(tmp_path: Path, cluster: RayCluster) -> None:
    executor = RayExecutor(ExecutorConfig(kind="ray", address=cluster.address))
    for resources, asked in (({"threads": 4}, "4 CPUs and 0 GPUs"), ({"device": "cuda"}, "1 CPUs and 1 GPUs")):
        with pytest.raises(ArenaError, match=f"asks for {asked} of one node; the cluster's nodes have 1 and 0, 1 and 0, 1 and 0"):
            run_experiment(experiment(tmp_path / "logs", resources=resources), executor)
        assert not (tmp_path / "logs").exists()
    with pytest.raises(ArenaError, match="Ray assigns one"):
        run_experiment(experiment(tmp_path / "named", resources={"device": "cuda:1"}), executor)


def test_nodes_with_another_version_are_refused(tmp_path: Path, cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.metadata.version("arena-rl")
    monkeypatch.setattr("arena.executors.ray_nodes.installed_version", lambda: "99.0")
    with pytest.raises(ArenaError, match=rf"has arena-rl {there}, this machine 99\.0; install that version there"):
        run_experiment(experiment(tmp_path), RayExecutor(ExecutorConfig(kind="ray", address=cluster.address)))


def test_an_address_where_nothing_listens_is_refused(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(ArenaError, match=f"no Ray cluster answers at {address}"):
            run_experiment(experiment(tmp_path / "logs"), RayExecutor(ExecutorConfig(kind="ray", address=address)))
    assert not (tmp_path / "logs").exists()


def test_what_is_no_cluster_is_refused_in_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.executors.ray_connection.JOIN_SECONDS", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ArenaError, match=f"what listens at {address} does not answer as a Ray cluster within 5 s"):
            run_experiment(experiment(tmp_path), RayExecutor(ExecutorConfig(kind="ray", address=address)))


def test_what_is_finished_needs_no_cluster(tmp_path: Path, local: Experiment) -> None:
    (port,) = free_ports(1)
    results = run_experiment(local, RayExecutor(ExecutorConfig(kind="ray", address=f"127.0.0.1:{port}")))
    assert {result.status for result in results} == {"finished"}


def test_a_missing_ray_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ArenaError, match=r"the Ray executor needs Ray, which is not installed: .*install.*ray"):
        RayExecutor(ExecutorConfig(kind="ray"))
