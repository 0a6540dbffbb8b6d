"""One run that was handed to Ray, with prepared answers in place of Ray's; with workers: `test_ray_driver.py`."""

import dataclasses
import types
from pathlib import Path
from typing import Any

import pytest

from arena.executors.base import Ended, Task
from arena.executors.node import NodeReport
from arena.executors.ray_flights import Flight, NodeLost, answered, kind, stop
from arena.executors.transfer import Piece
from arena.formats.locks import FolderBusy, FolderLock
from arena.run_folder.events import PhaseBegan, WorkerEvent

EVENT = PhaseBegan(phase="training", message="")
NEWS = NodeReport(events=[EVENT], pieces=[Piece("worker.log", b"a\n")], ended=None)
END = Ended(timed_out=False, exit_code=0)


class RayError(Exception):
    """Any error of Ray."""


class RayTaskError(RayError):
    """An error that our code has raised on a node."""


class PreparedActor:
    """An actor whose calls are the names of its methods."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.made, self.calls = made, list[str]()

    def __getattr__(self, name: str) -> Any:
        return types.SimpleNamespace(remote=lambda *values: self.calls.append(name) or f"{id(self)} {name}")


class PreparedRay:
    """The part of Ray that a flight uses; `get` gives the answers in their order and raises those that are errors."""

    exceptions = types.SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, *answers: Any) -> None:
        self.answers, self.killed = list(answers), list[PreparedActor]()

    def remote(self, made: type) -> Any:
        return types.SimpleNamespace(
            options=lambda **options: types.SimpleNamespace(remote=lambda *values, **named: PreparedActor({**options, **named}))
        )

    def get(self, call: str, timeout: float = 0.0) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def wait(self, calls: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        return calls[-num_returns:], calls[:-num_returns]

    def kill(self, actor: PreparedActor) -> None:
        self.killed.append(actor)


def make_flight(folder: Path, ray: PreparedRay, name: str = "a", device: str = "cpu") -> Flight:
    (folder / name).mkdir()
    task = Task(name=name, run_dir=folder / name, process_env={}, threads=2, timeout_seconds=1.0, device=device)
    return Flight(ray, task, None, f"x/{name}")


def let_continue(task: Task, event: WorkerEvent) -> None:
    pass


def give_up(task: Task, event: WorkerEvent) -> str:
    return "hopeless"


def is_locked(path: Path) -> bool:
    try:
        FolderLock(path).release()
    except FolderBusy:
        return True
    return False


def test_a_flight_is_placed_started_asked_and_ended(tmp_path: Path) -> None:
    ray = PreparedRay(None, None, NEWS, NodeReport(events=[], pieces=[Piece("worker.log", b"b\n", 2)], ended=END))
    flight = make_flight(tmp_path, ray)
    assert (flight.is_placed, is_locked(tmp_path / "a")) == (False, False)
    assert flight.advance(let_continue) is None
    assert (flight.is_placed, is_locked(tmp_path / "a")) == (True, True)
    assert flight.advance(let_continue) is None
    assert flight.advance(let_continue) is None
    assert not ray.killed
    assert flight.advance(let_continue) == END
    assert flight.actor.calls == ["ready", "start", "poll", "poll"]
    assert (ray.killed, flight.is_actor_sound) == ([], True), "its actor may work on another run"
    assert (tmp_path / "a" / "worker.log").read_bytes() == b"a\nb\n"
    flight.release()
    assert not is_locked(tmp_path / "a")


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0.0), ("cuda", 1.0)])
def test_the_actor_gets_what_its_run_asks_for_and_no_second_life(tmp_path: Path, device: str, gpus: float) -> None:
    flight = make_flight(tmp_path, PreparedRay(), device=device)
    assert flight.actor.made == {"num_cpus": 2, "num_gpus": gpus, "max_restarts": 0, "has_gpu": gpus > 0, "warm": False}


def test_a_run_that_is_given_up_is_stopped_and_ends_with_the_reason(tmp_path: Path) -> None:
    killed = Ended(timed_out=False, exit_code=-15)
    ray = PreparedRay(None, None, NEWS, NodeReport(events=[EVENT], pieces=[], ended=killed))
    flight = make_flight(tmp_path, ray)
    for _ in range(3):
        assert flight.advance(give_up) is None
    assert flight.actor.calls[-1] == "stop"
    ended = flight.advance(let_continue)
    assert isinstance(ended, Ended)
    assert ended.reason == "hopeless"
    assert not flight.is_actor_sound


def test_a_flight_takes_over_the_actor_of_one_that_has_ended(tmp_path: Path) -> None:
    ray = PreparedRay(None, None, NodeReport(events=[], pieces=[], ended=END), None)
    first, second = make_flight(tmp_path, ray), make_flight(tmp_path, ray, "b")
    for _ in range(3):
        first.advance(let_continue)
    own = second.actor
    second.take_over(first.actor)
    assert ray.killed == [own]
    assert second.advance(let_continue) is None
    assert first.actor.calls == ["ready", "start", "poll", "ready", "start"]
    second.release()
    first.release()


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"name": "b", "run_dir": Path("b"), "timeout_seconds": 9.0}, True),
        ({"threads": 3}, False),
        ({"device": "cuda"}, False),
        ({"agent": "keras-ppo"}, False),
        ({"modules": frozenset({"jax"})}, False),
        ({"process_env": {"KERAS_BACKEND": "torch"}}, False),
    ],
)
def test_runs_of_one_kind_need_the_same_resources_and_framework(changes: dict[str, Any], is_same: bool) -> None:
    task = Task(name="a", run_dir=Path("a"), process_env={}, threads=2, timeout_seconds=1.0, device="cpu", agent="keras-dqn")
    assert (kind(dataclasses.replace(task, **changes)) == kind(task)) == is_same


@pytest.mark.parametrize("num_answers", [0, 1, 2])
def test_a_lost_node_ends_the_flight_and_an_error_of_our_code_ends_the_run(tmp_path: Path, num_answers: int) -> None:
    for number, (error, expected) in enumerate(
        [
            (RayError("the node is gone"), NodeLost("the node is gone")),
            (RayTaskError("line\nOSError: full"), Ended(timed_out=False, exit_code=1, reason="failed on its node: OSError: full")),
        ]
    ):
        ray = PreparedRay(*[None] * num_answers, error)
        flight = make_flight(tmp_path, ray, f"run-{number}")
        for _ in range(num_answers):
            assert flight.advance(let_continue) is None
        assert flight.advance(let_continue) == expected
        assert ray.killed == [flight.actor]
        flight.release()


def test_the_flight_that_was_answered_is_found(tmp_path: Path) -> None:
    ray = PreparedRay()
    flights = [make_flight(tmp_path, ray, name) for name in "abc"]
    assert answered(ray, flights) == flights[-1:]


def test_a_stop_keeps_what_was_written_and_ends_all_actors(tmp_path: Path) -> None:
    stopped = NodeReport(events=[], pieces=[Piece("worker.log", b"b\n", 2)], ended=END)
    ray = PreparedRay(None, NEWS, stopped)
    placed, waiting = make_flight(tmp_path, ray), make_flight(tmp_path, ray, "waits")
    placed.advance(let_continue)
    stop([placed, waiting])
    assert placed.actor.calls == ["ready", "start", "stop"]
    assert waiting.actor.calls == ["ready"]
    assert (tmp_path / "a" / "worker.log").read_bytes() == b"a\nb\n"
    assert ray.killed == [placed.actor, waiting.actor]
    assert not is_locked(tmp_path / "a")


@pytest.mark.parametrize("error", [RayError("gone"), KeyboardInterrupt()])
def test_a_stop_that_fails_or_is_interrupted_ends_all_actors(tmp_path: Path, error: BaseException) -> None:
    ray = PreparedRay(None, None, error, error)
    flights = [make_flight(tmp_path, ray, name) for name in "ab"]
    for flight in flights:
        flight.advance(let_continue)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            stop(flights)
    else:
        stop(flights)
    assert ray.killed == [flight.actor for flight in flights]
    assert not any(is_locked(tmp_path / name) for name in "ab")
