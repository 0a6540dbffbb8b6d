"""Metrics that an environment puts into `info`, such as `is_success`: the last value of each in every training episode."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

Array = npt.NDArray[Any]


class EpisodeMetrics:
    """The last values in the running episodes of some environments, and those at the ends of episodes that are not yet accounted for.

    Args:
        names: keys of `info`, M of them.
        num_envs: number of environments N.
        num_rows: largest number of vector steps between two accounts.
        autoreset_mode: mode of the environments.
    """

    def __init__(self, names: Sequence[str], num_envs: int, num_rows: int, autoreset_mode: AutoresetMode) -> None:
        self._names, self._mode = tuple(names), autoreset_mode
        self._latest = np.full((num_envs, len(names)), np.nan)  # of running episodes
        self._at_end = np.full((num_rows, num_envs, len(names)), np.nan)
        self._only_reset = np.zeros(num_envs, np.bool_)  # [N] whether the next step does nothing but reset

    def note(self, row: int, info: Mapping[str, Any], ended: Array) -> None:
        """Takes the `info` of a vector step.

        Args:
            row: number of the step since the last account.
            info: what `gymnasium.vector.VectorEnv.step` returned.
            ended: `[N]`, whether the step ended an episode.
        """
        running = ~self._only_reset
        ended = ended & running
        if self._mode is AutoresetMode.SAME_STEP:
            self._take(info, running & ~ended)
            self._take(info.get("final_info", {}), ended)
        else:
            self._take(info, running)
        self._at_end[row, ended] = self._latest[ended]
        self.forget(ended)
        if self._mode is AutoresetMode.NEXT_STEP:
            self._only_reset = ended

    def at(self, rows: Array, envs: Array) -> Array:
        """Returns the values `[E, M]` at the ends of E episodes, NaN for those without one."""
        return self._at_end[rows, envs]

    def forget(self, mask: Array | None = None) -> None:
        """Begins new episodes in all environments, or in those of the mask `[N]`."""
        self._latest[... if mask is None else mask] = np.nan
        self._only_reset[... if mask is None else mask] = False

    def _take(self, info: Mapping[str, Any], wanted: Array) -> None:
        for column, name in enumerate(self._names):
            if name in info:
                given = wanted & np.asarray(info.get(f"_{name}", True), np.bool_)
                values = np.asarray(info[name], np.float64)[given]
                self._latest[given, column] = np.where(np.isfinite(values), values, np.nan)
