"""The choice of the matches that a leaderboard's page replays: by a stated rule, or by name."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from arena.environments.config import EnvConfig
from arena.environments.games import Game, is_game
from arena.environments.word import names_without_word
from arena.errors import ArenaError
from arena.formats.readable import fixed
from arena.tournament.leaderboard.match_replays import DuelReplay, GameReplay, MatchReplay, Ply, ReplayedGame
from arena.tournament.match_records import Episodes, PlayedGame, Record
from arena.tournament.tournament import Tournament

MAX_GAMES_OF_A_PAIR = 200
"""Max number of games of two entrants in one game that the page holds: with all games of a long tournament it would be slow to open."""

LARGEST_DIFFERENCE = "largest difference of returns"
"""Reason for a duel that the rule chose."""
LONGEST_DECIDED = "longest game that was won"
"""Reason for a game that the rule chose."""
ASKED_FOR = "asked for"
"""Reason for a match that the user named."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuelChoice:
    """One episode that two players played from the same start."""

    env: EnvConfig
    """Environment of the duel."""
    episodes: tuple[Episodes, Episodes]
    """Records of both players."""
    episode: int
    """Number of the episode in the records, counted from 0."""
    why: str
    """Reason for the choice."""

    @property
    def outcome(self) -> str:
        """Sentence that says who won."""
        first, second = (record.returns[self.episode] for record in self.episodes)
        if first == second:
            return f"A tie at {_return(first)}."
        winner, high, low = (0, first, second) if first > second else (1, second, first)
        return f"{self.episodes[winner].player} wins, {_return(high)} to {_return(low)}."


def choose_duels(tournament: Tournament, records: Sequence[Record], order: Sequence[str]) -> list[DuelChoice]:
    """Returns one episode of each pair of entrants on each environment: the one whose returns differ most.

    Args:
        tournament: The tournament.
        records: All records of the tournament.
        order: Entrants, best first; neighbours in it come first.
    """
    choices = []
    for one, other in _pairs(order):
        for env in tournament.envs:
            sides = [[record for record in _episodes(records, env.name) if tournament.entrant_of[record.player] == e] for e in (one, other)]
            meetings = [(a, b) for a, b in itertools.product(*sides) if len(a.returns) == len(b.returns) and a.seed == b.seed]
            best = max(meetings, key=lambda pair: float(np.abs(np.subtract(pair[0].returns, pair[1].returns)).max()), default=None)
            if best is not None:
                episode = int(np.abs(np.subtract(best[0].returns, best[1].returns)).argmax())
                choices.append(DuelChoice(env=env, episodes=best, episode=episode, why=LARGEST_DIFFERENCE))
    return choices


def find_duel(tournament: Tournament, records: Sequence[Record], name: str) -> DuelChoice:
    """Returns the duel called `ENV/PLAYER~PLAYER/EPISODE`.

    Raises:
        ArenaError: If there is none; says which part is wrong.
    """
    env_name, _, rest = name.partition("/")
    players, _, episode = rest.rpartition("/")
    env = next((env for env in tournament.envs if env.name == env_name and not is_game(env.id)), None)
    if env is None or not episode.isdecimal() or players.count("~") != 1:
        raise ArenaError(f"no match {name!r}: a duel is called ENV/PLAYER~PLAYER/EPISODE, a game as in matches.jsonl")
    played = {record.player: record for record in _episodes(records, env_name)}
    sides = players.split("~")
    for side in sides:
        if side not in played:
            raise ArenaError(f"no match {name!r}: {side!r} played no episode of {env_name} (players: {', '.join(sorted(played))})")
    first, second = (played[side] for side in sides)
    if int(episode) >= len(first.returns):
        raise ArenaError(f"no match {name!r}: there are {len(first.returns)} episodes, counted from 0")
    return DuelChoice(env=env, episodes=(first, second), episode=int(episode), why=ASKED_FOR)


def game_replays(tournament: Tournament, records: Sequence[Record], order: Sequence[str], asked: Sequence[str] = ()) -> list[GameReplay]:
    """Returns the games of each pair of entrants; the first is the longest game that was won, or one that was asked for.

    A game that needs the user's word is left out: its moves are replayed by its own code.

    Args:
        tournament: The tournament.
        records: All records of the tournament.
        order: Entrants, best first; neighbours in it come first.
        asked: Ids of games that must be among them.
    """
    replays = []
    for env in (env for env in tournament.envs if is_game(env.id) and not names_without_word(env)):
        game = Game(env.id)
        for pair in _pairs(order):
            games = [
                record
                for record in records
                if isinstance(record, PlayedGame)
                and record.env == env.name
                and {tournament.entrant_of[player] for player in record.players} == set(pair)
            ]
            if games:
                replays.append(_replay_of_pair(game, env.name, pair, games, asked))
    return replays


def opening_replay(replays: Sequence[MatchReplay]) -> int | None:
    """Returns the number of the replay with which a page opens; None without any.

    It is the first that was asked for, else the duel whose returns lie furthest apart, as a share of the range of all returns shown on the
    same environment, else the first.
    """
    asked = next((index for index, replay in enumerate(replays) if replay.why.startswith(ASKED_FOR)), None)
    if asked is not None or not replays:
        return asked
    duels = [(index, replay) for index, replay in enumerate(replays) if isinstance(replay, DuelReplay)]
    ends = [(replay.env, pane.returns[-1]) for _, replay in duels for pane in replay.panes]
    ranges = {env: float(np.ptp([value for where, value in ends if where == env])) for env, _ in ends}

    def apart(replay: DuelReplay) -> float:
        first, second = (pane.returns[-1] for pane in replay.panes)
        return abs(first - second) / (ranges[replay.env] or 1.0)

    return max(duels, key=lambda each: (apart(each[1]), -each[0]))[0] if duels else 0


def board_plies(game: Game, moves: Sequence[int], seed: int) -> tuple[tuple[int, int] | None, tuple[Ply, ...]]:
    """Plays moves again; returns the board's shape, None where the game shows no board, and what each move did."""
    game.reset(seed)
    before = game.board()
    plies: list[Ply] = []
    for move in moves:
        seat = game.seat
        game.step(move)
        after = game.board()
        changes: tuple[tuple[int, int], ...] = ()
        if before is not None and after is not None:
            changes = tuple((int(cell), int(after.flat[cell])) for cell in np.flatnonzero(after != before))
        plies.append((seat, changes))
        before = after
    return None if before is None else (before.shape[0], before.shape[1]), tuple(plies)


def _replay_of_pair(game: Game, env_name: str, pair: tuple[str, str], games: Sequence[PlayedGame], asked: Sequence[str]) -> GameReplay:
    wanted = [record for record in games if record.match in asked]
    first = wanted[0] if wanted else max(games, key=lambda record: (record.points != 0.5, len(record.moves)))
    kept = list(dict.fromkeys([first, *wanted, *games]))[:MAX_GAMES_OF_A_PAIR]
    replayed = [_replayed(game, record) for record in kept]
    count = f"{len(kept)} of {len(games)} games" if len(kept) < len(games) else f"all {len(games)} games"
    return GameReplay(
        env=env_name,
        players=pair,
        outcome=_outcome(first),
        why=f"{_reason(first, is_asked=bool(wanted))}; {count} are here",
        shape=replayed[0][0],
        matches=tuple(match for _, match in replayed),
    )


def _reason(game: PlayedGame, *, is_asked: bool) -> str:
    if is_asked:
        return ASKED_FOR
    return LONGEST_DECIDED if game.points != 0.5 else "no game was won"


def _replayed(game: Game, record: PlayedGame) -> tuple[tuple[int, int] | None, ReplayedGame]:
    """Returns the board's shape, and the match as the game's own rules replay it."""
    shape, plies = board_plies(game, record.moves, record.seed)
    match = ReplayedGame(
        match=record.match,
        players=record.players,
        moves=record.moves,
        plies=plies,
        opening=record.num_opening_moves,
        outcome=_outcome(record),
    )
    return shape, match


def _pairs(order: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields all pairs, neighbours first."""
    for distance in range(1, len(order)):
        yield from zip(order, order[distance:], strict=False)


def _episodes(records: Sequence[Record], env_name: str) -> Iterator[Episodes]:
    return (record for record in records if isinstance(record, Episodes) and record.env == env_name and not record.reason)


def _return(value: float) -> str:
    return fixed(value, 0 if value == round(value) else 1)


def _outcome(game: PlayedGame) -> str:
    if game.points == 0.5:
        return f"A tie after {len(game.moves)} moves."
    winner = game.players[0] if game.points == 1.0 else game.players[1]
    because = f": {game.reason}" if game.reason else ""
    return f"{winner} wins after {len(game.moves)} moves{because}."
