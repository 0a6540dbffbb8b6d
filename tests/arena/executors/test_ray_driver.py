"""What the driver of a cluster does with its runs, with actors of this process in place of Ray's; a real cluster: `test_ray.py`."""

import contextlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arena.executors.base import ExecutorConfig
from arena.executors.local import LocalExecutor
from arena.executors.node import NodeWorker
from arena.executors.ray import RayExecutor
from arena.executors.transfer import Piece
from arena.executors.warm import WarmServers
from arena.experiment.claims import Claims
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.events import EvaluationEnded, WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.status import progress

pytestmark = pytest.mark.worker


class Reference:
    """A call that is made when its value is asked for."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call


class Actor:
    """An object whose methods are called by `method.remote(...)`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return types.SimpleNamespace(remote=lambda *values: Reference(lambda: method(*values)))


class Cluster:
    """The part of Ray that the driver uses; every actor has room, one call is made at a time."""

    def __init__(self) -> None:
        self.nodes = list[NodeWorker]()

    exceptions = types.SimpleNamespace(RayError=type("RayError", (Exception,), {}), RayTaskError=type("RayTaskError", (Exception,), {}))

    def is_initialized(self) -> bool:
        return True

    def remote(self, made: type) -> Any:
        def make(*values: Any, **named: Any) -> Actor:
            self.nodes.append(made(*values, **named))
            return Actor(self.nodes[-1])

        actor_class = types.SimpleNamespace(remote=make)
        return types.SimpleNamespace(options=lambda **resources: actor_class)

    def wait(self, references: list[Reference], **_: Any) -> tuple[list[Reference], list[Reference]]:
        return references[:1], references[1:]

    def get(self, reference: Reference, timeout: float = 0.0) -> Any:
        return reference.call()

    def kill(self, actor: Actor) -> None:
        pass


class Driver(RayExecutor):
    def check(self, tasks: Any) -> None:
        """All is well."""


@pytest.fixture(autouse=True)
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ends the servers of the nodes, which end with the actor's process in a real cluster."""
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr("arena.executors.node.WarmServers", lambda **options: stack.enter_context(WarmServers(**options)))
        yield


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    monkeypatch.setattr("arena.executors.ray.import_ray", Cluster)
    return Driver(ExecutorConfig(kind="ray"))


def test_a_run_is_marked_while_a_node_is_at_work_on_it_and_ends_there_when_given_up(tmp_path: Path, driver: RayExecutor):
    table = {"name": "t", "output": str(tmp_path), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"], "seeds": 2}
    evaluation = {"period": 1_000, "episodes": 5, "final_episodes": 10}
    wanted = from_table({**table, "budget": {"env_steps": 60_000}, "evaluation": evaluation, "checkpoint_period": 5_000})
    first, second = (run.name for run in wanted.runs())
    states: set[str] = set()

    def state(name: str) -> str:
        return progress(RunDir(wanted.path / name), name).state

    def judge(run_name: str, event: WorkerEvent) -> str | None:
        states.add(state(run_name))
        return "hopeless" if run_name == second and isinstance(event, EvaluationEnded) else None

    finished, given_up = run_experiment(wanted, driver, judge=judge)
    assert states == {"running"}
    assert (finished.status, given_up.status, given_up.reason) == ("finished", "pruned", "hopeless")
    assert given_up.env_steps < finished.env_steps == 60_000
    assert [state(first), state(second)] == ["finished", "pruned"]


@pytest.mark.parametrize("warm", [True, False])
def test_an_actor_works_on_one_run_after_another(tmp_path: Path, warm: bool, monkeypatch: pytest.MonkeyPatch):
    cluster = Cluster()
    monkeypatch.setattr("arena.executors.ray.import_ray", lambda: cluster)
    table = {
        "name": "t",
        "agents": ["arena.testing.fakes:FAKE_AGENT"],
        "envs": ["arena/Identity-v0"],
        "seeds": 3,
        "resources": {"device": "cpu"},
    }
    table["budget"], table["evaluation"] = {"env_steps": 2_000}, {"episodes": 5, "final_episodes": 5}
    ended = []
    for name, executor in [("ray", Driver(ExecutorConfig(kind="ray", warm=warm), 1)), ("local", LocalExecutor(warm=False))]:
        wanted = from_table({**table, "output": str(tmp_path / name)})
        assert [result.status for result in run_experiment(wanted, executor)] == ["finished"] * 3
        ended.append([(wanted.path / run.name / "policy.onnx").read_bytes() for run in wanted.runs()])
    assert ended[0] == ended[1]
    assert len(cluster.nodes) == (1 if warm else 3)


def test_the_mark_goes_with_the_driver(tmp_path: Path, driver: RayExecutor):
    table = {"name": "t", "output": str(tmp_path), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"]}
    wanted = from_table({**table, "budget": {"env_steps": 20_000}})

    def interrupt(run_name: str, event: WorkerEvent) -> str | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(wanted, driver, judge=interrupt)
    name = next(wanted.runs()).name
    assert progress(RunDir(wanted.path / name), name).state == "interrupted"


class DamagedStorage:
    """A storage whose every run has a record that cannot be read; nothing can be written to it."""

    def __init__(self, uri: str) -> None:
        assert uri == "fake://runs"

    def read(self, folder: str) -> list[Piece]:
        return [Piece("run.json", b"{")]


def test_a_run_whose_record_in_the_storage_is_damaged_is_named_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arena.executors.ray.import_ray", Cluster)
    monkeypatch.setattr("arena.executors.ray.Storage", DamagedStorage)
    table = {"name": "t", "output": str(tmp_path), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"]}
    wanted = from_table({**table, "budget": {"env_steps": 20_000}})
    (result,) = run_experiment(wanted, Driver(ExecutorConfig(kind="ray", storage="fake://runs")))
    there = f"fake://runs/t/{next(wanted.runs()).name}"
    assert result.status == "damaged"
    assert f"cannot read {there}/run.json" in result.reason
    assert result.reason.endswith(f"; delete {there} to run it anew")
    assert sorted(path.name for path in (wanted.path / next(wanted.runs()).name).iterdir() if path.suffix) == ["holder.json", "run.json"]


def test_a_run_of_another_arena_is_taken_over_once_that_lets_go(tmp_path: Path, driver: RayExecutor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arena.executors.ray.LOOK_AGAIN_SECONDS", 0.1)
    table = {"name": "t", "output": str(tmp_path), "agents": ["arena.testing.fakes:FAKE_AGENT"], "envs": ["arena/Identity-v0"], "seeds": 2}
    wanted = from_table({**table, "budget": {"env_steps": 2_000}, "evaluation": {"episodes": 5, "final_episodes": 5}})
    first, second = (run.name for run in wanted.runs())
    (wanted.path / first).mkdir(parents=True)
    other = Claims(wanted.path)
    assert other.take(first)

    def judge(run_name: str, event: WorkerEvent) -> None:
        began.append(run_name)
        other.release(first)

    began: list[str] = []
    results = run_experiment(wanted, driver, judge=judge)
    assert [result.status for result in results] == ["finished"] * 2
    assert list(dict.fromkeys(began)) == [second, first]
