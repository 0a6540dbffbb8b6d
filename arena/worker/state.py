"""State of a run's training: everything that changes and that neither the agent nor the meter knows."""

import dataclasses
import time

from arena.agent.interface import Metrics
from arena.run_folder.timings import Timings
from arena.worker.stop_reason import StopReason


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
    timings: Timings = dataclasses.field(default_factory=Timings)
    """Wall seconds of the run's parts, over all attempts."""

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the run so far, over all its worker processes."""
        return self.earlier_cpu_seconds + time.process_time()

    def add(self, metrics: Metrics) -> None:
        """Adds what one call of `Agent.learn` did."""
        self.learner_steps += metrics.learner_steps
        self.timings.add("act", metrics.act_seconds)
        self.timings.add("learn", metrics.learn_seconds)
