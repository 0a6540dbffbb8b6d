"""State of a run's training: everything that changes and that neither the agent nor the meter knows."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator

from arena.agent.interface import Metrics
from arena.run_folder.timings import Part, Timings
from arena.worker.heartbeat import Pulse
from arena.worker.stop_reason import StopReason

ACTIVITIES: dict[Part, str] = {"train": "training", "evaluate": "an evaluation", "checkpoint": "writing a checkpoint"}
"""What a run does during a part of its timings, as it follows the word "in"."""


@dataclasses.dataclass(kw_only=True)
class TrainingState:
    """State that the loop, the selector and the log share, and that a checkpoint holds."""

    learner_steps: int = 0
    """Optimizer steps that the agent has taken."""
    best_return: float | None = None
    """Mean return of the kept policy in its selection evaluation; None before the first evaluation."""
    policy_env_steps: int | None = None
    """Env steps after which the kept policy was taken; None before the first evaluation."""
    parity: float | None = None
    """Fraction of observations on which the kept policy acts as the agent did; None before the first evaluation."""
    num_outside: int = 0
    """Number of observations outside of their space in all evaluations."""
    stop_reason: StopReason | None = None
    """Reason why training stopped; None while it continues."""
    num_attempts: int = 1
    """Number of worker processes that the run has taken so far, this one included."""
    earlier_cpu_seconds: float = 0.0
    """CPU seconds of the run's earlier worker processes, up to the last checkpoint of each."""
    env_cpu_seconds: Callable[[], float] = lambda: 0.0
    """Function that returns the CPU seconds of processes that step environments."""
    timings: Timings = dataclasses.field(default_factory=Timings)
    """Wall seconds of the run's parts, over all attempts."""
    pulse: Pulse = dataclasses.field(default_factory=Pulse)
    """Progress of the run, for its heartbeats."""

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the run so far, over all its worker processes."""
        return self.earlier_cpu_seconds + time.process_time() + self.env_cpu_seconds()

    @contextlib.contextmanager
    def measure(self, part: Part) -> Iterator[None]:
        """Adds the seconds of the `with` block to a part of the timings, and names the part to those who watch the run."""
        with self.timings.measure(part), self.pulse.during(ACTIVITIES.get(part, self.pulse.activity)):
            yield

    def add(self, metrics: Metrics) -> None:
        """Adds what one call of `Agent.learn` did."""
        self.pulse.beat()
        self.learner_steps += metrics.learner_steps
        self.timings.add("act", metrics.act_seconds)
        self.timings.add("learn", metrics.learn_seconds)
