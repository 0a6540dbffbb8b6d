"""Reasons why training stops, and the sentences for people."""

import enum

from arena.run_folder.inputs import Budget


class StopReason(enum.StrEnum):
    """The part of a run's budget that ended its training."""

    ENV_STEPS = "env_steps"
    """All env steps were taken."""
    SECONDS = "seconds"
    """The wall seconds of training were used up."""
    TARGET = "target"
    """The target return was held."""

    def sentence(self, budget: Budget) -> str:
        """Returns the reason as it is shown to people, with the run's own numbers."""
        if self is StopReason.TARGET:
            return f"a return of {budget.target_return:g} held over {budget.target_episodes} episodes"
        if self is StopReason.SECONDS:
            return f"{budget.seconds:g} seconds of training"
        return f"{budget.env_steps:,} env steps"
