"""The metrics window: rates and shares of time between two points of the training curves."""

from collections.abc import Mapping

from arena.agent.interface import Metrics
from arena.environments.metering import Meter
from arena.loggers import tags
from arena.run_folder.timings import Timings


class MetricsWindow:
    """Sums up what an agent did since the last point of the curves.

    Args:
        meter: counts env steps and env time.
        timings: counts the wall seconds of training.
    """

    def __init__(self, meter: Meter, timings: Timings) -> None:
        self._meter, self._timings = meter, timings
        self.restart()

    def restart(self) -> None:
        """Begins the next window."""
        self._env_steps, self._env_seconds, self._train_seconds = self._meter.env_steps, self._meter.env_seconds, self._timings.train
        self._learner_steps, self._act_seconds, self._learn_seconds = 0, 0.0, 0.0
        self._losses: Mapping[str, float] = {}

    def add(self, metrics: Metrics) -> None:
        """Adds what one call of `Agent.learn` did."""
        self._learner_steps += metrics.learner_steps
        self._act_seconds += metrics.act_seconds
        self._learn_seconds += metrics.learn_seconds
        self._losses = metrics.losses or self._losses

    def scalars(self) -> dict[str, float]:
        """Returns rates, shares of time and the last losses, by tag."""
        seconds = max(self._timings.train - self._train_seconds, 1e-9)
        env = (self._meter.env_seconds - self._env_seconds) / seconds
        act, learn = self._act_seconds / seconds, self._learn_seconds / seconds
        return {
            tags.ENV_STEPS_PER_SECOND: (self._meter.env_steps - self._env_steps) / seconds,
            tags.LEARNER_STEPS_PER_SECOND: self._learner_steps / seconds,
            tags.ENV_FRACTION: env,
            tags.ACT_FRACTION: act,
            tags.LEARN_FRACTION: learn,
            tags.OTHER_FRACTION: max(0.0, 1.0 - env - act - learn),
            **{f"{tags.LOSS_PREFIX}{name}": float(value) for name, value in self._losses.items()},
        }
