"""Measures how often intervals of points and ratings hold the truth after the adaptive schedule chose the games by looking at results.

The same entrants also play as many games that were fixed beforehand, every pair equally often: the intervals are made for those. Decisions
are judged too: they are made at the level that pays for all looks.

benchmark.py adaptive-intervals [NUM_TOURNAMENTS] [--budget GAMES] [--seed SEED]
"""

import itertools
from collections.abc import Sequence

import numpy as np

from arena.rating.field_points import FieldPoints, field_points
from arena.rating.matches import Matches
from arena.statistics.proportions import simulated_share
from arena.testing.simulated_tournament import SimulatedPlayers
from arena.tournament.schedule.adaptive import adaptive, look_level
from arena.tournament.schedule.lineups import Lineup, Pairings
from benchmarks.options import option_parser

WORLDS: dict[str, tuple[int, float]] = {
    "4 entrants, 0 Elo points apart": (4, 0.0),
    "4 entrants, 52 Elo points apart": (4, 0.3),
    "4 entrants, 174 Elo points apart": (4, 1.0),
    "8 entrants, 52 Elo points apart": (8, 0.3),
}
"""Name -> number of entrants of one policy each, and log-odds of a game between neighbours."""
NO_GAMES = Matches(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), seated=True)
CONFIDENCE = 0.95


def line_of_players(num_players: int, step: float) -> SimulatedPlayers:
    """Returns entrants of one policy each, whose strengths are `step` log-odds apart."""
    strengths = step * np.arange(num_players)
    return SimulatedPlayers(strengths, strengths, np.arange(num_players))


def played_further(table: Matches, pairings: Pairings, world: SimulatedPlayers, rng: np.random.Generator) -> Matches:
    """Returns the games of `table` and those of `pairings`, which are played here."""
    assert table.start is not None
    points = world.play(pairings.first, pairings.second, rng)
    return Matches(
        first=np.concatenate([table.first, pairings.first]),
        second=np.concatenate([table.second, pairings.second]),
        points=np.concatenate([table.points, points]),
        start=np.concatenate([table.start, pairings.start]),
        seated=True,
    )


def played_adaptively(world: SimulatedPlayers, *, budget: int = 20_000, seed: int = 0) -> tuple[Matches, int, list[tuple[int, int]]]:
    """Plays until the adaptive schedule plays no more.

    Args:
        world: players of a game.
        budget: largest number of games.
        seed: seed of the schedule and of the results.

    Returns:
        All games, the number of looks at the results, and the pairs of neighbours that stay undecided.
    """
    table, rng, lineups = NO_GAMES, np.random.default_rng(seed), [Lineup(np.arange(len(world.entrants)), seated=True)]
    for look in itertools.count(1):
        found = adaptive([table], lineups, world.entrants, look=look, num_starts=10, budget=budget - len(table.first), seed=seed)
        if not len(found.pairings):
            return table, look, found.undecided
        table = played_further(table, found.pairings, world, rng)
    raise AssertionError


def played_beforehand(world: SimulatedPlayers, num_games: int, rng: np.random.Generator) -> Matches:
    """Returns about `num_games` games, every pair equally often from either seat, each pair from the same openings."""
    num_pairs = len(world.opponents()[0])
    num_starts = max(2, round(num_games / num_pairs / 2))
    games = world.games(num_starts, rng)
    return Matches(games.first, games.second, games.points, np.tile(np.arange(num_starts), 2 * num_pairs), seated=True)


def true_points(world: SimulatedPlayers) -> np.ndarray:
    """Returns each entrant's expected points against the others, `[E]`."""
    share = 1 / (1 + np.exp(-np.subtract.outer(world.true_strength, world.true_strength)))
    np.fill_diagonal(share, 0.0)
    return np.asarray(share.sum(1) / (len(share) - 1))


def held(found: FieldPoints, truth: np.ndarray) -> float:
    """Returns the share of entrants whose interval of points holds the truth; that of the rating is the same on another scale."""
    return float(np.mean((found.low <= truth) & (truth <= found.high)))


def measure(name: str, num_tournaments: int, budget: int, seed: int) -> None:
    """Simulates tournaments of one kind, and prints the row of the table."""
    world = line_of_players(*WORLDS[name])
    truth = true_points(world)
    wrong_order = np.subtract.outer(truth, truth) <= 0
    rows = []
    for tournament in range(num_tournaments):
        table, look, _ = played_adaptively(world, budget=budget, seed=seed + tournament)
        beforehand = played_beforehand(world, len(table.first), np.random.default_rng((seed, tournament)))
        decided = field_points([table], world.entrants, level=look_level(CONFIDENCE, look)).better
        found = [field_points([games], world.entrants, level=CONFIDENCE) for games in (table, beforehand)]
        rows.append((*(held(each, truth) for each in found), float((decided & wrong_order).any()), len(table.first), look))
    adaptively, evenly, wrong, games, looks = np.array(rows).T
    shares = " | ".join(f"{each.mean():.3f} ± {each.std(ddof=1) / len(each) ** 0.5:.3f}" for each in (adaptively, evenly))
    decisions = simulated_share(float(wrong.mean()), num_tournaments)
    print(f"| {name} | {shares} | {decisions} | {np.median(games):,.0f} | {np.median(looks):.0f} |", flush=True)


def main(options: Sequence[str]) -> None:
    """Measures every kind of tournament, and prints the table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("tournaments", type=int, nargs="?", default=200, help="number of simulated tournaments of each kind")
    parser.add_argument("--budget", type=int, default=2_000, help="largest number of games of a tournament")
    parser.add_argument("--seed", type=int, default=12, help="seed of the first tournament")
    arguments = parser.parse_args(options)
    print("| entrants | coverage, games chosen by looking | coverage, games fixed beforehand | wrong decisions | games | looks |")
    print(f"|---|---|---|---|---|---|  <!-- {arguments.tournaments} tournaments each, at most {arguments.budget:,} games -->")
    for name in WORLDS:
        measure(name, arguments.tournaments, arguments.budget, arguments.seed)
