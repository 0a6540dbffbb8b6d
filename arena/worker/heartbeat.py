"""Heartbeats: a thread of the worker tells once a second how far the run is, so that a run that hangs is known from a slow one.

The thread only reads what the run counts anyway, and where the run's own thread is: training takes no notice of it. While a call holds
Python's lock, no heartbeat is sent, and the executor counts that time as time without progress, too.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

from arena.environments.metering import Meter
from arena.run_folder.events import Heartbeat

PERIOD_SECONDS = 1.0
"""Seconds between two looks."""
ENV_MODULES = ("gymnasium.", "pettingzoo.", "arena.environments.")
"""Beginnings of the names of modules one of whose functions, `step` or `reset`, is called whenever an environment is."""


class Pulse:
    """Progress of one run, as far as the meter does not count it; the thread that makes it is the run's own."""

    def __init__(self) -> None:
        self.activity = "starting"
        """Part of the work that the run is at, as it follows the word "in"."""
        self.meter: Meter | None = None
        """Counts of training; None before there are environments."""
        self._thread_id = threading.get_ident()
        self._beats = 0
        self._seen: tuple[object, ...] = ()
        self._count = 0

    def beat(self) -> None:
        """Notes progress that the meter does not count: a call of the learner, a step of an evaluation."""
        self._beats += 1

    @contextlib.contextmanager
    def during(self, activity: str) -> Iterator[None]:
        """Names what the run does in the `with` block; what it did before goes on afterwards."""
        before, self.activity = self.activity, activity
        try:
            yield
        finally:
            self.activity = before

    def look(self) -> Heartbeat:
        """Returns how far the run is; called by another thread."""
        env_steps, env_seconds = self.meter.glance() if self.meter is not None else (0, 0.0)
        seen = self.activity, self._beats, env_steps, env_seconds
        if seen != self._seen:
            self._seen, self._count = seen, self._count + 1
        waits_for = _environment_call(self._thread_id)
        return Heartbeat(count=self._count, activity=self.activity, env_steps=env_steps, waits_for=waits_for)


@contextlib.contextmanager
def heartbeats(pulse: Pulse, emit: Callable[[Heartbeat], None], period_seconds: float = PERIOD_SECONDS) -> Iterator[None]:
    """Tells of the run's progress during the `with` block, from a thread of its own; what hasn't changed isn't told again.

    Args:
        pulse: the run's progress.
        emit: takes the heartbeats; may be called while the run's own thread emits events.
        period_seconds: seconds between two looks.
    """
    ended = threading.Event()

    def tell() -> None:
        last: Heartbeat | None = None
        with contextlib.suppress(OSError, ValueError):  # the executor is gone, and the keeper is about to end this process
            while not ended.wait(period_seconds):
                now = pulse.look()
                if now != last:
                    emit(now)
                last = now

    thread = threading.Thread(target=tell, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _environment_call(thread_id: int) -> str:
    """Returns which call of an environment a thread is in, `step` or `reset`, empty for none: the innermost one."""
    frame = sys._current_frames().get(thread_id)
    while frame is not None:
        name = frame.f_code.co_name
        if name in ("step", "reset") and str(frame.f_globals.get("__name__")).startswith(ENV_MODULES):
            return name
        frame = frame.f_back
    return ""
