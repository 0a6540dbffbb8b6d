"""What a meter has counted: the training episodes of a run, and the counts that a checkpoint holds."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from arena.formats.validation import Finite, Whole

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Episode:
    """One finished training episode."""

    env_steps: Whole
    """Env steps of the whole run when the episode ended."""
    episode_return: Finite
    """Undiscounted sum of rewards."""
    episode_length: Whole
    """Env steps of this episode."""
    terminated: bool
    """True if the environment ended the episode, False if a time limit cut it."""
    metrics: Mapping[str, Finite | None] = dataclasses.field(default_factory=dict)
    """Last value in the episode of each of `evaluation.info_metrics`; None where `info` held none."""


class EpisodeColumns(NamedTuple):
    """Finished training episodes by columns, `[E]` each, in order of their end; the fields are those of `Episode`."""

    env_steps: Array
    episode_return: Array
    episode_length: Array
    terminated: Array
    metrics: Mapping[str, Array]

    def episodes(self) -> list[Episode]:
        """Returns the episodes one by one."""
        *columns, metrics = self
        values = [column.tolist() for column in metrics.values()]
        tables = (
            {name: own[index] if math.isfinite(own[index]) else None for name, own in zip(metrics, values, strict=True)}
            for index in range(len(self.env_steps))
        )
        rows = zip(*(column.tolist() for column in columns), tables, strict=True)
        return [Episode(*row) for row in rows]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeterCounts:
    """What a meter has counted, as a checkpoint holds it."""

    env_steps: int
    """Transitions taken."""
    env_seconds: float
    """Wall seconds inside the environments."""
    num_episodes: int
    """Finished episodes."""
    num_cut_episodes: int
    """Episodes cut by a reset that the arena asked for."""
    num_outside: int = 0
    """Observations outside of their space."""
