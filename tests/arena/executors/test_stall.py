import os
import signal
import subprocess

import pytest

from arena.executors.stall import StallWatch, is_stopped
from arena.run_folder.events import Heartbeat, PhaseBegan, ProgressMade


def beat(count: int, **changes) -> Heartbeat:
    return Heartbeat(**{"count": count, "activity": "training", "env_steps": 10 * count, **changes})


def look_for(watch: StallWatch, start: float, seconds: float, worker_id: int | None = None) -> str | None:
    """Looks twice a second for a while; returns the first reason."""
    looks = (watch.look(start + 0.5 * look, worker_id) for look in range(1, round(2 * seconds) + 1))
    return next((reason for reason in looks if reason), None)


def test_only_a_heartbeat_that_differs_and_other_events_are_progress() -> None:
    watch = StallWatch(10.0, now=0.0)
    watch.note(PhaseBegan(phase="training"))
    assert look_for(watch, 0.0, 9.0) is None
    watch.note(beat(1))
    assert look_for(watch, 9.0, 9.0) is None
    watch.note(ProgressMade(env_steps=10))
    assert look_for(watch, 18.0, 9.0) is None
    watch.note(beat(1))
    assert look_for(watch, 27.0, 1.0) == "no progress for 10 s in training, after env step 10"


def test_the_call_that_has_not_returned_is_named() -> None:
    watch = StallWatch(10.0, now=0.0)
    watch.note(PhaseBegan(phase="training"))
    watch.note(beat(3, activity="an evaluation", waits_for="reset"))
    assert look_for(watch, 0.0, 10.0) == "no progress for 10 s in an evaluation, after env step 30 (reset never returned)"


@pytest.mark.parametrize("phase", ["importing", "building"])
def test_what_compiles_may_take_three_times_as_long(phase) -> None:
    watch = StallWatch(10.0, now=0.0)
    watch.note(PhaseBegan(phase=phase))
    watch.note(beat(1, activity=phase, env_steps=0))
    assert look_for(watch, 0.0, 29.5) is None
    assert look_for(watch, 29.5, 1.0) == f"no progress for 30 s in {phase}, after env step 0"


def test_a_worker_that_never_says_anything_is_ended_too() -> None:
    assert look_for(StallWatch(10.0, now=0.0), 0.0, 30.0) == "no progress for 30 s in starting, after env step 0"


def test_the_time_in_which_this_process_was_stopped_does_not_count() -> None:
    watch = StallWatch(10.0, now=0.0)
    watch.note(PhaseBegan(phase="training"))
    assert watch.look(0.5, None) is None
    assert watch.look(3600.0, None) is None
    assert look_for(watch, 3600.0, 7.0) is None
    assert look_for(watch, 3607.0, 1.0) is not None


def test_the_time_in_which_the_worker_was_stopped_does_not_count() -> None:
    process = subprocess.Popen(["sleep", "3600"])
    try:
        watch = StallWatch(10.0, now=0.0)
        watch.note(PhaseBegan(phase="training"))
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert is_stopped(process.pid)
        assert look_for(watch, 0.0, 1000.0, process.pid) is None
        process.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, process.pid, os.WCONTINUED)
        assert look_for(watch, 1000.0, 10.0, process.pid) is not None
    finally:
        process.kill()
        process.wait()
    assert not is_stopped(process.pid), "there is no such process"
