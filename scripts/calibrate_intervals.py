"""Measures how often the nominal 95% intervals hold the true value, for docs/statistics.md: prints one Markdown table.

python scripts/calibrate_intervals.py [EXPERIMENTS]
"""

import functools
import sys
from collections.abc import Callable

import numpy as np

from arena.analysis.bootstrap import _interval
from arena.analysis.metrics import METRICS

Shape = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng, size):
    return rng.normal(0.6, 0.15, size)


def skewed(rng, size):
    """A tail of failures."""
    return 1.0 - rng.gamma(2.0, 0.12, size)


def lognormal(rng, size):
    return rng.lognormal(-1.0, 0.5, size)


def exponential(rng, size):
    return rng.exponential(0.3, size)


def heavy_tails(rng, size):
    return 0.5 + 0.1 * rng.standard_t(3, size)


def uniform(rng, size):
    return rng.random(size)


def bimodal(rng, size):
    """Half of the seeds learn."""
    return np.where(rng.random(size) < 0.5, rng.normal(0.9, 0.05, size), rng.normal(0.3, 0.1, size))


def ceiling(rng, size, fraction):
    """As on CartPole-v1: this fraction of the seeds scores exactly 1."""
    return np.where(rng.random(size) < fraction, 1.0, 0.2 + 0.8 * rng.beta(4.0, 2.0, size))


SHAPES: dict[str, list[Shape]] = {
    **{shape.__name__.replace("_", " "): [shape] for shape in (normal, uniform, skewed, lognormal, exponential, heavy_tails, bimodal)},
    "ceiling, 30% of seeds": [functools.partial(ceiling, fraction=0.3)],
    "ceiling, 60% of seeds": [functools.partial(ceiling, fraction=0.6)],
    "4 envs: normal": [normal] * 4,
    "4 envs: exponential": [exponential] * 4,
    "3 envs: normal, ceiling, bimodal": [normal, functools.partial(ceiling, fraction=0.6), bimodal],
}


def truth(shapes: list[Shape], metric: str) -> float:
    rng = np.random.default_rng(0)
    return float(METRICS[metric]([shape(rng, (1_000_000,)) for shape in shapes]))


def coverage(shapes: list[Shape], metric: str, num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns the fraction of simulated experiments whose interval holds the true value, of those that have one."""
    rng, true = np.random.default_rng(seed), truth(shapes, metric)
    held, given = 0, 0
    for first in range(0, num_experiments, 100):  # one set of resamples for 100 experiments
        size = (min(100, num_experiments - first), num_seeds)
        returns = [shape(rng, size) for shape in shapes]
        has_spread = np.any([np.ptp(env_returns, axis=-1) > 0 for env_returns in returns], axis=0)
        low, high = _interval([env_returns[has_spread, :, None] for env_returns in returns], metric, 0.95, rng, 2_000)
        held += int(((low <= true + 1e-9) & (true <= high + 1e-9)).sum())
        given += int(has_spread.sum())
    return held / given


def main(num_experiments: int = 2_000) -> None:
    counts, metrics = (3, 5, 10, 20), ("iqm", "mean")
    columns = [f"{metric}, {count} seeds" for metric in metrics for count in counts]
    print(f"| scores | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}", flush=True)
    for name, shapes in SHAPES.items():
        cells = [f"{coverage(shapes, metric, count, num_experiments):.3f}" for metric in metrics for count in counts]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
