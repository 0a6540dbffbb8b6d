"""Measures how often the tests of pairs claim a difference that does not exist, and find one that does.

Prints the tables of docs/verdicts.md. Three rules stand beside each other: the tests of `arena.statistics.pair_tests`, Welch's t test
with Holm's correction, and the rule of earlier versions, a permutation test of ranks with Holm's correction. In 0.043(7), the standard
error by simulation is 0.007.

benchmark.py calibrate-pairs claims [--agents 2,4,8 --seeds 3,5,10,20 --experiments 1000 --shape NAME … --seed 1]
benchmark.py calibrate-pairs partial [the same]
benchmark.py calibrate-pairs uneven [--experiments 1000]
benchmark.py calibrate-pairs equal [--seeds 5,10,20 --experiments 1000]
benchmark.py calibrate-pairs power [--agents 4 --seeds 5,10,20 --experiments 200]
"""

import argparse
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from arena.report.build import EQUAL_WITHIN
from arena.statistics.comparison import apart_at_most
from arena.statistics.multiple_tests import holm
from arena.statistics.pair_statistics import labellings
from arena.statistics.pair_tests import MAX_ERROR, pair_tests
from arena.statistics.proportions import simulated_share
from arena.statistics.variance_components import EstimatedVariance
from arena.testing.seed_shapes import SHAPES, UNKNOWABLE, Design, Draw, failing, spreading
from benchmarks.options import numbers, option_parser

NUM_LABELLINGS = 500
"""Labellings behind each p-value, a tenth of what a report takes: p-values are coarser, not smaller."""
FAR = 1_000.0
"""What puts half of the agents ahead of the others, beyond doubt, where some pairs are equal and others are not."""

Pairs = list[tuple[np.ndarray, np.ndarray]]
Rule = Callable[[Pairs, int], np.ndarray]
"""Function of the returns of all pairs and a seed; returns the p-values, corrected for all pairs."""


def joint(pairs: Pairs, seed: int) -> np.ndarray:
    """Returns the p-values of the tests that a report makes."""
    tests = pair_tests([[pair] for pair in pairs], seed=seed, num_labellings=NUM_LABELLINGS)
    return np.array([test.p_value_joint for test in tests])


def welch(pairs: Pairs, _: int) -> np.ndarray:
    """Returns the p-values of Welch's t tests, corrected by Holm's procedure."""
    difference = np.array([x.mean() - y.mean() for x, y in pairs])
    variance = EstimatedVariance.total(
        EstimatedVariance(*map(np.array, zip(*[(v.variance, v.squares) for v in map(EstimatedVariance.of_mean, side)], strict=True)))
        for side in zip(*pairs, strict=True)
    )
    error = np.sqrt(np.maximum(variance.variance, 1e-20))
    return holm(np.where(np.abs(difference) < 1e-9, 1.0, 2 * stats.t.sf(np.abs(difference) / error, variance.degrees)))


def ranks(pairs: Pairs, _: int) -> np.ndarray:
    """Returns the p-values of the rule before: ranks exchanged between two agents, corrected by Holm's procedure."""
    found = np.ones(len(pairs))
    sizes = [(len(x), len(y)) for x, y in pairs]
    for size in set(sizes):
        places = [place for place, own in enumerate(sizes) if own == size]
        centred = stats.rankdata([np.concatenate(pairs[place]) for place in places], axis=1) - (sum(size) + 1) / 2
        sums = np.abs(_many_labellings(*size) @ centred.T)  # [B, pairs]
        found[places] = (sums >= sums[0] - 1e-9).mean(0)
    return holm(found)


@functools.cache
def _many_labellings(num_first: int, num_second: int) -> np.ndarray:
    """Returns enough labellings for Holm's correction of 28 pairs."""
    return labellings(num_first, num_second, 5_000, 0)


RULES: Mapping[str, Rule] = {"now": joint, "Welch, Holm": welch, "before": ranks}


def measure(shape: Draw, design: Design, num_experiments: int, seed: int = 1) -> dict[str, tuple[float, float]]:
    """Returns for each rule the share of experiments with a wrong claim, and the share of true differences that were found."""
    rng = np.random.default_rng(seed)
    places = list(itertools.combinations(range(len(design.shifts)), 2))
    true = np.array([np.sign(design.shifts[one] - design.shifts[other]) for one, other in places])
    wrong, found = dict.fromkeys(RULES, 0), dict.fromkeys(RULES, 0)
    for experiment in range(num_experiments):
        returns = design.draw(shape, rng)
        pairs = [(returns[one], returns[other]) for one, other in places]
        ahead = np.array([np.sign((x[:, None] - y).clip(-1e-9, 1e-9).sum()) for x, y in pairs])
        for name, rule in RULES.items():
            claimed = rule(pairs, experiment) <= MAX_ERROR
            wrong[name] += bool((claimed & (ahead != true)).any())
            found[name] += int((claimed & (ahead == true) & (true != 0)).sum())
    num_true = max(1, num_experiments * int((true != 0).sum()))
    return {name: (wrong[name] / num_experiments, found[name] / num_true) for name in RULES}


def claims(arguments: argparse.Namespace, *, partial: bool = False) -> None:
    """Prints the share of experiments with a wrong claim, for each shape and number of agents and seeds."""
    print("| agents | shape | " + " | ".join(f"{count} seeds: {name}" for count in arguments.seeds for name in RULES) + " |")
    print("|---|---|" + "---|" * (len(RULES) * len(arguments.seeds)))
    for num_agents in arguments.agents:
        shapes = {**SHAPES, **({} if partial else UNKNOWABLE)}
        for name, shape in {name: shapes[name] for name in arguments.shape or shapes}.items():
            cells = []
            for num_seeds in arguments.seeds:
                shifts = tuple(FAR * (place >= num_agents // 2) * partial for place in range(num_agents))
                measured = measure(shape, Design((num_seeds,) * num_agents, shifts), arguments.experiments, arguments.seed)
                cells += [simulated_share(wrong, arguments.experiments) for wrong, _ in measured.values()]
            print(f"| {num_agents} | {name} | {' | '.join(cells)} |", flush=True)


UNEVEN: Mapping[str, tuple[Draw, tuple[int, ...]]] = {
    "sd 1 with 20 seeds, sd 5 with 5": (spreading(5.0), (20, 5)),
    "sd 1 with 5 seeds, sd 5 with 20": (spreading(5.0), (5, 20)),
    "sd 1 with 20 seeds, sd 20 with 5": (spreading(20.0), (20, 5)),
    "sd 1 with 10 seeds, sd 20 with 10": (spreading(20.0), (10, 10)),
    "sd 1 with 5 seeds, sd 20 with 5": (spreading(20.0), (5, 5)),
    "sd 1 with 3 seeds, sd 20 with 3": (spreading(20.0), (3, 3)),
    "skewed, 20 seeds and 5": (SHAPES["skewed"], (20, 5)),
    "one in five fails, 20 seeds and 5": (failing(0.2, -10.0), (20, 5)),
    "one in twenty is a catastrophe, 20 seeds and 5": (failing(0.05, -100.0), (20, 5)),
    "half of the seeds fail, 20 seeds and 5": (SHAPES["half of the seeds fail"], (20, 5)),
    "4 agents, sd 1 with 20 seeds and sd 5 with 5": (spreading(5.0), (20, 5, 20, 5)),
    "4 agents, sd 1 with 20 seeds and sd 20 with 5": (spreading(20.0), (20, 5, 20, 5)),
    "4 agents, half of the seeds fail, 20 seeds and 5": (SHAPES["half of the seeds fail"], (20, 5, 20, 5)),
}
"""Designs in which seeds or spreads differ between agents that are equally likely to win."""


def uneven(arguments: argparse.Namespace) -> None:
    """Prints the share of experiments with a wrong claim where seeds and spreads are unequal."""
    print(f"| design | {' | '.join(RULES)} |\n|---|{'---|' * len(RULES)}")
    for name, (shape, num_seeds) in UNEVEN.items():
        measured = measure(shape, Design(num_seeds, (0.0,) * len(num_seeds)), arguments.experiments)
        print(f"| {name} | {' | '.join(simulated_share(wrong, arguments.experiments) for wrong, _ in measured.values())} |", flush=True)


STEPS = {3: 4.0, 5: 2.5, 10: 1.0, 20: 0.7}
"""Training seeds -> standard deviations between neighbours, with which about half of all differences are found."""


def power(arguments: argparse.Namespace) -> None:
    """Prints the share of true differences that were found."""
    print(f"| agents | seeds | shape | apart | {' | '.join(RULES)} | now over Welch |\n|---|---|---|---|{'---|' * len(RULES)}---|")
    for num_agents, num_seeds in itertools.product(arguments.agents, arguments.seeds):
        step = STEPS.get(num_seeds, 1.0)
        for name, shape in SHAPES.items():
            measured = measure(shape, Design.even(num_agents, num_seeds, step), arguments.experiments)
            cells = [simulated_share(found, arguments.experiments) for _, found in measured.values()]
            ratio = measured["now"][1] / max(measured["Welch, Holm"][1], 1e-9)
            print(f"| {num_agents} | {num_seeds} | {name} | {step:g} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)
    measured = measure(spreading(1.0), Design.even(5, 5, 80.0 / 3.0), arguments.experiments)
    cells = [simulated_share(found, arguments.experiments) for _, found in measured.values()]
    print(f"| 5 | 5 | normal, 80 apart with a spread of 3 | 26.7 | {' | '.join(cells)} | |")


AT_THE_LIMIT: Mapping[str, tuple[Draw, float]] = {
    "normal": (spreading(1.0), 0.9539),
    "standard deviations 1 and 5": (spreading(5.0), 3.4394),
    "one seed in five fails": (failing(0.2, -10.0), 1.5216),
}
"""Shapes, and the shift with which one of two agents wins three times in four, where agents are just not equal any more."""


def equal(arguments: argparse.Namespace) -> None:
    """Prints how often two agents are called equal within 0.25, if one wins three times in four, and if both are equally likely to win."""
    columns = [f"{count} seeds: {truth}" for count in arguments.seeds for truth in ("wrongly", "rightly")]
    print(f"| shape | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name, (shape, limit) in AT_THE_LIMIT.items():
        cells = []
        for num_seeds, shift in itertools.product(arguments.seeds, (limit, 0.0)):
            rng, design = np.random.default_rng(1), Design((num_seeds,) * 2, (0.0, shift))
            drawn = (design.draw(shape, rng) for _ in range(arguments.experiments))
            bounds = [apart_at_most([(one, other)]) for one, other in drawn]
            cells.append(
                simulated_share(float(np.mean([bound is not None and bound <= EQUAL_WITHIN for bound in bounds])), arguments.experiments)
            )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


MEASURES: Mapping[str, Callable[..., None]] = {
    "claims": claims,
    "partial": lambda arguments: claims(arguments, partial=True),
    "uneven": uneven,
    "equal": equal,
    "power": power,
}


def main(options: Sequence[str]) -> None:
    """Measures what the options name, and prints it."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("--agents", type=numbers, default=[2, 4, 8], metavar="N,…", help="numbers of agents")
    parser.add_argument("--seeds", type=numbers, default=[3, 5, 10, 20], metavar="N,…", help="training seeds of each agent")
    parser.add_argument("--experiments", type=int, default=1_000, help="simulated experiments for each figure")
    parser.add_argument("--shape", action="append", choices=SHAPES, help="a row of claims or partial; then no others are measured")
    parser.add_argument("--seed", type=int, default=1, help="seed of the experiments of claims and partial")
    arguments = parser.parse_args(options)
    MEASURES[arguments.what](arguments)
