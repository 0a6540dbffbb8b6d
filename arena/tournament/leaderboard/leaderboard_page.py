"""The leaderboard of a tournament as one page, beside the tournament's other files."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.environments.word import names_without_word, needs_word
from arena.formats.readable import percent
from arena.formats.system_errors import write_output
from arena.html.axes import row_scale
from arena.html.line_styles import agent_styles
from arena.html.rendering import render as render_page
from arena.html.verdicts import verdict
from arena.tournament.leaderboard.duel_replays import MAX_FRAME_BYTES, record_duels
from arena.tournament.leaderboard.match_replays import MatchReplay
from arena.tournament.leaderboard.page_games import PageGames, page_games
from arena.tournament.leaderboard.replay_selection import choose_duels, find_duel, game_replays, opening_replay
from arena.tournament.match_records import PlayedGame
from arena.tournament.standings.standings import PairStanding, Standings
from arena.tournament.tournament import Tournament
from arena.tournament.tournament_folder import TournamentFolder


def write_leaderboard(
    standings: Standings,
    folder: Path,
    *,
    matches: Sequence[str] = (),
    max_frame_bytes: int = MAX_FRAME_BYTES,
    allow: Collection[str] = (),
) -> Path:
    """Writes the page of the tournament in `folder`, with replays, and returns its path.

    Args:
        standings: Standings of the tournament.
        folder: Folder of the tournament.
        matches: Further matches to replay: games by their id in `matches.jsonl`, duels as `ENV/PLAYER~PLAYER/EPISODE`.
        max_frame_bytes: Max size of the pictures of duels; once they take more, the other duels are left out.
        allow: Import paths and files that the tournament's environments may name; what else it names has no replays.

    Raises:
        ArenaError: If there is no such match; before any replay is recorded.
    """
    tournament_folder = TournamentFolder(folder)
    tournament = tournament_folder.read(allow)
    records = tournament_folder.read_records(tournament)
    order = [row.entrant for row in standings.rows]
    game_ids = {record.match for record in records if isinstance(record, PlayedGame)}
    asked = [find_duel(tournament, records, name) for name in matches if name not in game_ids]
    games = game_replays(tournament, records, order, matches)
    duels, notes = record_duels(tournament, [*asked, *choose_duels(tournament, records, order)], max_frame_bytes)
    unknown = [(env.name, names) for env in tournament.envs if (names := names_without_word(env))]
    notes += [f"{name} has no replays: {needs_word(names, tournament_folder.tournament)}." for name, names in unknown]
    page = render_leaderboard(standings, tournament, [*games, *duels], notes, page_games(tournament, order))
    write_output(tournament_folder.page, page.encode())
    return tournament_folder.page


def render_leaderboard(
    standings: Standings,
    tournament: Tournament,
    replays: Sequence[MatchReplay] = (),
    notes: Sequence[str] = (),
    playing: PageGames | None = None,
) -> str:
    """Returns the HTML of the page.

    Args:
        standings: Standings of the tournament.
        tournament: The tournament; its rules, versions and command are shown.
        replays: Replays in the order of their list.
        notes: Sentences about replays that are not there.
        playing: Games that a person can play in the page; None for none.
    """
    playing = playing or PageGames()
    rows = standings.rows
    games = [env for env in standings.envs if env.kind == "game"]
    agents = _agents(tournament)
    sections = [
        ("ratings", "Ranking", True),
        ("sure", "How sure", True),
        ("matrix", "Who beats whom", len(rows) > 1),
        ("envs", "Environments", standings.envs),
        ("cost", "Training cost", any(row.cost for row in rows)),
        ("replays", "Replays", replays or notes),
        ("play", "Play against them", playing.games),
        ("duel", "Live duels", playing.duels),
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
        verdict=verdict(
            [row.entrant for row in rows],
            _decided(standings),
            ranks={row.entrant: row.rank for row in rows},
            quantity="points against the field",
        ),
        styles=agent_styles({row.entrant: agents.get(row.entrant, row.entrant) for row in rows}),
        scale=row_scale([(row.points.low, row.points.value, row.points.high) for row in rows] + [0.5]),
        neighbours=_neighbours(standings),
        cell=lambda i, j: _cell(standings, i, j),
        env_scales={env.env: row_scale((s.score.low, s.score.value, s.score.high) for s in env.scores) for env in standings.envs},
        replays=replays,
        opens=opening_replay(replays),
        notes=notes,
        playing=playing,
    )


def _agents(tournament: Tournament) -> dict[str, str]:
    """Returns entrant -> id of the agent, of those that say what was trained."""
    return {
        player.entrant: str(origin["agent"]) for player in tournament.players for origin in player.origins.values() if "agent" in origin
    }


def _decided(standings: Standings) -> Callable[[str, str], bool]:
    """Returns a test of whether it is decided that an entrant is better than another."""
    return lambda a, b: (a, b) in standings.better


def _neighbours(standings: Standings) -> Iterator[tuple[str, str, bool, bool]]:
    """Yields neighbours in the ranking, whether their order is decided, and whether one of them has one policy alone."""
    decided = _decided(standings)
    for one, other in itertools.pairwise(standings.rows):
        is_single = min(len(one.members), len(other.members)) < 2
        yield one.entrant, other.entrant, decided(one.entrant, other.entrant), is_single


def _cell(standings: Standings, i: int, j: int) -> dict[str, Any] | None:
    """Returns what the matrix shows of row i against row j over all environments; None where they never met."""
    points = standings.win_matrix[i][j]
    if points is None:
        return None
    one, other = standings.rows[i].entrant, standings.rows[j].entrant
    names, decided = {one, other}, _decided(standings)
    pairs: list[PairStanding] = [pair for pair in standings.pairs if set(pair.entrants) == names]
    num_matches = sum(pair.num_matches for pair in pairs)
    ties = sum(pair.tie_rate * pair.num_matches for pair in pairs)
    runs = [
        pair.runs_won if pair.entrants[0] == standings.rows[i].entrant else 1 - pair.runs_won for pair in pairs if pair.runs_won is not None
    ]
    return {
        "points": points,
        "decided": decided(one, other) or decided(other, one),
        "num_matches": num_matches,
        "runs_won": sum(runs) / len(runs) if runs else None,
        "against": any({one, other} == names for one, other, _ in standings.against_order),
        "tie_rate": ties / num_matches if num_matches else None,
        "num_distinct": sum(pair.num_distinct_games for pair in pairs if pair.num_distinct_games is not None),
    }
