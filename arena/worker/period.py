"""Periods in env steps: when something that happens again and again is due."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Period:
    """A period in env steps. Something is due when a multiple of it is reached or passed: the count alone decides, also after a resume."""

    env_steps: int
    """Length of the period."""

    def next_multiple(self, env_steps: int) -> int:
        """Returns the smallest multiple of the period that is greater than `env_steps`."""
        return (env_steps // self.env_steps + 1) * self.env_steps

    def is_due(self, before: int, after: int) -> bool:
        """Returns whether the env steps from `before`, exclusive, to `after`, inclusive, reach a multiple of the period."""
        return after >= self.next_multiple(before)
