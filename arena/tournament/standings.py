"""What a leaderboard shows, computed from a tournament's folder and the run folders of its players alone."""

import dataclasses
from typing import Any

from arena.statistics.estimate import Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What the training of an entrant took, summed over its runs in this tournament."""

    num_runs: int
    env_steps: int
    train_seconds: float
    """Wall seconds of training, without compilation and evaluation."""
    cpu_seconds: float
    """Of the worker processes, everything included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """One row of the table: an entrant."""

    entrant: str
    rating: Estimate
    """Elo scale; the random player has 0 where it takes part."""
    rank: int
    """From 1, by rating."""
    rank_low: int
    """Best rank that its interval of ranks holds."""
    rank_high: int
    """Worst rank of that interval."""
    points: float
    """Points won over points at stake, in 0..1."""
    num_matches: int
    wins: int
    ties: int
    losses: int
    members: tuple[str, ...]
    """Its players: one for each training seed and environment."""
    runs: tuple[str, ...]
    """Run folders of its members, relative to the tournament's folder where possible; empty for policy files and baselines."""
    cost: Cost | None
    """None where there is no run folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairStanding:
    """Two entrants on one environment."""

    env: str
    entrants: tuple[str, str]
    num_matches: int
    points: float
    """Mean points of the first, in 0..1."""
    tie_rate: float
    num_distinct_games: int | None
    """By their moves; None for duels."""
    return_difference: Estimate | None
    """Duels: mean of first minus second over paired episodes, interval over pairs of training seeds and episodes. None for games."""
    variance_saved: float | None
    """Duels: 1 - var(difference) / (var(first) + var(second)) over episodes; what the shared starts saved. None where nothing varies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvScore:
    """One entrant on one environment, played here."""

    entrant: str
    score: Estimate
    """Duels: mean return, interval over training seeds, then episodes. Games: mean points in 0..1, Wilson's interval."""
    at_equal_steps: float | None
    """Mean over training seeds of the selection evaluation at `EnvStandings.equal_steps` env steps; None without run folders."""
    at_equal_seconds: float | None
    """The same at `EnvStandings.equal_seconds` seconds of training."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvStandings:
    """All entrants on one environment."""

    env: str
    kind: str
    """`duel` or `game`."""
    scores: tuple[EnvScore, ...]
    """In the order of the score, best first."""
    equal_steps: int | None
    """The most env steps that all of these runs took."""
    equal_seconds: float | None
    """The most seconds that all of these runs trained."""
    num_games: int = 0
    num_distinct_games: int = 0
    """By their moves: games of two greedy policies repeat themselves."""
    first_mover_points: float | None = None
    """Mean points of seat 0 over all games."""
    reasons: tuple[tuple[str, str, int], ...] = ()
    """(player, kind of fault, count) of broken rules and failed policies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standings:
    """Everything that a leaderboard shows."""

    name: str
    seed: int
    confidence: float
    """Of all intervals, 0.95."""
    rows: tuple[Standing, ...]
    """Best rating first."""
    win_matrix: tuple[tuple[float | None, ...], ...]
    """Mean points of the row's entrant against the column's, in the order of `rows`; None where they never met."""
    pairs: tuple[PairStanding, ...]
    envs: tuple[EnvStandings, ...]
    cycles: tuple[tuple[str, ...], ...]
    """Groups of entrants that beat each other in a circle, each majority decided at the confidence: no one number orders them."""
    seat_advantage: float | None
    """Of the first mover in games, on the Elo scale; None without games."""
    notes: tuple[str, ...]
    """What a reader must know: runs left out and why, environments that not all played, intervals that rest on one training seed."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the standings fit for JSON."""
        return dataclasses.asdict(self)
