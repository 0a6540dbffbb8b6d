"""Computes the standings of a tournament from its folder and the run folders of its players."""

import dataclasses
import itertools
import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError
from arena.rating.bradley_terry import ELO_PER_LOG_ODDS, fit
from arena.rating.field_points import FieldPoints
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.statistics.circles import in_words
from arena.statistics.estimate import Estimate
from arena.tournament.entry.player import RANDOM
from arena.tournament.league_journal import read_journal
from arena.tournament.match_records import Record
from arena.tournament.schedule.rounds import num_looks, used_up_openings
from arena.tournament.standings.env_matches import EnvMatches
from arena.tournament.standings.near_runs import readable_runs, with_near_runs
from arena.tournament.standings.ranking import CONFIDENCE, Ranking, rank_entrants
from arena.tournament.standings.standings import Standing, Standings, TrainingCost
from arena.tournament.standings.standings_notes import STOPPED_EARLY, note_on_means, notes_on_word, standings_notes
from arena.tournament.tournament import Tournament
from arena.tournament.tournament_folder import TournamentFolder

Array = npt.NDArray[Any]


def compute_standings(path: Path, allow: Collection[str] = ()) -> Standings:
    """Returns the standings of the tournament in the folder `path`, over all matches so far.

    Args:
        path: Folder of the tournament.
        allow: Import paths and files that its environments may name, and folders of runs that are followed wherever they are.

    Raises:
        ArenaError: If the folder holds no tournament, no match has been played, or all returns are impossible in their environments.
    """
    folder = TournamentFolder(path)
    tournament, far = with_near_runs(folder.read(allow), allow)
    runs, unreadable = readable_runs(tournament)
    records = folder.read_records(tournament)
    entrants = tournament.entrants
    index = np.array([entrants.index(player.entrant) for player in tournament.players])
    envs = [EnvMatches(tournament, env, records, index, runs) for env in tournament.envs]
    if not any(len(env.table.first) for env in envs):
        raise ArenaError(f"{path}: nothing has been played yet")
    absent = read_journal(folder.league).absent(records)
    looks = _num_looks(folder, tournament, records, envs)
    impossible = [env.impossible for env in envs if env.impossible]
    envs = [env for env in envs if not env.impossible]
    if not any(len(env.table.first) for env in envs):
        raise ArenaError(f"{path}: {' '.join(impossible)}")
    tables = [env.table for env in envs]
    counted = dataclasses.replace(tournament, envs=tuple(env for env in tournament.envs if env.name in {each.name for each in envs}))
    ranking = rank_entrants(tables, index, num_looks=looks, run_returns=[env.run_returns() for env in envs])
    wins, order = ranking.wins, ranking.order
    return Standings(
        name=_name(tournament),
        seed=tournament.rules.seed,
        confidence=CONFIDENCE,
        rows=tuple(_row(tournament, ranking, place, runs, absent) for place in order),
        win_matrix=tuple(tuple(float(wins.share[i, j]) if wins.num_matches[i, j] else None for j in order) for i in order),
        predicted_matrix=tuple(tuple(_cell(ranking.field, i, j) for j in order) for i in order),
        pairs=tuple(pair for env in envs for pair in env.pairs([entrants[place] for place in order])),
        envs=tuple(env.standings() for env in envs),
        cycles=tuple(tuple(entrants[place] for place in cycle) for cycle in wins.cycles),
        circles=tuple(in_words(circle, list(entrants)) for circle in wins.circles),
        better=tuple((entrants[i], entrants[j]) for i in order for j in order if ranking.field.better[i, j]),
        against_order=_against_order(ranking, entrants),
        interval_remark=STOPPED_EARLY if looks else "",
        seat_advantage=_seat_advantage(envs, len(tournament.players)),
        notes=(
            *impossible,
            *(f"{player} plays no further matches: {why}. Those that it played count." for player, why in absent.items()),
            *standings_notes(counted, tables, index, ranking),
            *used_up_openings(tournament, records),
            *notes_on_word(tournament, far),
            *unreadable,
            *note_on_means(tournament),
        ),
    )


def _num_looks(folder: TournamentFolder, tournament: Tournament, records: Sequence[Record], envs: Sequence[EnvMatches]) -> int:
    """Returns the number of looks at the results after which games were chosen; a league keeps it in a file of its own."""
    if folder.league.exists() and any(env.is_game for env in envs):
        return read_journal(folder.league).looks + 1
    return num_looks(tournament, records)


def _name(tournament: Tournament) -> str:
    """Returns the experiment's name if the folder is that experiment's `tournament/`, and the folder's name otherwise."""
    path = Path(os.path.realpath(tournament.path))
    runs = [Path(os.path.realpath(run)) for player in tournament.players for run in player.runs.values()]
    is_of_experiment = path.name == "tournament" and any(len(run.parents) > 2 and run.parents[2] == path.parent for run in runs)
    return path.parent.name if is_of_experiment else path.name


def _cell(field: FieldPoints, row: int, column: int) -> float | None:
    points = float(field.matrix[row, column])
    return points if math.isfinite(points) else None


def _against_order(ranking: Ranking, entrants: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """Returns the pairs in which the lower took more than half of the points, and the points of the higher."""
    rank, share = ranking.field.rank, ranking.wins.share
    pairs = itertools.combinations(ranking.order, 2)
    return tuple((entrants[i], entrants[j], float(share[i, j])) for i, j in pairs if rank[i] < rank[j] and share[i, j] < 0.5)


def _seat_advantage(envs: Sequence[EnvMatches], num_players: int) -> float | None:
    """Returns the mean advantage of the first mover over all games, on the Elo scale, from a Bradley-Terry model of all players."""
    seats = [ELO_PER_LOG_ODDS * fit(env.table, num_players).seat_advantage for env in envs if env.is_game]
    return float(np.mean(seats)) if seats else None


def _row(tournament: Tournament, ranking: Ranking, place: int, records: Mapping[Path, RunRecord], absent: Mapping[str, str]) -> Standing:
    entrant, wins, field = tournament.entrants[place], ranking.wins, ranking.field
    players = [player for player in tournament.players if player.entrant == entrant]
    runs = [run for player in players for run in player.runs.values()]
    num_matches, num_ties = int(wins.num_matches[place].sum()), int(wins.num_ties[place].sum())
    num_wins = round(float(wins.num_points[place].sum()) - num_ties / 2)
    reasons = [absent[player.name] for player in players if player.name in absent]
    return Standing(
        entrant=entrant,
        program=next((player.program.name for player in players if player.program is not None), ""),
        absent=reasons[0] if len(reasons) == len(players) else "",
        rating=_estimate(field.rating, field.rating_low, field.rating_high, field, place),
        below_all=entrant == RANDOM and bool(np.all(np.delete(field.matrix[place], place) < 0.5)),
        rank=int(field.rank[place]),
        is_tied=int((field.rank == field.rank[place]).sum()) > 1,
        rank_low=int(field.rank_low[place]),
        rank_high=int(field.rank_high[place]),
        points=_estimate(field.points, field.low, field.high, field, place),
        num_matches=num_matches,
        wins=num_wins,
        ties=num_ties,
        losses=num_matches - num_ties - num_wins,
        members=tuple(player.name for player in players),
        failed=tuple(f"{player.name} on {env} ({reason.partition(':')[0]})" for player in players for env, reason in player.failed.items()),
        runs=tuple(os.path.relpath(run, tournament.path) for run in runs),
        cost=_cost([result for run in runs if run in records and (result := records[run].result) is not None]),
    )


def _estimate(values: Array, lows: Array, highs: Array, field: FieldPoints, place: int) -> Estimate:
    value, low, high = (float(of_all[place]) for of_all in (values, lows, highs))
    num_seeds = int(field.num_players[place])
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value=value, num_seeds=num_seeds, note="all matches of an environment began alike, which supports no interval")
    return Estimate(value=value, low=low, high=high, num_seeds=num_seeds)


def _cost(results: Sequence[RunResult]) -> TrainingCost | None:
    if not results:
        return None
    return TrainingCost(
        num_runs=len(results),
        env_steps=sum(result.env_steps for result in results),
        train_seconds=sum(result.seconds.train for result in results),
        cpu_seconds=sum(result.cpu_seconds or 0.0 for result in results),
    )
