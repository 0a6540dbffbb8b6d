"""Measures how often the sequential rule claims a wrong difference, how often it finds a true one, and with how many seeds.

Prints the table of docs/statistics.md: `benchmark.py calibrate-sequential [EXPERIMENTS]`. In 0.043(7), the standard error by simulation is
0.007.
"""

import functools
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from arena.calibration.calibrate import Case
from arena.calibration.fake_runs import fake_experiment
from arena.experiment.experiment import Experiment, UntilDecided
from arena.experiment.until_decided import run_until_decided
from arena.report.build import EQUAL_WITHIN
from arena.run_folder.result import RunResult
from arena.seeding import simulation_rng
from arena.statistics.group_sequential import StoppingRule, decide
from arena.statistics.improvement import probability_of_improvement
from arena.statistics.proportions import simulated_share
from arena.testing.seed_shapes import SHAPES, Design, Draw, failing
from benchmarks.calibrate_pairs import NUM_LABELLINGS
from benchmarks.options import option_parser

NOISES: Mapping[str, Draw] = {
    "normal": SHAPES["normal"],
    "skewed": SHAPES["skewed"],
    "half at a ceiling": lambda rng, size, _: np.where(rng.random(size) < 0.5, 0.5, -rng.exponential(1.0, size)),
}
SHIFTS: Mapping[str, tuple[float, ...]] = {
    "two equal": (0.0, 0.0),
    "three equal": (0.0, 0.0, 0.0),
    "three equal, one 3 sd better": (0.0, 0.0, 0.0, 3.0),
    "two, 1 sd apart": (0.0, 1.0),
    "three, 1 sd apart": (0.0, 1.0, 2.0),
    "two, 2 sd apart": (0.0, 2.0),
}


def against_steady(unsteady: Draw, shift: float) -> Draw:
    """Returns normal seeds for the agent in place 0, and those of `unsteady`, shifted, for the other."""
    steady = failing(0.0, 0.0)
    return lambda rng, size, place: unsteady(rng, size, place) + shift if place else steady(rng, size, place)


UNLIKE: Mapping[str, Draw] = {
    # The shift gives the agent that fails the same mean, or the same chance to win.
    "one seed in five fails, equal means": against_steady(failing(0.2, -10.0), 2.0),
    "one seed in five fails, equal chances": against_steady(failing(0.2, -10.0), 0.4506),
    "one in twenty is a catastrophe, equal means": against_steady(failing(0.05, -100.0), 5.0),
    "one in twenty is a catastrophe, equal chances": against_steady(failing(0.05, -100.0), 0.0933),
    "standard deviations 1 and 20": SHAPES["standard deviations 1 and 20"],
}
"""Two agents that are not alike, though their means or their chances to win are equal."""


def true_directions(shape: Draw, design: Design) -> dict[tuple[str, str], int]:
    """Returns which agent of each pair is more likely to win: 1, -1, or 0 if both are equally likely."""
    returns = Design((4_000,) * len(design.shifts), design.shifts).draw(shape, np.random.default_rng(99))
    found = {}
    for one, other in itertools.combinations(range(len(returns)), 2):
        excess = float(probability_of_improvement(returns[one], returns[other])) - 0.5
        found[str(one), str(other)] = 0 if abs(excess) < 0.03 else int(np.sign(excess))
    return found


def simulate(shape: Draw, shifts: tuple[float, ...], num_experiments: int) -> tuple[float, float, float]:
    """Returns the share of experiments with a wrong claim, of true differences found, and the mean number of seeds of an agent."""
    rule, rng = StoppingRule(), np.random.default_rng(0)
    design = Design((rule.group_size * rule.num_looks,) * len(shifts), shifts)
    truth = true_directions(shape, design)
    num_wrong, num_found, num_seeds = 0, 0, 0.0
    for experiment in range(num_experiments):
        every = {str(place): values for place, values in enumerate(design.draw(shape, rng))}
        returns: dict[str, dict[str, np.ndarray]] = {agent: {"env": values[:0]} for agent, values in every.items()}
        while not (decision := decide(returns, rule, seed=experiment, num_labellings=NUM_LABELLINGS)).finished:
            returns |= {agent: {"env": every[agent][:count]} for agent, count in decision.next_seeds.items()}
        claims = {pair: {"better": 1, "worse": -1}.get(verdict, 0) for pair, verdict in decision.verdicts.items()}
        num_wrong += any(claim not in (0, truth[pair]) for pair, claim in claims.items())
        num_found += sum(claim != 0 and claim == truth[pair] for pair, claim in claims.items())
        num_seeds += sum(len(by_env["env"]) for by_env in returns.values()) / len(returns)
    num_true = num_experiments * sum(direction != 0 for direction in truth.values())
    return num_wrong / num_experiments, num_found / num_true if num_true else np.nan, num_seeds / num_experiments


def simulate_equal(shift: float, num_experiments: int, equal_within: float = EQUAL_WITHIN) -> tuple[float, float]:
    """Returns the share of experiments in which two agents are declared equal, and the mean number of seeds of an agent.

    Seeds are normal; of up to 40, ten come at a time.
    """
    rule, rng = StoppingRule(group_size=10, num_looks=4, equal_within=equal_within), np.random.default_rng(0)
    num_equal, num_seeds = 0, 0
    for experiment in range(num_experiments):
        every = {"a": rng.normal(0.0, 1.0, 40), "b": rng.normal(shift, 1.0, 40)}
        decision = decide({name: {"env": values} for name, values in every.items()}, rule, seed=experiment, num_labellings=NUM_LABELLINGS)
        num_equal += "equal" in decision.verdicts.values()
        num_seeds += decision.look * rule.group_size
    return num_equal / num_experiments, num_seeds / num_experiments


def print_equal(num_experiments: int) -> None:
    """Prints how often two agents are declared equal within 0.25: one that wins three times in four, and two that are equal."""
    print("\n| two agents | declared equal | seeds of an agent |\n|---|---|---|")
    for name, shift in (("one wins 75% of the time", 0.9539), ("equally likely to win", 0.0)):
        equal, seeds = simulate_equal(shift, num_experiments)
        print(f"| {name} | {simulated_share(equal, num_experiments)} | {seeds:.1f} |", flush=True)


def print_programs(num_experiments: int, shapes: Sequence[str]) -> None:
    """Runs `seeds = "until-decided"` itself among two fake agents, whose runs return what is drawn, and prints how it decided."""
    print("| training seeds | apart by | wrong claims | missed | called equal | seeds seen |\n|---|---|---|---|---|---|", flush=True)
    for name, apart in itertools.product(shapes, (0.0, 2.0)):
        case = Case(name, 2, UntilDecided().group_size, apart)
        wrong, missed, equal, seen = 0, 0, 0, 0.0
        for place in range(num_experiments):
            skills = case.skills(simulation_rng(0, place))
            with tempfile.TemporaryDirectory() as root:
                rule = UntilDecided(equal_within=EQUAL_WITHIN)
                experiment = fake_experiment(Path(root, "runs"), list(skills), case.num_seeds, experiment_seed=place, until_decided=rule)
                experiment.path.mkdir()
                results, decision = run_until_decided(experiment, functools.partial(returned, skills=skills))
            [verdict] = decision.verdicts.values()  # of agent-0, which is the worse one if they are apart
            wrong += verdict == "better" or (verdict == "worse" and not apart)
            missed += verdict != "worse"
            equal += verdict == "equal"
            seen += len(results) / 2
        shares = [simulated_share(count / num_experiments, num_experiments) for count in (wrong, missed, equal)]
        shares[1] = shares[1] if apart else "-"
        print(f"| {name} | {f'{apart:g} sd' if apart else 'equal'} | {' | '.join(shares)} | {seen / num_experiments:.1f} |", flush=True)


def returned(experiment: Experiment, skills: Mapping[str, np.ndarray]) -> list[RunResult]:
    """Returns the results of the runs of an experiment, each of which returns its skill, or crashes if that is NaN."""
    found = []
    for run in experiment.runs():
        skill = float(skills[run.agent.name][run.seed])
        common = {"agent": run.agent.name, "env": run.env.name, "seed": run.seed, "path": ""}
        ended = {"status": "crashed", "reason": "as drawn"} if np.isnan(skill) else {"status": "finished", "score_mean": skill}
        found.append(RunResult(**common, **ended))
    return found


def main(options: Sequence[str]) -> None:
    """Prints the table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("experiments", type=int, nargs="?", default=500, help="number of simulated experiments for each row")
    parser.add_argument("--equal", action="store_true", help="measure how often two agents are declared equal, and nothing else")
    parser.add_argument("--programs", nargs="+", metavar="SHAPE", help="run until-decided itself among fake agents, and nothing else")
    arguments = parser.parse_args(options)
    if arguments.programs:
        print_programs(arguments.experiments, arguments.programs)
        return
    if not arguments.equal:
        print_table(arguments.experiments)
    print_equal(arguments.experiments)


def print_table(num_experiments: int) -> None:
    """Simulates the experiments of every row, and prints how the rule decided."""
    print("| agents | noise | wrong claims | differences found | seeds of an agent |\n|---|---|---|---|---|")
    rows = [(setting, name, shape, shifts) for setting, shifts in SHIFTS.items() for name, shape in NOISES.items()]
    rows += [("two that are not alike", name, shape, (0.0, 0.0)) for name, shape in UNLIKE.items()]
    for setting, name, shape, shifts in rows:
        wrong, found, seeds = simulate(shape, shifts, num_experiments)
        found_text = "-" if np.isnan(found) else simulated_share(found, num_experiments)
        print(f"| {setting} | {name} | {simulated_share(wrong, num_experiments)} | {found_text} | {seeds:.1f} |", flush=True)
