"""Settings of the baselines."""

import dataclasses
from typing import Annotated

from annotated_types import Ge

from arena.agent.hyperparameters import Count, Unit


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomConfig:
    """The random agent has nothing to tune."""

    num_envs: Count = 8
    """Environments stepped together."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConstantConfig:
    """The one action that the agent always takes."""

    action: Annotated[int, Ge(0)] = 0
    """Action, if actions are discrete; of several choices, the value of each."""
    box_fraction: Unit = 0.5
    """Place of a Box action between its bounds: `low + box_fraction * (high - low)` on every axis, so 0.5 is the middle."""
    num_envs: Count = 8
    """Environments stepped together."""
