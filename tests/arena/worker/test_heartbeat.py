import threading
from types import SimpleNamespace

import pytest

from arena.environments.config import EnvConfig
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.vectorize import make_vec_env
from arena.run_folder.events import Heartbeat
from arena.worker.heartbeat import Pulse, heartbeats


@pytest.fixture
def pulse() -> Pulse:
    """A pulse over counts that the test sets."""
    pulse = Pulse()
    pulse.meter = SimpleNamespace(env_steps=0, env_seconds=0.0)  # type: ignore[assignment]
    pulse.meter.glance = lambda: (pulse.meter.env_steps, pulse.meter.env_seconds)  # type: ignore[union-attr, attr-defined, method-assign]
    return pulse


def test_env_steps_resets_learner_calls_and_activities_are_progress(pulse: Pulse) -> None:
    counts = [pulse.look().count]
    pulse.meter.env_steps = 5
    counts.append(pulse.look().count)
    pulse.meter.env_seconds = 0.1  # a reset
    counts.append(pulse.look().count)
    pulse.beat()
    counts.append(pulse.look().count)
    with pulse.during("an evaluation"):
        assert pulse.look().activity == "an evaluation"
        counts.append(pulse.look().count)
    assert pulse.look().activity == "starting"
    counts.append(pulse.look().count)
    assert len(set(counts)) == 6
    assert pulse.look() == pulse.look()
    assert pulse.look().count == counts[-1]


def test_before_there_are_environments_nothing_is_counted() -> None:
    assert Pulse().look() == Heartbeat(count=1, activity="starting", env_steps=0)


@pytest.mark.parametrize("call", ["step", "reset"])
def test_the_call_of_an_environment_that_has_not_returned_is_named(call: str) -> None:
    env = make_vec_env(EnvConfig("CartPole-v1"), 2)
    metered = MeteredVectorEnv(env, Meter(), lambda: 0)
    inside, returned = threading.Event(), threading.Event()

    def wait(*arguments, **keywords):
        inside.set()
        returned.wait()
        raise RuntimeError("enough")

    setattr(env, call, wait)
    metered.must_reset = call == "reset"
    found: list[Pulse] = []

    def run() -> None:
        found.append(Pulse())
        with pytest.raises(RuntimeError, match="enough"):
            getattr(metered, call)(**({"actions": [0, 0]} if call == "step" else {}))

    thread = threading.Thread(target=run)
    thread.start()
    inside.wait()
    assert found[0].look().waits_for == call
    returned.set()
    thread.join()
    assert found[0].look().waits_for == ""


def test_heartbeats_are_told_when_something_has_changed_and_end_with_the_block(pulse: Pulse) -> None:
    told: list[Heartbeat] = []
    has_told = threading.Semaphore(0)

    def emit(heartbeat: Heartbeat) -> None:
        told.append(heartbeat)
        has_told.release()

    with heartbeats(pulse, emit, period_seconds=0.001):
        for env_steps in (0, 7, 9):
            pulse.meter.env_steps = env_steps
            while not told or told[-1].env_steps != env_steps:
                has_told.acquire()
    assert [heartbeat.env_steps for heartbeat in told] == [0, 7, 9]
    assert "heartbeats" not in {thread.name for thread in threading.enumerate()}


def test_an_executor_that_is_gone_ends_the_heartbeats_in_silence(pulse: Pulse) -> None:
    asked = threading.Event()

    def emit(heartbeat: Heartbeat) -> None:
        asked.set()
        raise BrokenPipeError

    with heartbeats(pulse, emit, period_seconds=0.001):
        asked.wait()
