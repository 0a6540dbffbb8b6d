"""The notes below a leaderboard: what the matches do not allow, and what a reader must know of the intervals."""

import itertools
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.games import is_game
from arena.environments.word import names_without_word, needs_word
from arena.rating.matches import Matches, presence
from arena.statistics.mean_intervals import MEAN_NOTE
from arena.tournament.standings.ranking import Ranking
from arena.tournament.tournament import Tournament

Array = npt.NDArray[Any]

STOPPED_EARLY = "after games were chosen by looking at results, they held 86 to 94% of the time where they say 95% (decisions hold)"
"""Coverage of 95% intervals at the end of the adaptive schedule, simulated (`scripts/benchmark.py adaptive-intervals`)."""
MAX_LISTED = 10
"""Max number of items that one note lists."""


def standings_notes(tournament: Tournament, tables: Sequence[Matches], entrants: Array, ranking: Ranking) -> list[str]:
    """Returns the notes of a leaderboard.

    Args:
        tournament: The tournament.
        tables: All matches, one table for each environment.
        entrants: Entrant of each player, `int64 [P]`.
        ranking: The ranking that the notes stand below.
    """
    return [*_programs(tournament), *_notes_on_ranking(tournament, ranking), *_notes_on_matches(tournament, tables, entrants)]


def note_on_means(tournament: Tournament) -> list[str]:
    """Returns how often the intervals of mean returns hold, where any entrant has several training seeds whose returns are compared."""
    trained = [player.entrant for player in tournament.players if player.is_trained]
    several = len(set(trained)) < len(trained)
    return [MEAN_NOTE] if several and not all(is_game(env.id) for env in tournament.envs) else []


def notes_on_word(tournament: Tournament, far_runs: Sequence[Path]) -> list[str]:
    """Returns a note on each game whose openings were not counted, and one on runs that were not read, for want of the user's word.

    Args:
        tournament: The tournament.
        far_runs: Run folders that were not followed.
    """
    unknown = [(env.name, names) for env in tournament.envs if is_game(env.id) and (names := names_without_word(env))]
    notes = [f"openings of {name} were not counted: {needs_word(names, 'tournament.json')}" for name, names in unknown]
    if far_runs:
        listed = ", ".join(map(str, far_runs[:3])) + (", …" if len(far_runs) > 3 else "")
        option = f"--allow {shlex.quote(str(far_runs[0].parent))}"
        notes.append(
            f"{len(far_runs)} run folders lie elsewhere and were not read for curves and costs: {listed}; to read them, add {option}"
        )
    return notes


def _notes_on_ranking(tournament: Tournament, ranking: Ranking) -> list[str]:
    trained = {player.entrant for player in tournament.players if player.is_trained}
    single = [
        entrant
        for entrant, num_players in zip(tournament.entrants, ranking.field.num_players, strict=True)
        if num_players == 1 and entrant in trained
    ]
    notes = [*_failures(tournament), *(f"left out: {reason}" for reason in tournament.left_out)]
    warm = {player.entrant: origin["init"] for player in tournament.players for origin in player.origins.values() if origin.get("init")}
    if warm:
        notes.append(
            f"these did not begin from nothing, but from other runs: {_some([f'{name} from {init}' for name, init in warm.items()])}"
        )
    if single:
        notes.append(f"one training seed each, so their intervals say nothing about training again: {', '.join(single)}")
    if ranking.num_looks:
        looks = f"{ranking.num_looks} look{'s' * (ranking.num_looks > 1)}"
        notes.append(
            f"games were chosen at {looks} at the results; so that none finds an order in noise, ranks are decided at {ranking.level:.4%}"
        )
        notes.append(f"the intervals of ratings and points take the games as fixed beforehand: {STOPPED_EARLY}")
    return notes


def _programs(tournament: Tournament) -> list[str]:
    """Returns a sentence about each player that is a program."""
    return [
        f"{player.name} is a program of whoever played this, {player.program.name} (SHA-256 {player.program.sha256[:12]}…), and no policy "
        "file: it plays without bounds, and the folder does not hold it"
        for player in tournament.players
        if player.program is not None
    ]


def _failures(tournament: Tournament) -> list[str]:
    """Returns a sentence about the failed runs of each entrant."""
    notes = []
    for entrant in tournament.entrants:
        players = [player for player in tournament.players if player.entrant == entrant]
        failed = [f"{player.name} on {env} {reason}" for player in players for env, reason in player.failed.items()]
        if failed:
            num_runs = sum(len(player.runs) for player in players)
            notes.append(
                f"{len(failed)} of {num_runs} runs of {entrant} failed, and count: a failed run loses to every policy that plays, ties "
                "with others that failed, and takes the worse of random play and the worst mean return here in tables of returns "
                f"({_some(failed)})"
            )
    return notes


def _notes_on_matches(tournament: Tournament, tables: Sequence[Matches], index: Array) -> list[str]:
    """Returns a note on each thing that the matches do not allow: one scale for all, an order of some, an interval."""
    played, entrants = presence(tables, index, len(tournament.entrants)), tournament.entrants
    envs = np.array([env.name for env in tournament.envs])
    missing = {name: envs[played.any(1) & ~played[:, place]] for place, name in enumerate(entrants) if played[:, place].any()}
    notes = []
    if listed := [f"{name} not {', '.join(names)}" for name, names in missing.items() if len(names)]:
        notes.append(
            f"not all played the same environments ({_some(listed)}): the points of a pair are those of the environments that both played, "
            "so the points against the field of two entrants may rest on different environments"
        )
    pairs = itertools.combinations([place for place, name in enumerate(entrants) if name in missing], 2)
    if apart := [f"{entrants[i]} and {entrants[j]}" for i, j in pairs if not (played[:, i] & played[:, j]).any()]:
        notes.append(f"these share no environment, so only their results against others order them: {_some(apart)}")
    if alike := [env for env, table in zip(envs, tables, strict=True) if table.start is not None and len(np.unique(table.start)) == 1]:
        games = [is_game(env.id) for env in tournament.envs if env.name in alike]
        options = " or ".join(["--opening-plies"] * any(games) + ["--episodes"] * (not all(games)))
        notes.append(f"all matches began alike on {', '.join(alike)}, which supports no interval: give more {options}")
    return notes


def _some(items: Sequence[str]) -> str:
    return "; ".join([*items[:MAX_LISTED], *([f"and {len(items) - MAX_LISTED} more"] if len(items) > MAX_LISTED else [])])
