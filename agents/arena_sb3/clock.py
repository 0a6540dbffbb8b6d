"""A callback of Stable-Baselines3 that times its two phases and stops training when a loss is no longer finite."""

import math
import time

from stable_baselines3.common.callbacks import BaseCallback

from arena.environments.metering import Meter
from arena.errors import TrainingDiverged

NOT_LOSSES = frozenset({"n_updates", "learning_rate", "clip_range"})
"""Names that SB3 logs below `train/` besides its losses."""
UNDEFINED_AT_TIMES = "explained_variance"
"""Name of the quantity that has no value while all returns of a rollout are equal."""


class Clock(BaseCallback):
    """Tells SB3's collecting from its training, by the ends of both.

    Args:
        meter: Counts of the run's environments.
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.act_seconds = 0.0
        """Wall seconds of collecting without those inside the environments, since the call of `learn` began."""
        self.learn_seconds = 0.0
        """Wall seconds between the end of collecting and its next beginning, since the call of `learn` began."""
        self.first_step = 0
        """Env steps of the agent when the last collecting began."""
        self._meter = meter
        self._mark = self._env_seconds = 0.0

    def losses(self) -> dict[str, float]:
        """Returns the losses that SB3 has logged since the last `clear` of its logger, by their names below `train/`."""
        logged = {name.removeprefix("train/"): value for name, value in self.logger.name_to_value.items() if name.startswith("train/")}
        losses = {name: float(value) for name, value in logged.items() if name not in NOT_LOSSES}
        if not math.isfinite(losses.get(UNDEFINED_AT_TIMES, 0.0)):
            del losses[UNDEFINED_AT_TIMES]
        return losses

    def _on_training_start(self) -> None:
        self.act_seconds = self.learn_seconds = 0.0
        self._mark = time.perf_counter()

    def _on_rollout_start(self) -> None:
        for name, value in self.losses().items():
            if not math.isfinite(value):
                raise diverged(name, value, self.model.num_timesteps)
        self.first_step = self.model.num_timesteps
        self._env_seconds = self._meter.env_seconds
        self.learn_seconds += self._lap()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.act_seconds += self._lap() - (self._meter.env_seconds - self._env_seconds)

    def _on_training_end(self) -> None:
        self.learn_seconds += self._lap()

    def _lap(self) -> float:
        """Returns the wall seconds since the last call."""
        before, self._mark = self._mark, time.perf_counter()
        return self._mark - before


def diverged(name: str, value: float, env_steps: int) -> TrainingDiverged:
    """Returns the error that says which quantity is not finite."""
    return TrainingDiverged(f"{name} is {value} after {env_steps} env steps; try a smaller learning_rate")
