"""Computes the standings of a tournament from its folder and the run folders of its players."""

import dataclasses
import itertools
import math
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.references import catalogue
from arena.errors import ArenaError
from arena.formats.json import read_json_object
from arena.rating.matches import Matches, presence
from arena.rating.ratings import Ratings, rate
from arena.rating.win_matrix import WinMatrix, win_matrix
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.statistics.estimate import Bounds, Estimate
from arena.statistics.mean_intervals import difference_interval, mean_interval, variance_saved
from arena.statistics.proportions import share_of_points
from arena.statistics.score_scale import UNBOUNDED
from arena.tournament.curves import Curve, at_equal, read_curve
from arena.tournament.folder import Tournament, TournamentFolder
from arena.tournament.matches import Episodes, PlayedGame, Record, match_table
from arena.tournament.players import RANDOM
from arena.tournament.rounds import num_looks, used_up_openings
from arena.tournament.schedule import look_level
from arena.tournament.standings import Cost, EnvScore, EnvStandings, PairStanding, Standing, Standings

Array = npt.NDArray[Any]

CONFIDENCE = 0.95


def compute_standings(path: Path) -> Standings:
    """Returns the standings of the tournament in the folder `path`, over all matches so far.

    Raises:
        ArenaError: if the folder holds no tournament, or no match has been played.
    """
    folder = TournamentFolder(path)
    tournament = folder.read()
    records = folder.read_records(tournament)
    entrants = tournament.entrants
    index = np.array([entrants.index(player.entrant) for player in tournament.players])
    envs = [_Env(tournament, env, records, index) for env in tournament.envs]
    if not any(len(env.matches.first) for env in envs):
        raise ArenaError(f"{path}: nothing has been played yet")
    tables = [env.matches for env in envs]
    looks = num_looks(tournament, records)
    if folder.league.exists() and any(env.is_game for env in envs):
        looks = int(read_json_object(folder.league)["looks"]) + 1
    level = look_level(CONFIDENCE, looks) if looks else CONFIDENCE
    ratings, wins = _rate(tables, index, entrants.index(RANDOM), level), win_matrix(tables, index, level=level)
    order = [int(place) for place in np.argsort(ratings.rank)]
    seats = [float(ratings.seat_advantage[place]) for place, env in enumerate(envs) if env.is_game]
    return Standings(
        name=_name(tournament),
        seed=tournament.rules.seed,
        confidence=CONFIDENCE,
        rows=tuple(_row(tournament, wins, ratings, place) for place in order),
        win_matrix=tuple(tuple(float(wins.share[i, j]) if wins.num_matches[i, j] else None for j in order) for i in order),
        pairs=tuple(pair for env in envs for pair in env.pairs([entrants[place] for place in order])),
        envs=tuple(env.standings() for env in envs),
        cycles=tuple(tuple(entrants[place] for place in cycle) for cycle in wins.cycles),
        seat_advantage=float(np.mean(seats)) if seats else None,
        notes=(
            *_notes(tournament, ratings, looks, level),
            *_notes_on_matches(tournament, tables, index),
            *used_up_openings(tournament, records),
        ),
    )


def _name(tournament: Tournament) -> str:
    """Returns the experiment's name where the folder is that experiment's `tournament/`, and else the folder's."""
    path = tournament.path.resolve()
    runs = [Path(run).resolve() for player in tournament.players for run in player.runs.values()]
    is_of_experiment = path.name == "tournament" and any(len(run.parents) > 2 and run.parents[2] == path.parent for run in runs)
    return path.parent.name if is_of_experiment else path.name


def _rate(tables: Sequence[Matches], entrants: Array, anchor: int, level: float) -> Ratings:
    """Returns ratings with intervals at `CONFIDENCE`, and orders decided at `level`."""
    ratings = rate(tables, entrants, anchor=anchor, level=CONFIDENCE)
    if level == CONFIDENCE:
        return ratings
    decided = rate(tables, entrants, anchor=anchor, level=level)
    return dataclasses.replace(ratings, rank_low=decided.rank_low, rank_high=decided.rank_high)


class _Env:
    """All matches on one environment, by player and by entrant.

    Args:
        tournament: who plays.
        env: the environment.
        records: of the whole tournament.
        entrants: `int64 [P]`, the entrant of each player.
    """

    def __init__(self, tournament: Tournament, env: EnvConfig, records: Sequence[Record], entrants: Array) -> None:
        self.name, self.is_game = env.name, is_game(env.id)
        self._bounds = _return_bounds(env)
        self._tournament, self._entrants = tournament, entrants
        self._players = [player for player in tournament.players if player.plays(self.name)]
        self.games = [record for record in records if isinstance(record, PlayedGame) and record.env == self.name]
        self.episodes = {record.player: record for record in records if isinstance(record, Episodes) and record.env == self.name}
        index = {player.name: place for place, player in enumerate(tournament.players)}
        entrant_of = tournament.entrant_of
        self._distinct: dict[frozenset[str], set[tuple[int, ...]]] = defaultdict(set)  # entrants -> moves
        for game in self.games:
            self._distinct[frozenset(entrant_of[player] for player in game.players)].add(game.moves)
        self.matches = match_table(records, self.name, index, entrant_of)
        self._wins = win_matrix([self.matches], entrants, level=CONFIDENCE)

    def returns_of(self, entrant: str) -> Array:
        """Returns the duel returns of an entrant's players, `[K, E]`, without those whose policy failed."""
        found = [self.episodes[player.name] for player in self._players if player.entrant == entrant and player.name in self.episodes]
        return np.array([episodes.returns for episodes in found if not episodes.reason], np.float64)

    def pairs(self, entrants: Sequence[str]) -> list[PairStanding]:
        """Returns all pairs that met, in the order of `entrants`."""
        found, wins = [], self._wins
        for one, other in itertools.combinations(entrants, 2):
            i, j = self._tournament.entrants.index(one), self._tournament.entrants.index(other)
            if wins.num_matches[i, j]:
                returns = self.returns_of(one), self.returns_of(other)
                comparable = not self.is_game and all(len(values) for values in returns)
                found.append(
                    PairStanding(
                        env=self.name,
                        entrants=(one, other),
                        num_matches=int(wins.num_matches[i, j]),
                        points=float(wins.share[i, j]),
                        tie_rate=float(wins.num_ties[i, j] / wins.num_matches[i, j]),
                        num_distinct_games=len(self._distinct[frozenset((one, other))]) if self.is_game else None,
                        return_difference=difference_interval(*returns, confidence=CONFIDENCE) if comparable else None,
                        variance_saved=variance_saved(*returns) if comparable else None,
                    )
                )
        return found

    def standings(self) -> EnvStandings:
        """Returns the environment's own table."""
        entrants = list(dict.fromkeys(player.entrant for player in self._players))
        curves = {entrant: self._curves(entrant) for entrant in entrants}
        steps, by_steps = at_equal(curves, lambda curve: curve.env_steps)
        seconds, by_seconds = at_equal(curves, lambda curve: curve.train_seconds)
        scores = [
            EnvScore(entrant=entrant, score=score, at_equal_steps=by_steps.get(entrant), at_equal_seconds=by_seconds.get(entrant))
            for entrant in entrants
            if (score := self._score(entrant)) is not None
        ]
        faults = [(self._loser(game), game.reason) for game in self.games if game.reason]
        faults += [(episodes.player, episodes.reason) for episodes in self.episodes.values() if episodes.reason]
        counted = Counter((player, reason.partition(":")[0]) for player, reason in faults)
        return EnvStandings(
            env=self.name,
            kind="game" if self.is_game else "duel",
            scores=tuple(sorted(scores, key=lambda score: -score.score.value)),
            equal_steps=None if steps is None else int(steps),
            equal_seconds=seconds,
            num_games=len(self.games),
            num_distinct_games=len({game.moves for game in self.games}),
            first_mover_points=float(self.matches.points.mean()) if self.games else None,
            reasons=tuple((player, kind, count) for (player, kind), count in sorted(counted.items())),
        )

    def _curves(self, entrant: str) -> list[Curve]:
        runs = [player.runs[self.name] for player in self._players if player.entrant == entrant and self.name in player.runs]
        return [read_curve(RunRecord(run)) for run in runs]

    def _score(self, entrant: str) -> Estimate | None:
        if not self.is_game:
            returns = self.returns_of(entrant)
            return mean_interval(returns, confidence=CONFIDENCE).clipped(self._bounds) if len(returns) else None
        players = np.concatenate([self.matches.first, self.matches.second])
        own = self._entrants[players] == self._tournament.entrants.index(entrant)
        if not own.any():
            return None
        assert self.matches.start is not None
        points = np.concatenate([self.matches.points, 1.0 - self.matches.points])
        return share_of_points(points[own], players[own], np.tile(self.matches.start, 2)[own], confidence=CONFIDENCE)

    @staticmethod
    def _loser(game: PlayedGame) -> str:
        return " and ".join(game.players) if game.points == 0.5 else game.players[int(game.points)]


def _return_bounds(env: EnvConfig) -> Bounds:
    reference = catalogue().reference_for(env.id, env.kwargs)
    return reference.scale.bounds if reference else UNBOUNDED


def _row(tournament: Tournament, matrix: WinMatrix, ratings: Ratings, place: int) -> Standing:
    entrant = tournament.entrants[place]
    players = [player for player in tournament.players if player.entrant == entrant]
    runs = [run for player in players for run in player.runs.values()]
    matches, ties = int(matrix.num_matches[place].sum()), int(matrix.num_ties[place].sum())
    points = float(np.nansum(matrix.share[place] * matrix.num_matches[place]))
    wins = round(points - ties / 2)
    return Standing(
        entrant=entrant,
        rating=_rating(ratings, place),
        rank=int(ratings.rank[place]),
        rank_low=int(ratings.rank_low[place]),
        rank_high=int(ratings.rank_high[place]),
        points=points / matches if matches else 0.0,
        num_matches=matches,
        wins=wins,
        ties=ties,
        losses=matches - ties - wins,
        members=tuple(player.name for player in players),
        runs=tuple(os.path.relpath(run, tournament.path) for run in runs),
        cost=_cost([result for run in runs if (result := RunRecord(run).result) is not None]),
    )


def _rating(ratings: Ratings, place: int) -> Estimate:
    value, low, high = (float(of_all[place]) for of_all in (ratings.rating, ratings.low, ratings.high))
    num_seeds = int(ratings.num_players[place])
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value=value, num_seeds=num_seeds, note="all matches of an environment began alike, which supports no interval")
    return Estimate(value=value, low=low, high=high, num_seeds=num_seeds)


def _cost(results: Sequence[RunResult]) -> Cost | None:
    if not results:
        return None
    return Cost(
        num_runs=len(results),
        env_steps=sum(result.env_steps for result in results),
        train_seconds=sum(result.seconds.train for result in results),
        cpu_seconds=sum(result.cpu_seconds or 0.0 for result in results),
    )


def _notes(tournament: Tournament, ratings: Ratings, looks: int, level: float) -> list[str]:
    single = [
        entrant
        for entrant, num_players in zip(tournament.entrants, ratings.num_players, strict=True)
        if num_players == 1 and entrant != RANDOM
    ]
    notes = [f"left out: {reason}" for reason in tournament.left_out]
    if single:
        notes.append(f"one training seed each, so that their intervals say nothing of training again: {', '.join(single)}")
    if looks:
        reason = "so that none finds an order in noise"
        notes.append(f"games were chosen at {looks} look{'s' * (looks > 1)} at the results; {reason}, ranks are decided at {level:.4%}")
    return notes


def _some(items: Sequence[str], most: int = 10) -> str:
    return "; ".join([*items[:most], *([f"and {len(items) - most} more"] if len(items) > most else [])])


def _notes_on_matches(tournament: Tournament, tables: Sequence[Matches], index: Array) -> list[str]:
    """Returns what the matches do not allow: rating all over the same environments, ordering some, intervals."""
    played, entrants = presence(tables, index, len(tournament.entrants)), tournament.entrants
    envs = np.array([env.name for env in tournament.envs])
    missing = {name: envs[played.any(1) & ~played[:, place]] for place, name in enumerate(entrants) if played[:, place].any()}
    notes = []
    if listed := [f"{name} not {', '.join(names)}" for name, names in missing.items() if len(names)]:
        notes.append(
            f"not all played the same environments ({_some(listed)}): pairs are compared where both played; where an entrant did not "
            "play, its rating takes it to stand to those who did as it stands to them elsewhere"
        )
    pairs = itertools.combinations([place for place, name in enumerate(entrants) if name in missing], 2)
    if apart := [f"{entrants[i]} and {entrants[j]}" for i, j in pairs if not (played[:, i] & played[:, j]).any()]:
        notes.append(f"nothing orders those who share no environment: {_some(apart)}")
    if alike := [env for env, table in zip(envs, tables, strict=True) if table.start is not None and len(np.unique(table.start)) == 1]:
        notes.append(f"all matches began alike on {', '.join(alike)}, which supports no interval: give more --episodes or --opening-plies")
    return notes
