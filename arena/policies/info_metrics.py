"""Metrics that an environment puts into `info`, such as `is_success`: the last value of each in every episode of an evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import EnvironmentFault

Array = npt.NDArray[Any]


class InfoMetrics:
    """The last value of each metric in the episodes of some environments, which each play one.

    Args:
        names: keys of `info`.
        num_envs: number of environments.
    """

    def __init__(self, names: Sequence[str], num_envs: int) -> None:
        self._values = {name: np.full(num_envs, np.nan) for name in names}

    def note(self, info: Mapping[str, Any], running: Array) -> None:
        """Takes the `info` of a vector step (`gymnasium.vector.VectorEnv.step`), for those whose episode was still running before it."""
        for name, values in self._values.items():
            if name in info:
                given = running & np.asarray(info.get(f"_{name}", True), np.bool_)
                values[given] = info[name][given]

    def values(self, first: int) -> dict[str, Array]:
        """Returns the value of each metric at the end of each episode, `float64 [E]`.

        Args:
            first: number of episodes before these, for errors.

        Raises:
            EnvironmentFault: if an episode has none, or one that is NaN or infinite.
        """
        for name, values in self._values.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise EnvironmentFault(
                    f"evaluation episode {first + bad[0] + 1} has no finite {name!r} in the info of its steps, "
                    "which evaluation.info_metrics asks for"
                )
        return self._values
