"""Measures how often the nominal 95% intervals hold the true value: prints the tables of docs/statistics.md.

In 0.943(5), the standard error by simulation is 0.005.

benchmark.py calibrate-intervals [EXPERIMENTS] [--shape NAME …]
benchmark.py calibrate-intervals [EXPERIMENTS] --differences
benchmark.py calibrate-intervals [EXPERIMENTS] --remedies
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from arena.statistics import mean_intervals
from arena.statistics.bootstrap import difference_interval, interval
from arena.statistics.improvement import improvement
from arena.statistics.mean_intervals import mean_interval
from arena.statistics.metrics import METRICS
from arena.statistics.proportions import simulated_share
from benchmarks.options import option_parser

Shape = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng, size):
    """Normal scores."""
    return rng.normal(0.6, 0.15, size)


def skewed(rng, size):
    """Scores with a tail of failures."""
    return 1.0 - rng.gamma(2.0, 0.12, size)


def lognormal(rng, size):
    """Lognormal scores."""
    return rng.lognormal(-1.0, 0.5, size)


def exponential(rng, size):
    """Exponential scores: a long tail above."""
    return rng.exponential(0.3, size)


def heavy_tails(rng, size):
    """Scores from Student's t with 3 degrees of freedom."""
    return 0.5 + 0.1 * rng.standard_t(3, size)


def uniform(rng, size):
    """Uniform scores."""
    return rng.random(size)


def bimodal(rng, size):
    """Scores in two groups: half of the seeds learn."""
    return np.where(rng.random(size) < 0.5, rng.normal(0.9, 0.05, size), rng.normal(0.3, 0.1, size))


def ceiling(rng, size, fraction):
    """Scores as on CartPole-v1: this fraction of the seeds scores exactly 1."""
    return np.where(rng.random(size) < fraction, 1.0, 0.2 + 0.8 * rng.beta(4.0, 2.0, size))


def failing(rng, size, fraction, value):
    """Normal scores of which this fraction is replaced by a failure that scores `value`."""
    return np.where(rng.random(size) < fraction, value, rng.normal(0.9, 0.1, size))


SHAPES: dict[str, list[Shape]] = {
    **{shape.__name__.replace("_", " "): [shape] for shape in (normal, uniform, skewed, lognormal, exponential, heavy_tails, bimodal)},
    "ceiling, 30% of seeds": [functools.partial(ceiling, fraction=0.3)],
    "ceiling, 60% of seeds": [functools.partial(ceiling, fraction=0.6)],
    "one seed in five fails": [functools.partial(failing, fraction=0.2, value=-0.1)],
    "one in twenty is a catastrophe": [functools.partial(failing, fraction=0.05, value=-9.1)],
    "4 envs: normal": [normal] * 4,
    "4 envs: exponential": [exponential] * 4,
    "3 envs: normal, ceiling, bimodal": [normal, functools.partial(ceiling, fraction=0.6), bimodal],
}
"""Name -> distribution of the scores on each environment."""

PAIRS: dict[str, list[Shape]] = {
    "the same normal": [normal, normal],
    "normal, 1.3 standard deviations apart": [normal, lambda rng, size: rng.normal(0.4, 0.15, size)],
    "nearly separate": [normal, lambda rng, size: rng.normal(0.2, 0.15, size)],
    "ceiling 60% and 30%": [functools.partial(ceiling, fraction=0.6), functools.partial(ceiling, fraction=0.3)],
    "bimodal against normal": [bimodal, normal],
    "one seed in five fails, the same": [functools.partial(failing, fraction=0.2, value=-0.1)] * 2,
    "one seed in five fails against normal": [functools.partial(failing, fraction=0.2, value=-0.1), normal],
    "one in twenty is a catastrophe, the same": [functools.partial(failing, fraction=0.05, value=-9.1)] * 2,
}
"""Name -> distributions of the returns of two agents on one environment."""
FURTHER: dict[str, list[Shape]] = {
    "exponential, the same": [exponential, exponential],
    "one seed in five fails against normal that is as good": [
        functools.partial(failing, fraction=0.2, value=-0.1),
        functools.partial(failing, fraction=0.0, value=-0.1),
    ],
}
"""Further pairs for the intervals of differences."""


def truth(shapes: list[Shape], metric: str) -> float:
    """Returns the value of a metric over very many seeds."""
    rng = np.random.default_rng(0)
    return float(METRICS[metric]([shape(rng, (400_000,)) for shape in shapes]))


def coverage(shapes: list[Shape], metric: str, num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns the fraction of simulated experiments whose interval holds the true value, of those that have one."""
    rng, true = np.random.default_rng(seed), truth(shapes, metric)
    held, given = 0, 0
    for first in range(0, num_experiments, 100):  # one set of resamples for 100 experiments
        size = (min(100, num_experiments - first), num_seeds)
        returns = [shape(rng, size) for shape in shapes]
        has_spread = np.any([np.ptp(env_returns, axis=-1) > 0 for env_returns in returns], axis=0)
        low, high = interval([env_returns[has_spread, :, None] for env_returns in returns], metric, 0.95, rng, 2_000)
        held += int(((low <= true + 1e-9) & (true <= high + 1e-9)).sum())
        given += int(has_spread.sum())
    return held / given


def coverage_of_difference(shapes: list[Shape], metric: str, num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns how often the interval of the difference of two agents' metrics holds the true difference, of those that have one."""
    rng, true = np.random.default_rng(seed), truth(shapes[:1], metric) - truth(shapes[1:], metric)
    held, given = 0, 0
    for first in range(0, num_experiments, 100):  # one set of resamples for 100 experiments
        sides = [shape(rng, (min(100, num_experiments - first), num_seeds)) for shape in shapes]
        has_spread = np.any([np.ptp(side, axis=-1) > 0 for side in sides], axis=0)
        one, other = ([side[has_spread, :, None]] for side in sides)
        low, high = difference_interval(one, other, metric, 0.95, rng, 2_000)
        held += int(((low <= true + 1e-9) & (true <= high + 1e-9)).sum())
        given += int(has_spread.sum())
    return held / given


def coverage_of_t_difference(shapes: list[Shape], num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns how often the t interval of a difference of mean returns, which leaderboards give, holds the true one, of those found."""
    rng, true = np.random.default_rng(seed), truth(shapes[:1], "mean") - truth(shapes[1:], "mean")
    sides = [[shape(rng, (num_seeds, 1)) for shape in shapes] for _ in range(num_experiments)]
    found = [mean_intervals.difference_interval(one, other) for one, other in sides]
    return float(np.mean([each.low <= true <= each.high for each in found if each.low is not None and each.high is not None]))


def with_remedy(sides: Sequence[np.ndarray], remedy: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ends of the intervals of differences of means, widened where an imaginary run of either agent widens them.

    Args:
        sides: scores of both agents, `[P, S]`.
        remedy: what the imaginary run scores: the `worst run` of both agents, or what `random play` does; `none` for no such run.
        rng: source of the resamples.
    """
    one, other = sides
    low, high = difference_interval([one[..., None]], [other[..., None]], "mean", 0.95, rng, 1_000)
    if remedy == "none":
        return low, high
    score = np.minimum(one.min(1), other.min(1)) if remedy == "worst run" else np.zeros(len(one))
    lower, higher = (np.concatenate([side, score[:, None]], 1)[..., None] for side in sides)
    if remedy == "worst run":
        ends = difference_interval([lower], [higher], "mean", 0.95, rng, 1_000)
        return np.minimum(low, ends[0]), np.maximum(high, ends[1])
    least, _ = difference_interval([lower], [other[..., None]], "mean", 0.95, rng, 1_000)
    _, most = difference_interval([one[..., None]], [higher], "mean", 0.95, rng, 1_000)
    return np.minimum(low, least), np.maximum(high, most)


def print_remedies(num_experiments: int) -> None:
    """Prints coverage and mean width of intervals of differences of means, as they are and with imaginary failures."""
    print("| two agents | imaginary run | 5 seeds | width | 10 seeds | width |\n|---|---|---|---|---|---|", flush=True)
    names = ("one seed in five fails against normal", "one seed in five fails against normal that is as good", "the same normal")
    for name, remedy in itertools.product(names, ("none", "worst run", "random play")):
        shapes, cells = {**PAIRS, **FURTHER}[name], []
        for count in (5, 10):
            rng, true = np.random.default_rng(5), truth(shapes[:1], "mean") - truth(shapes[1:], "mean")
            low, high = with_remedy([shape(rng, (num_experiments, count)) for shape in shapes], remedy, rng)
            held = float(((low <= true) & (true <= high)).mean())
            cells += [simulated_share(held, num_experiments), f"{(high - low).mean():.2f}"]
        print(f"| {name} | {remedy} | {' | '.join(cells)} |", flush=True)


def coverage_with_episodes(num_seeds: int, num_experiments: int, *, num_episodes: int = 20, seed: int = 1) -> float:
    """Returns the coverage of the mean if returns vary with the seed, with the episode's start (shared by all seeds) and with both."""
    rng, held = np.random.default_rng(seed), 0
    for _ in range(num_experiments):
        returns = (
            0.6
            + rng.normal(0.0, 0.1, (num_seeds, 1))
            + rng.normal(0.0, 0.2, num_episodes)
            + rng.normal(0.0, 0.2, (num_seeds, num_episodes))
        )
        low, high = interval([returns[None]], "mean", 0.95, rng, 1_000)
        held += int(low[0] <= 0.6 <= high[0])
    return held / num_experiments


def coverage_of_t_interval(shape: Shape, num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns how often the t interval of a mean return, which tournaments give, holds the true mean, of those that have an interval."""
    rng, true = np.random.default_rng(seed), truth([shape], "mean")
    intervals = [mean_interval(shape(rng, (num_seeds, 1))) for _ in range(num_experiments)]
    return float(np.mean([interval.low <= true <= interval.high for interval in intervals if interval.low is not None]))


def coverage_of_improvement(shapes: list[Shape], num_seeds: int, num_experiments: int, *, seed: int = 1) -> float:
    """Returns how often the interval of the probability of improvement holds the true one."""
    rng = np.random.default_rng(seed)
    x, y = (np.sort(shape(rng, (200_000,))) for shape in shapes)
    true = float((np.searchsorted(y, x, "left") + np.searchsorted(y, x, "right")).mean() / 2 / len(y))
    estimates = [improvement([(shapes[0](rng, (num_seeds,)), shapes[1](rng, (num_seeds,)))]) for _ in range(num_experiments)]
    return float(np.mean([estimate.low <= true <= estimate.high for estimate in estimates]))


def main(options: Sequence[str]) -> None:
    """Prints the tables."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("experiments", type=int, nargs="?", default=2_000, help="number of simulated experiments for each figure")
    parser.add_argument("--shape", action="append", choices=SHAPES, help="a row of the first table; then no others are measured")
    parser.add_argument("--remedies", action="store_true", help="measure what imaginary failures would do to intervals of differences")
    parser.add_argument("--differences", action="store_true", help="measure the intervals of differences between two agents, and no others")
    arguments = parser.parse_args(options)
    if arguments.remedies or arguments.differences:
        (print_remedies if arguments.remedies else print_differences)(arguments.experiments)
        return
    print_scores(arguments.experiments, arguments.shape or list(SHAPES))
    if not arguments.shape:
        print_others(arguments.experiments)


COUNTS = (3, 5, 10, 20)
"""Training seeds in the columns of all tables."""


def print_scores(num_experiments: int, rows: Sequence[str]) -> None:
    """Simulates the experiments of the first table, and prints how often the intervals held the true value."""
    counts, metrics = COUNTS, ("iqm", "mean")
    columns = [f"{metric}, {count} seeds" for metric in metrics for count in counts]
    print(f"| scores | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}", flush=True)
    for name in rows:
        cells = [
            simulated_share(coverage(SHAPES[name], metric, count, num_experiments), num_experiments)
            for metric in metrics
            for count in counts
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def print_differences(num_experiments: int) -> None:
    """Simulates experiments of two agents, and prints how often the intervals of their differences held the true one."""
    counts, metrics = COUNTS[1:], ("iqm", "mean")
    columns = [f"{metric}, {count} seeds" for metric in (*metrics, "mean by t") for count in counts]
    print(f"| two agents | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}", flush=True)
    shifted = ("normal, 1.3 standard deviations apart", "nearly separate")  # the same intervals as those of the same normal, moved
    for name, shapes in {**{name: pair for name, pair in PAIRS.items() if name not in shifted}, **FURTHER}.items():
        found = [coverage_of_difference(shapes, metric, count, num_experiments) for metric in metrics for count in counts]
        found += [coverage_of_t_difference(shapes, count, num_experiments) for count in counts]
        print(f"| {name} | {' | '.join(simulated_share(each, num_experiments) for each in found)} |", flush=True)


def print_others(num_experiments: int) -> None:
    """Simulates the experiments of the second table, and prints the same."""
    counts = COUNTS
    print(f"\n| | {' | '.join(f'{count} seeds' for count in counts)} |\n|---|{'---|' * len(counts)}")
    cells = [simulated_share(coverage_with_episodes(count, num_experiments), num_experiments) for count in counts]
    print(f"| mean over seeds and 20 episodes | {' | '.join(cells)} |", flush=True)
    for name in [name for name, shapes in SHAPES.items() if len(shapes) > 2]:
        cells = [simulated_share(coverage(SHAPES[name], "median", count, num_experiments), num_experiments) for count in counts]
        print(f"| median over {name} | {' | '.join(cells)} |", flush=True)
    for name in ("normal", "exponential", "bimodal", "ceiling, 60% of seeds", "one seed in five fails", "one in twenty is a catastrophe"):
        cells = [simulated_share(coverage_of_t_interval(SHAPES[name][0], count, num_experiments), num_experiments) for count in counts]
        print(f"| t interval of a mean, {name} | {' | '.join(cells)} |", flush=True)
    for name, shapes in PAIRS.items():
        cells = [simulated_share(coverage_of_improvement(shapes, count, num_experiments), num_experiments) for count in counts]
        print(f"| P(improvement), {name} | {' | '.join(cells)} |", flush=True)
