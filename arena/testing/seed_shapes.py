"""Distributions of what training seeds return, on which verdicts are calibrated: agents of every shape are equally likely to win."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
"""Function of a generator, the number of seeds, and the agent's place, which some shapes depend on; returns one return for each seed."""


def failing(rate: float, value: float) -> Draw:
    """Returns normal seeds of which some fail: a share `rate` of them returns `value`."""
    return lambda rng, size, _: np.where(rng.random(size) < rate, value, rng.normal(0.0, 1.0, size))


def crashing(rate: float) -> Draw:
    """Returns normal seeds of which some crash: a share `rate` of them is NaN."""
    return failing(rate, math.nan)


def spreading(odd: float) -> Draw:
    """Returns normal seeds with a standard deviation of 1 for agents in even places, and of `odd` for the others."""
    return lambda rng, size, place: rng.normal(0.0, odd if place % 2 else 1.0, size)


def _middle(rng: np.random.Generator, size: int, place: int) -> np.ndarray:
    """Returns seeds of which, for agents in odd places, half stand far above and half far below those of all others."""
    noise = rng.normal(0.0, 1.0, size)
    return np.where(rng.random(size) < 0.5, -10.0, 10.0) + noise if place % 2 else noise


SHAPES: Mapping[str, Draw] = {
    "normal": spreading(1.0),
    "skewed": lambda rng, size, _: -rng.exponential(1.0, size),
    "heavy tails": lambda rng, size, _: rng.standard_t(3, size),
    "ceiling, 60% of seeds": lambda rng, size, _: np.where(rng.random(size) < 0.6, 0.5, -rng.exponential(1.0, size)),
    "one seed in five fails": failing(0.2, -10.0),
    "one in twenty is a catastrophe": failing(0.05, -100.0),
    "half of the seeds fail": lambda rng, size, _: np.where(rng.random(size) < 0.5, -10.0, 0.0) + rng.normal(0.0, 1.0, size),
    "two values": lambda rng, size, _: np.where(rng.random(size) < 0.5, -1.0, 0.0),
    "standard deviations 1 and 5": spreading(5.0),
    "standard deviations 1 and 20": spreading(20.0),
}
"""The ten shapes of the tables. Two agents of one shape win and lose equally often against each other."""
CRASHING: Mapping[str, Draw] = {"one run in five crashes": crashing(0.2)}
"""A shape for experiments in which runs can crash, not mere returns."""
UNKNOWABLE: Mapping[str, Draw] = {"far above and far below, against the middle": _middle}
"""A shape in which few seeds show no sign that the agents are equally likely to win."""


@dataclasses.dataclass(frozen=True)
class Design:
    """The agents of an experiment."""

    num_seeds: tuple[int, ...]
    """Training seeds of each agent."""
    shifts: tuple[float, ...]
    """What is added to the returns of each agent."""

    @classmethod
    def even(cls, num_agents: int, num_seeds: int, step: float = 0.0) -> "Design":
        """Returns a design of agents with equally many seeds, each `step` ahead of the one before."""
        return cls((num_seeds,) * num_agents, tuple(step * place for place in range(num_agents)))

    def draw(self, shape: Draw, rng: np.random.Generator) -> list[np.ndarray]:
        """Returns the returns of each agent, one array `[S]` each."""
        drawn = (shape(rng, size, place) for place, size in enumerate(self.num_seeds))
        return [returns + shift for returns, shift in zip(drawn, self.shifts, strict=True)]
