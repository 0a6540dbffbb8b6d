"""Measures how often intervals of expected points hold the truth, in simulated round robins, beside the rule of earlier versions.

benchmark.py field-points coverage [NUM_TOURNAMENTS SEED]
benchmark.py field-points claims [NUM_TOURNAMENTS SEED]
benchmark.py field-points episodes [NUM_TOURNAMENTS SEED]
benchmark.py field-points runs [NUM_TOURNAMENTS SEED]
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import stats

from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, fit
from arena.rating.field_points import FieldPoints, field_points
from arena.rating.matches import Matches
from arena.rating.run_tests import decided_by_runs
from arena.statistics.proportions import simulated_share
from arena.testing.seed_shapes import SHAPES, Design, Draw
from arena.testing.simulated_points import SeedShape
from arena.tournament.match_records import Episodes
from arena.tournament.points import match_table
from benchmarks.options import option_parser

NUM_ENTRANTS = 8
NUM_SEEDS = (3, 5, 10, 20)
NUM_STARTS = 20
FAILURES: dict[str, float | np.ndarray] = {
    "normal seeds": 0.0,
    "one seed in five fails": 0.2,
    "one in twenty fails": 0.05,
    "half of the entrants fail": np.tile([0.0, 0.2], NUM_ENTRANTS // 2),
    "unequal spread": 0.0,
}


def shapes(top: float = 1.2) -> Iterator[tuple[str, SeedShape]]:
    """Yields the shapes of the table; strengths of entrants are evenly spaced from 0 to `top` log-odds."""
    for name, rate_of_failure in FAILURES.items():
        std = np.tile([0.1, 0.8], NUM_ENTRANTS // 2) if name == "unequal spread" else np.full(NUM_ENTRANTS, 0.4)
        rates = np.broadcast_to(np.asarray(rate_of_failure), NUM_ENTRANTS)
        for ceiling in (False, True):
            yield f"{name}{', ceiling' if ceiling else ''}", SeedShape(np.linspace(0, top, NUM_ENTRANTS), std, rates, ceiling)


def share(values: np.ndarray | list[float]) -> str:
    """Returns the mean of one value of each tournament, with its Monte Carlo standard error."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}"


def plain_interval(matrix: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the interval of the earlier sketch: the U-statistic's variance alone, from the shares of players `[E, K, E]`."""
    num_entrants, num_seeds, _ = matrix.shape
    own = matrix.sum(2).var(1, ddof=1) / num_seeds / (num_entrants - 1) ** 2
    others = matrix.var(1, ddof=1) / num_seeds / (num_entrants - 1) ** 2  # [a, b]: what the seeds of a add to b
    parts = np.where(np.eye(num_entrants, dtype=bool), own[:, None], others)
    variance = parts.sum(0)
    degrees = variance**2 / np.maximum((parts**2).sum(0) / (num_seeds - 1), 1e-300)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    return points - half, points + half


def player_shares(matches: Matches, entrants: np.ndarray) -> np.ndarray:
    """Returns the points of each player against each entrant, `[E, K, E]`, with 0 against its own."""
    num_entrants = entrants.max() + 1
    player, opponent = np.concatenate([matches.first, matches.second]), np.concatenate([matches.second, matches.first])
    key = player * num_entrants + entrants[opponent]
    points = np.concatenate([matches.points, 1 - matches.points])
    sums, counts = (np.bincount(key, weights, len(entrants) * num_entrants) for weights in (points, np.ones(len(points))))
    return np.asarray((sums / np.maximum(counts, 1)).reshape(num_entrants, -1, num_entrants))


def coverage(num_tournaments: int = 200, seed: int = 7) -> None:
    """Prints how often intervals of points and of the plain rule hold the truth. The rule was chosen on seed 1, so measure on another."""
    print(f"{num_tournaments} tournaments of {NUM_ENTRANTS} entrants each, seed {seed}; {NUM_STARTS} starts; ± Monte Carlo standard error")
    print(f"{'':36}seeds  points           worst entrant    plain rule       width")
    for name, shape in shapes():
        _, truth = shape.true_points(np.random.default_rng(99))
        for num_seeds in NUM_SEEDS:
            rng = np.random.default_rng(seed)
            held: list[np.ndarray] = []
            plain: list[float] = []
            widths: list[float] = []
            for _ in range(num_tournaments):
                matches, entrants = shape.play(shape.draw(num_seeds, rng), NUM_STARTS, rng)
                found = field_points([matches], entrants)
                low, high = plain_interval(player_shares(matches, entrants), found.points)
                held.append((found.low <= truth) & (truth <= found.high))
                plain.append(float(np.mean((low <= truth) & (truth <= high))))
                widths.append(float(np.mean(found.high - found.low)))
            means = np.mean(np.array(held), 1)
            worst = np.array(held)[:, np.mean(held, 0).argmin()]
            print(
                f"{name:36}{num_seeds:5}  {share(means)}  {share(worst.astype(float))}  {share(plain)}  {np.mean(widths):.3f}", flush=True
            )


def claims(num_tournaments: int = 200, seed: int = 8) -> None:
    """Prints how often any two entrants are ordered wrongly: all equal, and with true differences."""
    print(f"{num_tournaments} tournaments each, seed {seed}; share of tournaments with any false claim ± Monte Carlo standard error")
    for top in (0.0, 1.2):
        for name, shape in shapes(top):
            _, truth = shape.true_points(np.random.default_rng(99))
            truth = np.full_like(truth, 0.5) if top == 0 and np.ptp(shape.failure_rate) == np.ptp(shape.std) == 0 else truth
            results = []
            for num_seeds in NUM_SEEDS[:3]:
                rng = np.random.default_rng(seed)
                wrong: list[float] = []
                power: list[float] = []
                for _ in range(num_tournaments):
                    table, entrants = shape.play(shape.draw(num_seeds, rng), NUM_STARTS, rng)
                    found = field_points([table], entrants)
                    wrong.append(float((found.better & (np.subtract.outer(truth, truth) <= 0)).any()))
                    power.append(found.better.sum() / (NUM_ENTRANTS * (NUM_ENTRANTS - 1) / 2))
                results.append(f"{num_seeds} seeds {share(wrong)} (decided {np.mean(power):.2f})")
            print(f"{'equal' if top == 0 else 'apart':6}{name:36}{'; '.join(results)}", flush=True)


def one_table(played: tuple[Matches, np.ndarray]) -> tuple[list[Matches], np.ndarray]:
    """Returns the arguments of `field_points` for one environment."""
    return [played[0]], played[1]


def earlier_rating(matches: Matches, entrants: np.ndarray, entrant: int, anchor: int) -> float:
    """Returns the rating of an entrant by the rule of earlier versions: its players' mean strength above the anchor's, on the Elo scale."""
    strengths = fit(matches, len(entrants)).strengths
    return float(ELO_PER_LOG_ODDS * (strengths[entrants == entrant].mean() - strengths[entrants == anchor].mean()))


def episodes(num_tournaments: int = 100, seed: int = 9) -> None:
    """Prints how often the ratings of the same players on 10 and 20 episodes lie within the intervals on 200, and the other way round."""
    print(
        f"{num_tournaments} fields of {NUM_ENTRANTS} entrants, seed {seed}; share of ratings on 200 episodes within the interval on fewer"
    )
    for (name, shape), num_seeds in itertools.product(shapes(), (1, 5)):
        rng = np.random.default_rng(seed)
        results: dict[int, list[float]] = {10: [], 20: []}
        for _ in range(num_tournaments):
            strengths = shape.draw(num_seeds, rng)
            found = {count: field_points(*one_table(shape.play(strengths, count, rng))) for count in (10, 20, 200)}
            for count in results:
                few, many = found[count], found[200]
                results[count].append(float(np.mean((few.rating_low <= many.rating) & (many.rating <= few.rating_high))))
        print(f"{name:36}{num_seeds} seeds: 10 episodes {share(results[10])}  20 episodes {share(results[20])}", flush=True)
    print("The random player as the anchor of the earlier rule, which loses every duel to seven entrants of five seeds:")
    for count in (10, 20, 200):
        shape = SeedShape(np.append(np.linspace(0, 1.2, 7), -30.0), np.full(8, 0.4), np.zeros(8), True)
        table, entrants = shape.play(shape.draw(5, np.random.default_rng(seed)), count, np.random.default_rng(seed))
        before, now = earlier_rating(table, entrants, entrant=6, anchor=7), field_points([table], entrants)
        print(
            f"  {count:3} episodes: best entrant {before:.0f} before, "
            f"{now.rating[6]:.0f} [{now.rating_low[6]:.0f}, {now.rating_high[6]:.0f}] now"
        )


def duels_of(returns: Sequence[np.ndarray]) -> tuple[FieldPoints, FieldPoints]:
    """Returns who is ahead of whom in duels, decided by points against the field and by runs: the rule before, and the one now.

    Args:
        returns: returns of each agent's runs on every start, `float64 [K, n]`; a random player that always loses takes part.
    """
    below = min(each.min() for each in returns) - 1.0
    every = [*returns, np.full((1, returns[0].shape[1]), below)]
    entrant_of = {f"{entrant}:{run}": str(entrant) for entrant, each in enumerate(every) for run in range(len(each))}
    index = {name: place for place, name in enumerate(entrant_of)}
    rows = np.concatenate(every)
    played = [
        Episodes(match=name, env="env", player=name, seed=0, returns=tuple(row), lengths=(1,) * len(row))
        for name, row in zip(entrant_of, rows.tolist(), strict=True)
    ]
    entrants = np.repeat(np.arange(len(every)), [len(each) for each in every])
    before = field_points([match_table(played, "env", index, entrant_of)], entrants)
    return before, decided_by_runs(before, [rows.mean(1)], entrants, level=before.level)


def simulated_duels(shape: Draw, design: Design, num_tournaments: int, seed: int) -> list[tuple[float, float]]:
    """Returns the share of tournaments with any wrong claim between two agents, and of true differences found: before, and now."""
    num_agents, rng = len(design.shifts), np.random.default_rng(seed)
    truth = np.subtract.outer(design.shifts, design.shifts) > 0
    counts = np.zeros((2, 2))
    for _ in range(num_tournaments):
        skills = design.draw(shape, rng)
        noise = [0.3 * rng.standard_normal((len(each), NUM_DUELS)) for each in skills]
        for rule, found in enumerate(duels_of([each[:, None] + own for each, own in zip(skills, noise, strict=True)])):
            better = found.better[:num_agents, :num_agents]
            counts[rule] += (better & ~truth).any(), (better & truth).sum() / max(truth.sum(), 1)
    return [(float(wrong), float(power)) for wrong, power in counts / num_tournaments]


NUM_DUELS = 10
"""Starts of simulated duels."""
DUELS: dict[str, Design] = {
    "2 agents, 5 seeds": Design.even(2, 5),
    "4 agents, 5 seeds": Design.even(4, 5),
    "two equal pairs far apart, 5 seeds": Design((5,) * 4, (0.0, 0.0, 1_000.0, 1_000.0)),
    "2 agents, 10 seeds": Design.even(2, 10),
}
"""Designs without a difference between some agents, by name."""
APART = ((2, 5, 2.0), (2, 10, 2.0), (3, 5, 50.0), (5, 5, 27.0), (8, 5, 50.0), (3, 3, 50.0))
"""Numbers of agents and of seeds, and standard deviations from one agent to the next."""


def runs(num_tournaments: int = 200, seed: int = 10) -> None:
    """Prints how often duels claim a wrong order, and find a true one: before | now."""
    print(f"{num_tournaments} tournaments each, seed {seed}: with points against the field (before), and with runs (now)")
    print(f"| | {' | '.join(DUELS)} |\n|---|{'---|' * len(DUELS)}")
    for name, shape in SHAPES.items():
        found = [simulated_duels(shape, design, num_tournaments, seed) for design in DUELS.values()]
        cells = [", ".join(simulated_share(wrong, num_tournaments) for wrong, _ in each) for each in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("| normal seeds | differences found |\n|---|---|")
    for num_agents, num_seeds, apart in APART:
        count = min(num_tournaments, 60)
        rules = simulated_duels(SHAPES["normal"], Design.even(num_agents, num_seeds, apart), count, seed)
        shares = ", ".join(simulated_share(power, count) for _, power in rules)
        print(f"| {num_agents} agents of {num_seeds} seeds, {apart:g} sd apart | {shares} |", flush=True)


MEASURES: dict[str, Callable[..., None]] = {"coverage": coverage, "claims": claims, "episodes": episodes, "runs": runs}


def main(options: Sequence[str]) -> None:
    """Measures what the options name, and prints it."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("what", choices=MEASURES, nargs="?", default="coverage")
    parser.add_argument("numbers", type=int, nargs="*", help="numbers for that measure, see above")
    arguments = parser.parse_args(options)
    MEASURES[arguments.what](*arguments.numbers)
