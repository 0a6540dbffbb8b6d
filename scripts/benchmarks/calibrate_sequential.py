"""Measures how often the sequential rule claims a wrong difference, how often it finds a true one, and with how many seeds.

Prints the table of docs/statistics.md: `benchmark.py calibrate-sequential [EXPERIMENTS]`.
"""

from collections.abc import Sequence

import numpy as np

from arena.statistics.group_sequential import StoppingRule, decide
from benchmarks.options import option_parser

NUM_RELABELLINGS = 2_000
"""Labellings behind each boundary, a fifth of what the arena takes: boundaries are coarser, never crossed more easily."""

NOISES = {
    "normal": lambda rng, size: rng.normal(0.0, 1.0, size),
    "skewed": lambda rng, size: 1.0 - rng.exponential(1.0, size),
    "half at a ceiling": lambda rng, size: np.where(rng.random(size) < 0.5, 0.5, -rng.exponential(1.0, size)),
}
SETTINGS = {
    "two equal": (0.0, 0.0),
    "three equal": (0.0, 0.0, 0.0),
    "three equal, one 3 sd better": (0.0, 0.0, 0.0, 3.0),
    "two, 1 sd apart": (0.0, 1.0),
    "three, 1 sd apart": (0.0, 1.0, 2.0),
    "two, 2 sd apart": (0.0, 2.0),
}


def simulate(noise, means: tuple[float, ...], num_experiments: int) -> tuple[float, float, float]:
    """Returns the fraction of experiments with a wrong claim, of true differences found, and the mean number of seeds of an agent."""
    rule, rng = StoppingRule(), np.random.default_rng(0)
    num_wrong, num_true, num_found, num_seeds = 0, 0, 0, 0
    for experiment in range(num_experiments):
        every = {str(index): mean + noise(rng, rule.group_size * rule.num_looks) for index, mean in enumerate(means)}
        scores = dict.fromkeys(every, ())
        while not (decision := decide(scores, rule, seed=experiment, num_relabellings=NUM_RELABELLINGS)).finished:
            scores |= {agent: every[agent][:count] for agent, count in decision.next_seeds.items()}
        wrong = False
        for (x, y), verdict in decision.verdicts.items():
            difference = means[int(x)] - means[int(y)]
            truth = "better" if difference > 0 else "worse"
            wrong |= verdict not in ("undecided", truth if difference else "undecided")
            num_true += difference != 0
            num_found += bool(difference) and verdict == truth
        num_wrong += wrong
        num_seeds += sum(map(len, scores.values())) / len(scores)
    return num_wrong / num_experiments, num_found / max(1, num_true), num_seeds / num_experiments


def main(options: Sequence[str]) -> None:
    """Prints the table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("experiments", type=int, nargs="?", default=500, help="number of simulated experiments for each row")
    print_table(parser.parse_args(options).experiments)


def print_table(num_experiments: int) -> None:
    """Simulates the experiments of every row, and prints how the rule decided."""
    print("| agents | noise | wrong claims | differences found | seeds of an agent |\n|---|---|---|---|---|")
    for setting, means in SETTINGS.items():
        for name, noise in NOISES.items():
            wrong, found, seeds = simulate(noise, means, num_experiments)
            found_text = f"{found:.2f}" if len(set(means)) > 1 else "-"
            print(f"| {setting} | {name} | {wrong:.3f} | {found_text} | {seeds:.1f} |", flush=True)
