"""Measures how often a rating's interval holds the truth, in simulated tournaments of known strengths, and how fast ratings are fitted.

benchmark.py ratings coverage [NUM_TOURNAMENTS SEED]
benchmark.py ratings bootstrap|schedules [NUM_TOURNAMENTS]
benchmark.py ratings speed [NUM_PLAYERS NUM_MATCHES]
"""

import dataclasses
import itertools
import time
from collections.abc import Sequence

import numpy as np

from arena.rating.adjusted_means import AdjustedMeans
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, fit
from arena.rating.matches import Matches
from arena.rating.ratings import rate
from arena.testing.simulated_tournament import SimulatedPlayers, draw_players, play_on_several
from arena.tournament.schedule.adaptive import adaptive, look_level
from arena.tournament.schedule.lineups import Lineup
from benchmarks.options import option_parser

NUM_ENTRANTS = 8
MIXED_SPREAD = np.tile([0.1, 0.8], NUM_ENTRANTS // 2)
SCENARIOS = {
    "games, 1 seed": (1, 0.0, lambda players, rng: players.games(10, rng)),
    "games, 3 seeds": (3, 0.4, lambda players, rng: players.games(2, rng)),
    "games, 3 seeds, anchored": (3, 0.4, lambda players, rng: players.games(2, rng)),
    "games, 5 seeds": (5, 0.4, lambda players, rng: players.games(2, rng)),
    "games, 10 seeds": (10, 0.4, lambda players, rng: players.games(1, rng)),
    "games, 5 equal seeds": (5, 0.0, lambda players, rng: players.games(2, rng)),
    "games, 5 seeds, unequal spread": (5, MIXED_SPREAD, lambda players, rng: players.games(2, rng)),
    "duels, 1 seed": (1, 0.0, lambda players, rng: players.duel(100, rng)),
    "duels, 3 seeds": (3, 0.4, lambda players, rng: players.duel(100, rng)),
    "duels, 5 seeds": (5, 0.4, lambda players, rng: players.duel(50, rng)),
}
"""Scenario -> seeds per entrant, standard deviation between seeds in log-odds, what is played (`games(10)`: 10 per pair and seat)."""


UNEQUAL_SETS = {"two games, half in one, 1 seed": (1, 0.0, 5), "two games, half in one, 5 seeds": (5, 0.4, 1)}
"""Scenario -> seeds per entrant, standard deviation between seeds, games of each pair and seat; anchored at a player far below."""


def draw(scenario: str, rng: np.random.Generator) -> tuple[SimulatedPlayers, Matches]:
    """Draws the players of a scenario and what they play."""
    num_seeds, spread, play = SCENARIOS[scenario]
    model = {"seat_advantage": 0.3, "tie_ratio": 0.5} if scenario.startswith("games") else {}
    players = draw_players(rng.normal(0, 1, NUM_ENTRANTS), num_seeds, spread, rng, **model)
    if scenario.endswith("anchored"):  # entrant 0 keeps one player, as the random player does
        keep = np.arange(len(players.entrants)) >= num_seeds - 1
        true_strength = np.append(players.strengths[num_seeds - 1], players.true_strength[1:])
        players = dataclasses.replace(
            players, true_strength=true_strength, strengths=players.strengths[keep], entrants=players.entrants[keep]
        )
    return players, play(players, rng)


@dataclasses.dataclass(frozen=True)
class Simulated:
    """A tournament and its truth, in Elo points."""

    tables: list[Matches]
    """Matches of each environment."""
    entrants: np.ndarray
    """Entrant of each player."""
    anchor: int | None
    """Entrant whose rating is 0."""
    rating: np.ndarray
    """True rating of each entrant."""
    difference: np.ndarray
    """True difference of each pair of entrants, on the environments that both play."""


def simulate(scenario: str, rng: np.random.Generator) -> Simulated:
    """Simulates one tournament of a scenario."""
    if scenario in UNEQUAL_SETS:
        present = np.array([[True] * NUM_ENTRANTS, [place < NUM_ENTRANTS // 2 for place in range(NUM_ENTRANTS)]])
        tables, entrants, strengths = play_on_several(present, *UNEQUAL_SETS[scenario], rng, seat_advantage=0.3, tie_ratio=0.5)
        sums, both = np.where(present, strengths, 0.0).T @ present, present.astype(int).T @ present
        rating = AdjustedMeans(present, 0).ratings(strengths)
        return Simulated(tables, entrants, 0, ELO_PER_LOG_ODDS * rating, ELO_PER_LOG_ODDS * (sums - sums.T) / both)
    players, matches = draw(scenario, rng)
    anchor = 0 if scenario.endswith("anchored") else None
    rating = centred(players.true_strength)
    rating -= 0.0 if anchor is None else rating[anchor]
    return Simulated([matches], players.entrants, anchor, rating, np.subtract.outer(rating, rating))


def centred(strengths: np.ndarray) -> np.ndarray:
    """Returns strengths in Elo points, relative to their mean."""
    return ELO_PER_LOG_ODDS * (strengths - strengths.mean())


def coverage(num_tournaments: int = 500, seed: int = 2) -> None:
    """Prints how often intervals hold the truth. The rules were chosen on seed 0, so measure on another."""
    print(f"{num_tournaments} tournaments of {NUM_ENTRANTS} entrants each, seed {seed}; strengths ~ N(0, 174 Elo)")
    print(f"{'':32}ratings  pairs  wrong order  ranks  width (Elo)  ms")
    for scenario in (*SCENARIOS, *UNEQUAL_SETS):
        rng = np.random.default_rng(seed)
        ratings, pairs, wrong, ranks, widths, seconds = [], [], [], [], [], 0.0
        for _ in range(num_tournaments):
            drawn = simulate(scenario, rng)
            start = time.perf_counter()
            rated = rate(drawn.tables, drawn.entrants, anchor=drawn.anchor)
            seconds += time.perf_counter() - start
            free, pairwise, upper = np.arange(NUM_ENTRANTS) != drawn.anchor, rated.pairwise, np.triu_indices(NUM_ENTRANTS, 1)
            ratings.append(np.mean(((rated.low <= drawn.rating) & (drawn.rating <= rated.high))[free]))
            pairs.append(np.mean(((pairwise.low <= drawn.difference) & (drawn.difference <= pairwise.high))[upper]))
            wrong.append((pairwise.better & (drawn.difference < 0)).any())
            rank = (-drawn.rating).argsort().argsort() + 1
            ranks.append(((rated.rank_low <= rank) & (rank <= rated.rank_high)).all())
            widths.append(np.mean((rated.high - rated.low)[free]))
        means = [100 * np.mean(value) for value in (ratings, pairs, wrong, ranks)]
        print(
            f"{scenario:32}{means[0]:5.1f} %{means[1]:6.1f} %{means[2]:11.1f} %{means[3]:6.1f} %{np.mean(widths):11.0f}"
            f"{1e3 * seconds / num_tournaments:6.1f}",
            flush=True,
        )


def bootstrap(num_tournaments: int = 100, num_resamples: int = 99) -> None:
    """Prints the coverage of the percentile bootstrap that resamples seeds of each entrant, then matches of each pair."""
    for scenario in ("games, 3 seeds", "games, 5 seeds"):
        rng, held = np.random.default_rng(0), []
        for _ in range(num_tournaments):
            players, matches = draw(scenario, rng)
            samples = [resampled_ratings(players, matches, rng) for _ in range(num_resamples)]
            low, high = np.quantile(samples, [0.025, 0.975], axis=0)
            held.append(np.mean((low <= centred(players.true_strength)) & (centred(players.true_strength) <= high)))
        print(
            f"{scenario:24} percentile bootstrap clustered on seeds: {100 * np.mean(held):.1f} % of {num_tournaments} tournaments",
            flush=True,
        )


def resampled_ratings(players: SimulatedPlayers, matches: Matches, rng: np.random.Generator) -> np.ndarray:
    """Returns the ratings of one resample: seeds of each entrant with replacement, then matches of each pair."""
    num_players = len(players.entrants)
    copies = np.zeros(num_players, np.int64)
    for entrant in range(NUM_ENTRANTS):
        np.add.at(copies, rng.choice(np.flatnonzero(players.entrants == entrant), np.sum(players.entrants == entrant)), 1)
    # A seed drawn twice plays its matches twice against each copy of its opponent; all its copies share one strength.
    weights = rng.multinomial(len(matches.first), np.full(len(matches.first), 1 / len(matches.first)))
    repeats = weights * copies[matches.first] * copies[matches.second]
    first, second, points = (np.repeat(array, repeats) for array in (matches.first, matches.second, matches.points))
    strengths = fit(Matches(first, second, points, seated=matches.seated), num_players).strengths
    means = np.bincount(players.entrants, copies * strengths) / np.bincount(players.entrants, copies)
    return centred(means)


def decide(players: SimulatedPlayers, rng: np.random.Generator, budget: int, schedule: str) -> tuple[int, bool, bool]:
    """Returns the matches played until the ranking is decided, whether it was, and whether a decided order is wrong."""
    lineup = Lineup(np.arange(len(players.entrants)), seated=True)
    table = Matches(*np.empty((2, 0), np.int64), np.empty(0), np.empty(0, np.int64), seated=True)
    first, second = players.opponents()
    difference, wrong = np.subtract.outer(players.true_strength, players.true_strength), False
    for look in itertools.count(1):
        step = adaptive([table], [lineup], players.entrants, look=look, num_starts=10, budget=budget - len(table.first), seed=0)
        played = len(table.first)
        if played:
            better = rate([table], players.entrants, level=look_level(0.95, look)).pairwise.better
            wrong |= bool((better & (difference <= 0)).any())
        if not len(step.pairings) or (played and not step.undecided) or played >= budget:
            return played, not step.undecided, wrong
        one, two, start = step.pairings.first, step.pairings.second, step.pairings.start
        if schedule == "round robin":  # as many more of each pair as the adaptive schedule gives to an open one
            more = max(10 // len(first), int(np.ceil(0.5 * played / len(first) / 2)), 1)
            starts = played // len(first) // 2 + np.arange(min(more, max((budget - played) // (2 * len(first)), 1)))
            one, two, start = np.repeat(first, len(starts)), np.repeat(second, len(starts)), np.tile(starts, len(first))
            one, two, start = np.concatenate([one, two]), np.concatenate([two, one]), np.tile(start, 2)
        arrays = zip((table.first, table.second, table.points), (one, two, players.play(one, two, rng)), strict=True)
        table = Matches(*(np.concatenate(pair) for pair in arrays), np.append(table.start, start), seated=True)
    raise AssertionError


def schedules(num_tournaments: int = 200, budget: int = 40_000) -> None:
    """Prints the matches until every neighbour is decided, and how often a decided order is wrong: adaptive against round robin."""
    equal, steps = np.zeros(NUM_ENTRANTS), 0.3 * np.arange(NUM_ENTRANTS)
    uneven = np.array([0.0, 0.2, 0.8, 1.4, 2.0, 2.2, 3.0, 3.8])
    for name, truth, seeds, spread, most in (
        ("52 Elo apart", steps, 1, 0.0, budget),
        ("35 to 139 Elo apart", uneven, 1, 0.0, budget),
        ("104 Elo apart, 5 seeds of 17 Elo", 2 * steps, 5, 0.1, budget),
        ("all equal", equal, 1, 0.0, 5_000),
        ("all equal, 5 seeds of 69 Elo", equal, 5, 0.4, 5_000),
    ):
        for schedule in ("adaptive", "round robin") if truth.any() else ("adaptive",):
            rng = np.random.default_rng(0)
            results = []
            for _ in range(num_tournaments):
                players = draw_players(truth, seeds, spread, rng, seat_advantage=0.3, tie_ratio=0.5)
                results.append(decide(players, rng, most, schedule))
            played, decided, wrong = np.array(results, np.float64).T
            print(
                f"{name:34}{schedule:12} {np.median(played):7,.0f} matches (median), {100 * decided.mean():3.0f} % decided, "
                f"{100 * wrong.mean():3.0f} % with a wrong order",
                flush=True,
            )


def speed(num_players: int = 10_000, num_matches: int = 1_000_000) -> None:
    """Prints how long it takes to rate many players, and how well their intervals hold the truth."""
    rng = np.random.default_rng(0)
    players = SimulatedPlayers(*[rng.normal(0, 1, num_players)] * 2, np.arange(num_players), seat_advantage=0.3, tie_ratio=0.5)
    first = rng.integers(0, num_players, num_matches)
    second = (first + rng.integers(1, num_players, num_matches)) % num_players
    matches = Matches(first, second, players.play(first, second, rng), seated=True)
    start, cpu_start = time.perf_counter(), time.process_time()
    rated = rate([matches], players.entrants)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    truth = centred(players.strengths)
    held = np.mean((rated.low <= truth) & (truth <= rated.high))
    error = np.sqrt(np.mean((rated.rating - truth) ** 2))
    print(
        f"{num_players:,} players, {num_matches:,} matches: rated in {seconds:.1f} s ({cpu_seconds:.1f} CPU-s); "
        f"seat {rated.seat_advantage[0]:.1f} Elo (truth "
        f"{0.3 * ELO_PER_LOG_ODDS:.1f}), error {error:.0f} Elo (root mean square), {100 * held:.1f} % of intervals hold the truth"
    )


MEASURES = {"coverage": coverage, "bootstrap": bootstrap, "schedules": schedules, "speed": speed}


def main(options: Sequence[str]) -> None:
    """Measures what the options name, and prints it."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("what", choices=MEASURES, nargs="?", default="coverage")
    parser.add_argument("numbers", type=int, nargs="*", help="numbers for that measure, see above")
    arguments = parser.parse_args(options)
    MEASURES[arguments.what](*arguments.numbers)
