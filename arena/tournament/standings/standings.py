"""The standings that a leaderboard shows; computed from a tournament's folder and the run folders of its players alone."""

import dataclasses
from typing import Any

from arena.statistics.estimate import Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingCost:
    """Cost of an entrant's training, summed over its runs in this tournament."""

    num_runs: int
    """Number of runs."""
    env_steps: int
    """Env steps of training."""
    train_seconds: float
    """Wall seconds of training, without compilation and evaluation."""
    cpu_seconds: float
    """CPU-seconds of the worker processes, everything included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """One row of the table: an entrant."""

    entrant: str
    """Name of the entrant."""
    rating: Estimate
    """`points` on the Elo scale; 0 is half of the points, so the zero lies inside the field."""
    below_all: bool
    """Whether it is the random player and every other entrant takes more than half of the points from it: its rating is a mere bound."""
    rank: int
    """Rank by points, counted from 1; equal entrants have equal ranks."""
    is_tied: bool
    """Whether another entrant has the same rank."""
    rank_low: int
    """Best rank that is not excluded."""
    rank_high: int
    """Worst rank that is not excluded."""
    points: Estimate
    """Expected points against the field, in 0..1: how likely a new training run is to beat one of another entrant. It ranks."""
    num_matches: int
    """Number of matches, duels and games alike."""
    wins: int
    """Number of matches won."""
    ties: int
    """Number of matches tied."""
    losses: int
    """Number of matches lost."""
    members: tuple[str, ...]
    """Names of its players: one for each training seed and environment."""
    failed: tuple[str, ...]
    """Its training runs that failed, `a/seed-3 on CartPole-v1 (crashed)`: each loses to every policy that plays."""
    runs: tuple[str, ...]
    """Run folders of its members, relative to the tournament's folder where possible; empty for policy files and baselines."""
    cost: TrainingCost | None
    """Cost of its training; None for an entrant without run folders."""
    program: str = ""
    """`module:callable` if it is a program of the user's own; empty for policies."""
    absent: str = ""
    """Reason for which it plays no further matches of a league: `removed on …` or `suspended: …`; empty while any of its players plays."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairStanding:
    """Two entrants on one environment."""

    env: str
    """Name of the environment."""
    entrants: tuple[str, str]
    """Names of the two entrants."""
    num_matches: int
    """Number of their matches."""
    points: float
    """Expected points of the first, in 0..1: every pair of their training seeds counts alike."""
    runs_won: float | None
    """Share of pairs of training seeds in which the first has the higher mean return, ties half; None for games."""
    tie_rate: float
    """Fraction of matches that were tied."""
    num_distinct_games: int | None
    """Number of games that differ in their moves; None for duels."""
    return_difference: Estimate | None
    """Mean of first minus second over paired episodes, with an interval over pairs of training seeds and episodes; None for games."""
    variance_saved: float | None
    """Variance of duels that the shared starts saved: 1 - var(difference) / (var(first) + var(second)); None where nothing varies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvScore:
    """One entrant on one environment, played here."""

    entrant: str
    """Name of the entrant."""
    score: Estimate
    """Duels: mean return, failed runs included, with an interval over training seeds, then episodes.
    Games: mean points in 0..1, with Wilson's interval."""
    at_equal_steps: float | None
    """Mean over training seeds of the selection evaluation at `EnvStandings.equal_steps` env steps; None without run folders."""
    at_equal_seconds: float | None
    """Mean over training seeds of the selection evaluation at `EnvStandings.equal_seconds` seconds; None without run folders."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvStandings:
    """All entrants on one environment."""

    env: str
    """Name of the environment."""
    kind: str
    """Kind of matches: `duel` or `game`."""
    scores: tuple[EnvScore, ...]
    """Scores of the entrants, best first."""
    equal_steps: int | None
    """Largest number of env steps that all of these runs took; None without runs."""
    equal_seconds: float | None
    """Largest number of seconds that all of these runs trained; None without runs."""
    num_games: int = 0
    """Number of games that were played; 0 for duels. Games against failed runs are not played."""
    num_cut_games: int = 0
    """Number of games that had not ended after as many moves as the rules allow, and count as ties."""
    num_distinct_games: int = 0
    """Number of games that differ in their moves: games of two greedy policies repeat themselves."""
    first_mover_points: float | None = None
    """Mean points of the first mover over all games that were played; None for duels."""
    reasons: tuple[tuple[str, str, int], ...] = ()
    """Broken rules and failed policies: (player, kind of fault, count). Failed training runs stand in `Standing.failed`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standings:
    """Everything that a leaderboard shows."""

    name: str
    """Name of the tournament, or of the experiment whose runs it played."""
    seed: int
    """Seed of the tournament."""
    confidence: float
    """Confidence of all intervals, 0.95."""
    rows: tuple[Standing, ...]
    """The entrants, most points first."""
    win_matrix: tuple[tuple[float | None, ...], ...]
    """Expected points of the row's entrant against the column's, in the order of `rows`; None where they never met."""
    predicted_matrix: tuple[tuple[float | None, ...], ...]
    """`win_matrix` with predictions where pairs never met or met unequally often; None on the diagonal. Means of rows rank."""
    pairs: tuple[PairStanding, ...]
    """Every pair of entrants that met, on each environment."""
    envs: tuple[EnvStandings, ...]
    """Tables of the environments."""
    cycles: tuple[tuple[str, ...], ...]
    """Groups of entrants that beat each other in a circle, each majority decided at the confidence: no one number orders them."""
    circles: tuple[str, ...]
    """The most certain circle of each of the `cycles`, in words: who beats whom, and with which certainty."""
    better: tuple[tuple[str, str], ...]
    """Pairs (better, worse) that are decided, at the confidence for all pairs at once."""
    against_order: tuple[tuple[str, str, float], ...]
    """Pairs that contradict the ranking: (higher, lower, points of the higher), where the lower took more than half."""
    interval_remark: str
    """Remark on how often the intervals of ratings and points hold; empty if they hold as often as `confidence` says."""
    seat_advantage: float | None
    """Advantage of the first mover in games, on the Elo scale; None without games."""
    notes: tuple[str, ...]
    """Notes for the reader: runs left out and why, environments that not all played, intervals that rest on one training seed."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the standings fit for JSON."""
        return dataclasses.asdict(self)
