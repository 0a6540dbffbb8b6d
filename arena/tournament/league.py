"""A league: a tournament's folder that players join over months.

All that a tournament keeps is kept (`arena.tournament.tournament_folder`), and `league.json` besides: who joined when, and how often the
ranking was looked at. A player joins as a copy of its policy, tried in quarantine first, for it may come from a stranger. In duels it plays
the starts that everyone played. In games it is placed by the adaptive schedule: it meets the middle of the ranking first, then its
neighbours, until its place is decided or the budget is spent. A player that is removed, or whose file fails in a match, plays no further
matches until it is added again. No match is ever dropped, and standings follow from the matches alone.
"""

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.word import code_names, refuse_without_word
from arena.errors import ArenaError, did_you_mean
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.entrants import check_entrants
from arena.tournament.entry.find_players import find_players
from arena.tournament.entry.player import RANDOM, Player
from arena.tournament.league_journal import read_journal, write_journal
from arena.tournament.match_records import PlayedGame, Record
from arena.tournament.play.play_tournament import PlayProgress, play_more
from arena.tournament.schedule.adaptive import Look
from arena.tournament.schedule.rounds import missing_episodes, next_games
from arena.tournament.schedule.tasks import Task
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Season:
    """The result of one `League.play`."""

    num_new_records: int
    """Number of games, and of players' episodes, that were added."""
    undecided: tuple[tuple[str, str], ...]
    """Entrants next to each other in games whose order is still open."""
    needs_seeds: tuple[tuple[str, str], ...]
    """Undecided pairs that only more training seeds would decide."""
    used_up: tuple[tuple[str, str], ...]
    """Other undecided pairs, who have met from every opening there is: further games would be the same again."""
    absent: Mapping[str, str]
    """Player -> why it plays no further matches: `removed on …` or `suspended: …`."""
    has_games: bool
    """Whether the league plays games, of which more can be played from other openings."""
    has_duels: bool
    """Whether the league plays duels, each of which all players have played once: only other starts or more seeds say more."""


class League:
    """The folder of a league.

    Args:
        path: The folder; `add` makes it.
        allow: Import paths and files for which the user gives their word: the league's folder, and run folders, may be a stranger's.
    """

    def __init__(self, path: Path, allow: Collection[str] = ()) -> None:
        self.path = path
        self._allow = allow
        self._folder = TournamentFolder(path)
        self._journal = self._folder.league

    @property
    def exists(self) -> bool:
        """Whether anyone has joined."""
        return self._folder.exists

    @property
    def rules(self) -> Rules:
        """Rules that the first players brought; raises if nobody has joined."""
        return self._folder.read().rules

    def check_exists(self) -> None:
        """Refuses a folder that holds no league."""
        if not self.exists:
            raise ArenaError(f"there is no league in {self.path}; begin one: arena league add POLICY --env ID --league {self.path}")

    def add(self, arguments: Sequence[str], envs: Sequence[EnvConfig], rules: Rules | None = None) -> list[Player]:
        """Takes players in, and returns those who are new, and those who were removed or suspended and play again.

        Args:
            arguments: Policy files, run folders or folders of runs; `NAME=PATH` names the entrant, `NAME=module:callable` a program.
            envs: Everything that the league plays; needed only for the first players.
            rules: Rules of the league, which the first players bring; the schedule is always adaptive.

        Raises:
            ArenaError: If a policy is refused, a name is taken by another policy, or the league plays something else.
        """
        tournament = self._started(envs, rules)
        with Admission(self._trusted_copies(tournament)) as admission:
            found = find_players(arguments, tournament.envs, admission, self._allow)
            with self._folder.locked():  # what is read here stays until it is written
                tournament = self._started(envs, rules)
                known = {player.name: player for player in tournament.players}
                new = [player for player in found.players if not _is_member(player, known)]
                players = (*tournament.players, *new)
                check_entrants(players)
                left_out = tuple(dict.fromkeys((*tournament.left_out, *found.left_out)))
                self._folder.write(dataclasses.replace(tournament, players=players, left_out=left_out))
                back = self._take_back(tournament, {player.name for player in found.players} & known.keys())
                journal = read_journal(self._journal)
                joined = {**journal.joined, **{player.name: _now() for player in new}}
                write_journal(self._journal, dataclasses.replace(journal, joined=joined))
        return [*new, *back]

    def remove(self, names: Sequence[str]) -> list[str]:
        """Removes players, who play no further matches; their own matches stay, and count for the others. `add` takes them back.

        Args:
            names: Names of players, or of entrants, which stand for all of their players.

        Returns:
            The names of the players who are removed now.

        Raises:
            ArenaError: If a name isn't known here, or is that of the random player, whose rating is the zero of the scale.
        """
        self.check_exists()
        with self._folder.locked():
            tournament, journal = self._folder.read(self._allow), read_journal(self._journal)
            known = {player.name for player in tournament.players} | set(tournament.entrants)
            for name in names:
                if name == RANDOM or name not in known:
                    near = did_you_mean(name, known - {RANDOM})
                    raise ArenaError(f"{self.path} has no player {name!r} that could be removed{near} (arena league standings)")
            players = [player.name for player in tournament.players if {player.name, player.entrant} & set(names)]
            gone = [name for name in players if name not in journal.removed]
            write_journal(self._journal, dataclasses.replace(journal, removed={**journal.removed, **dict.fromkeys(gone, _now())}))
        return gone

    def play(self, *, max_games: int, workers: int = 0, progress: PlayProgress | None = None, trusted: bool = False) -> Season:
        """Plays until every place is decided or the budget is spent.

        Args:
            max_games: Max number of games to add.
            workers: Number of processes; 0 means one per core.
            progress: Function told of every task that is done.
            trusted: Whether all policy files are the caller's own, and play without bounds.

        Raises:
            ArenaError: If the folder holds no league, or another arena is at work in it.
        """
        self.check_exists()
        with self._folder.locked():
            return self._play(self._folder.read(self._allow), max_games, workers, progress, trusted=trusted)

    def joined(self) -> dict[str, str]:
        """Returns when each player joined, as ISO 8601."""
        return dict(read_journal(self._journal).joined)

    def _play(self, tournament: Tournament, max_games: int, workers: int, progress: PlayProgress | None, *, trusted: bool) -> Season:
        names: tuple[str, ...] = ()
        found, budget = Look.empty(), max_games

        def next_tasks(records: Sequence[Record]) -> Sequence[Task]:
            nonlocal names, found, budget
            journal = read_journal(self._journal)
            playing, records = _without(tournament, records, journal.absent(records))
            names, found = playing.entrants, Look.empty()
            if len(names) < 2:
                return []
            if episodes := missing_episodes(playing, records):
                return episodes
            tasks, found = next_games(playing, records, look=journal.looks + 1, budget=budget)
            if tasks:  # a look that leads to nothing is taken again next time
                write_journal(self._journal, dataclasses.replace(journal, looks=journal.looks + 1))
            budget -= sum(len(task.matches) for task in tasks)
            return tasks

        before = len(self._folder.read_records(tournament)) if self._folder.matches.exists() else 0
        records = play_more(self._folder, tournament, next_tasks, workers=workers, progress=progress, trusted=trusted)
        undecided, needs_seeds, used_up = (
            tuple((names[i], names[j]) for i, j in pairs) for pairs in (found.undecided, found.needs_seeds, found.used_up)
        )
        absent = read_journal(self._journal).absent(records)
        return Season(
            num_new_records=len(records) - before,
            undecided=undecided,
            needs_seeds=needs_seeds,
            used_up=used_up,
            absent=absent,
            has_games=any(is_game(env.id) for env in tournament.envs),
            has_duels=any(not is_game(env.id) for env in tournament.envs),
        )

    def _absent(self, tournament: Tournament) -> dict[str, str]:
        """Returns who plays no further matches, and why."""
        records = self._folder.read_records(tournament) if self._folder.matches.exists() else []
        return read_journal(self._journal).absent(records)

    def _trusted_copies(self, tournament: Tournament) -> dict[str, Path]:
        """Returns the policies that need not be tried again, by their SHA-256: not those of players who return."""
        absent = self._absent(tournament) if self.exists else {}
        again = {sha256 for player in tournament.players if player.name in absent for sha256 in player.hashes().values()}
        return {sha256: path for sha256, path in tournament.policy_files.items() if sha256 not in again}

    def _take_back(self, tournament: Tournament, names: Collection[str]) -> list[Player]:
        """Returns those of the players who were absent, and writes that they are not."""
        absent = self._absent(tournament) if self.exists else {}
        back = [player for player in tournament.players if player.name in absent and player.name in names]
        if back:
            journal = read_journal(self._journal).after_return([player.name for player in back], self._folder.read_records(tournament))
            write_journal(self._journal, journal)
        return back

    def _started(self, envs: Sequence[EnvConfig], rules: Rules | None) -> Tournament:
        """Returns the league as it stands, or a new one without players; refuses to play anything but what it began with."""
        if not self.exists:
            if not envs:
                raise ArenaError(f"{self.path} is a new league: say what it plays (--env)")
            return Tournament(path=self.path, players=(), envs=tuple(envs), rules=rules or Rules())
        old = self._folder.read({*self._allow, *(name for env in envs for name in code_names(env))})
        for env in old.envs:
            refuse_without_word(env, self._folder.tournament)
        if (envs and tuple(envs) != old.envs) or (rules is not None and rules != old.rules):
            raise ArenaError(
                f"{self.path} plays {', '.join(env.name for env in old.envs)} under the rules it began with; a league keeps them"
            )
        return old


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _without(tournament: Tournament, records: Sequence[Record], absent: Collection[str]) -> tuple[Tournament, Sequence[Record]]:
    """Returns the tournament and the matches of those who are present, by which the schedule goes."""
    if not absent:
        return tournament, records
    players = tuple(player for player in tournament.players if player.name not in absent)
    kept = [record for record in records if not any(name in absent for name in _players_of(record))]
    return dataclasses.replace(tournament, players=players), kept


def _players_of(record: Record) -> tuple[str, ...]:
    return record.players if isinstance(record, PlayedGame) else (record.player,)


def _is_member(player: Player, known: Mapping[str, Player]) -> bool:
    """Returns whether the player is in the league already; refuses another policy, or a failed run, under its name."""
    if player.name not in known:
        return False
    there = known[player.name]
    if player.hashes() != there.hashes() or player.failed.keys() != there.failed.keys() or player.program != there.program:
        kinds = {"program": there.program, "failed run": there.failed, "policy": True}
        what = next(kind for kind, is_it in kinds.items() if is_it)
        raise ArenaError(f"the league has another {what} called {player.name!r}; a league keeps its players: give this one as NAME=PATH")
    return True
