"""The leaderboard of a tournament as one page, beside the tournament's other files."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.formats.readable import count, percent
from arena.html.axes import row_scale
from arena.html.rendering import render as render_page
from arena.html.rendering import write_page
from arena.html.verdicts import verdict
from arena.tournament.duels import duel_policy
from arena.tournament.folder import Tournament, TournamentFolder
from arena.tournament.matches import Episodes, PlayedGame
from arena.tournament.replay_selection import DuelChoice, choose_duels, find_duel, game_replays
from arena.tournament.replays import CannotRender, DuelReplay, Pane, Replay, record_episode
from arena.tournament.standings import PairStanding, Standings

FILE_NAME = "leaderboard.html"
MAX_FRAME_BYTES = 4_000_000
"""Of all frames in one page; duels that would pass it are named and left out."""


def write_leaderboard(standings: Standings, folder: Path, *, matches: Sequence[str] = (), max_frame_bytes: int = MAX_FRAME_BYTES) -> Path:
    """Writes the page of the tournament in `folder`, with replays, and returns its path.

    Args:
        standings: of the tournament.
        folder: the tournament's.
        matches: further matches to replay: games by their id in `matches.jsonl`, duels as `ENV/PLAYER~PLAYER/EPISODE`.
        max_frame_bytes: of the pictures of duels; once they take more, the rest are left out.

    Raises:
        ArenaError: if there is no such match; before any replay is recorded.
    """
    tournament_folder = TournamentFolder(folder)
    tournament = tournament_folder.read()
    records = tournament_folder.read_records(tournament)
    order = [row.entrant for row in standings.rows]
    game_ids = {record.match for record in records if isinstance(record, PlayedGame)}
    asked = [find_duel(tournament, records, name) for name in matches if name not in game_ids]
    games = game_replays(tournament, records, order, matches)
    duels, notes = record_duels(tournament, [*asked, *choose_duels(tournament, records, order)], max_frame_bytes)
    path = folder / FILE_NAME
    write_page(path, render(standings, tournament, [*games, *duels], notes))
    return path


def render(standings: Standings, tournament: Tournament, replays: Sequence[Replay] = (), notes: Sequence[str] = ()) -> str:
    """Returns the page.

    Args:
        standings: of the tournament.
        tournament: its rules, versions and command.
        replays: in the order of their list.
        notes: sentences about replays that are not there.
    """
    rows = standings.rows
    games = [env for env in standings.envs if env.kind == "game"]
    sections = [
        ("ratings", "Ratings", True),
        ("sure", "How sure", True),
        ("matrix", "Who beats whom", len(rows) > 1),
        ("envs", "Environments", standings.envs),
        ("cost", "Training cost", any(row.cost for row in rows)),
        ("replays", "Replays", replays or notes),
        ("again", "How to repeat it", True),
    ]
    return render_page(
        "leaderboard.html",
        standings=standings,
        rows=rows,
        games=games,
        tournament=tournament,
        rules=tournament.rules,
        level=percent(standings.confidence),
        sections=sections,
        shown=[id_ for id_, _, content in sections if content],
        verdict=verdict([row.entrant for row in rows], _decided(standings)),
        colors={row.entrant: index for index, row in enumerate(rows)},
        scale=row_scale([(row.rating.low, row.rating.value, row.rating.high) for row in rows] + [0.0]),
        neighbours=_neighbours(standings),
        cell=lambda i, j: _cell(standings, i, j),
        env_scales={env.env: row_scale((s.score.low, s.score.value, s.score.high) for s in env.scores) for env in standings.envs},
        replays=replays,
        notes=notes,
    )


def record_duels(
    tournament: Tournament, choices: Sequence[DuelChoice], max_frame_bytes: int = MAX_FRAME_BYTES
) -> tuple[list[DuelReplay], list[str]]:
    """Plays the chosen duels again with frames; returns them, and sentences about those that are left out."""
    recorder = _Recorder(tournament)
    replays: list[DuelReplay] = []
    dark: dict[str, str] = {}
    num_left_out, num_bytes = 0, 0
    for choice in choices:
        if choice.env.name in dark:
            continue
        if num_bytes > max_frame_bytes:
            num_left_out += 1
            continue
        try:
            replay = recorder.replay(choice)
        except CannotRender as error:
            dark[choice.env.name] = str(error)
            continue
        num_bytes += sum(len(pane.sheet) for pane in replay.panes)
        replays.append(replay)
    notes = [f"{env} has no replays: {reason}." for env, reason in dark.items()]
    if num_left_out:
        notes.append(f"{count(num_left_out, 'duel')} were left out to keep the page small; arena leaderboard --match shows any.")
    return replays, notes


class _Recorder:
    """Records episodes, each once, whoever else it is shown beside."""

    def __init__(self, tournament: Tournament) -> None:
        self._players = {player.name: player for player in tournament.players}
        self._panes: dict[tuple[str, str, int], Pane] = {}

    def replay(self, choice: DuelChoice) -> DuelReplay:
        first, second = (self._pane(choice, record) for record in choice.episodes)
        recorded = [record.returns[choice.episode] for record in choice.episodes]
        same = np.allclose([pane.returns[-1] for pane in (first, second)], recorded, rtol=0, atol=0.01)
        outcome = choice.outcome if same else f"{choice.outcome} Played again for this page, an episode went another way."
        players = (choice.episodes[0].player, choice.episodes[1].player)
        return DuelReplay(env=choice.env.name, players=players, outcome=outcome, why=choice.why, panes=(first, second))

    def _pane(self, choice: DuelChoice, record: Episodes) -> Pane:
        key = (choice.env.name, record.player, choice.episode)
        if key not in self._panes:
            path = self._players[record.player].policies.get(choice.env.name)
            policy = duel_policy(path, choice.env, record.player, record.seed)
            self._panes[key] = record_episode(
                policy,
                choice.env,
                player=record.player,
                num_episodes=len(record.returns),
                seed=record.seed,
                episode=choice.episode,
                num_steps=record.lengths[choice.episode],
            )
        return self._panes[key]


def _decided(standings: Standings) -> Callable[[str, str], bool]:
    """Returns a test of whether an entrant is better than another: their rank intervals, which all hold at once, do not touch."""
    rows = {row.entrant: row for row in standings.rows}
    return lambda a, b: rows[a].rank_high < rows[b].rank_low


def _neighbours(standings: Standings) -> Iterator[tuple[str, str, bool]]:
    decided = _decided(standings)
    names = [row.entrant for row in standings.rows]
    for one, other in itertools.pairwise(names):
        yield one, other, decided(one, other)


def _cell(standings: Standings, i: int, j: int) -> dict[str, Any] | None:
    """Returns what the matrix shows of row i against row j over all environments; None where they never met."""
    points = standings.win_matrix[i][j]
    if points is None:
        return None
    names = {standings.rows[i].entrant, standings.rows[j].entrant}
    pairs: list[PairStanding] = [pair for pair in standings.pairs if set(pair.entrants) == names]
    num_matches = sum(pair.num_matches for pair in pairs)
    ties = sum(pair.tie_rate * pair.num_matches for pair in pairs)
    return {
        "points": points,
        "num_matches": num_matches,
        "tie_rate": ties / num_matches if num_matches else None,
        "num_distinct": sum(pair.num_distinct_games for pair in pairs if pair.num_distinct_games is not None),
    }
