"""One call of `Agent.learn`: what it has done so far, and what becomes of it when the run's env steps are used up."""

import dataclasses
import math
from collections.abc import Mapping
from types import TracebackType

from arena.agent.interface import Metrics
from arena.errors import BudgetExhausted, TrainingDiverged


@dataclasses.dataclass
class LearnCall:
    """Counts what one call of `Agent.learn` does, and keeps that when the budget ends in the middle of the call.

    A loop over the environment, in full::

        call = LearnCall()
        with call:
            while call.env_steps < num_steps:
                transitions = stream.step(actions)      # raises BudgetExhausted once the run's env steps are used up
                call.env_steps += stream.num_valid
        return call.metrics(total_env_steps)

    `BudgetExhausted` ends the `with` block. It is passed on from a call that took no env step, and swallowed in a call that took some, so
    that their metrics are returned: the next call raises it.
    """

    env_steps: int = 0
    """Transitions that this call has taken and learned from."""
    learner_steps: int = 0
    """Optimizer steps taken in this call."""
    act_seconds: float = 0.0
    """Wall seconds spent choosing actions."""
    learn_seconds: float = 0.0
    """Wall seconds spent on everything that learns."""
    losses: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Losses of the last update, by name."""

    def __enter__(self) -> "LearnCall":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        return isinstance(error, BudgetExhausted) and self.env_steps > 0

    def metrics(self, total_env_steps: int) -> Metrics:
        """Returns what the call did.

        Args:
            total_env_steps: Env steps that the agent has taken in all calls, for the error message.

        Raises:
            TrainingDiverged: if a loss is not finite.
        """
        for name, value in self.losses.items():
            if not math.isfinite(value):
                raise TrainingDiverged(f"{name} is {value} after {total_env_steps} env steps; try a smaller learning_rate")
        return Metrics(learner_steps=self.learner_steps, act_seconds=self.act_seconds, learn_seconds=self.learn_seconds, losses=self.losses)
