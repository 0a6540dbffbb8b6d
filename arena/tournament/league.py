"""A league: a tournament's folder that players join over months.

All that a tournament keeps is kept (`arena.tournament.tournament_folder`), and `league.json` besides: who joined when, and how often the
ranking was looked at. A player joins as a copy of its policy, tried in quarantine first, for it may come from a stranger. In duels it plays
the starts that everyone played. In games it is placed by the adaptive schedule: it meets the middle of the ranking first, then its
neighbours, until its place is decided or the budget is spent. No match is ever dropped, and standings follow from the matches alone.
"""

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig
from arena.environments.word import code_names, refuse_without_word
from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_json
from arena.formats.validation import checked
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.entrants import check_entrants
from arena.tournament.entry.find_players import find_players
from arena.tournament.entry.player import Player
from arena.tournament.match_records import Record
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
        """Takes players in, and returns those who are new.

        Args:
            arguments: Policy files, run folders or folders of runs; `NAME=PATH` names the entrant.
            envs: Everything that the league plays; needed only for the first players.
            rules: Rules of the league, which the first players bring; the schedule is always adaptive.

        Raises:
            ArenaError: If a policy is refused, a name is taken by another policy, or the league plays something else.
        """
        tournament = self._started(envs, rules)
        with Admission(tournament.policy_files) as admission:
            found = find_players(arguments, tournament.envs, admission, self._allow)
            with self._folder.locked():  # what is read here stays until it is written
                tournament = self._started(envs, rules)
                known = {player.name: player for player in tournament.players}
                new = [player for player in found.players if not _is_member(player, known)]
                players = (*tournament.players, *new)
                check_entrants(players)
                left_out = tuple(dict.fromkeys((*tournament.left_out, *found.left_out)))
                self._folder.write(dataclasses.replace(tournament, players=players, left_out=left_out))
                journal = self._read_journal()
                today = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
                self._write_journal({**journal, "joined": {**journal["joined"], **{player.name: today for player in new}}})
        return new

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
        return dict(self._read_journal()["joined"])

    def _play(self, tournament: Tournament, max_games: int, workers: int, progress: PlayProgress | None, *, trusted: bool) -> Season:
        names, found, budget = tournament.entrants, Look.empty(), max_games

        def next_tasks(records: Sequence[Record]) -> Sequence[Task]:
            nonlocal found, budget
            if episodes := missing_episodes(tournament, records):
                return episodes
            journal = self._read_journal()
            tasks, found = next_games(tournament, records, look=journal["looks"] + 1, budget=budget)
            if tasks:  # a look that leads to nothing is taken again next time
                self._write_journal({**journal, "looks": journal["looks"] + 1})
            budget -= sum(len(task.matches) for task in tasks)
            return tasks

        before = len(self._folder.read_records(tournament)) if self._folder.matches.exists() else 0
        records = play_more(self._folder, tournament, next_tasks, workers=workers, progress=progress, trusted=trusted)
        undecided, needs_seeds, used_up = (
            tuple((names[i], names[j]) for i, j in pairs) for pairs in (found.undecided, found.needs_seeds, found.used_up)
        )
        return Season(num_new_records=len(records) - before, undecided=undecided, needs_seeds=needs_seeds, used_up=used_up)

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

    def _read_journal(self) -> dict[str, Any]:
        journal = {"joined": {}, "looks": 0, **(read_json_object(self._journal) if self._journal.exists() else {})}
        checked(dict[str, str], journal["joined"], f"{self._journal}: joined")
        checked(int, journal["looks"], f"{self._journal}: looks")
        return journal

    def _write_journal(self, journal: dict[str, Any]) -> None:
        write_json(self._journal, journal)


def _is_member(player: Player, known: Mapping[str, Player]) -> bool:
    """Returns whether the player is in the league already; refuses another policy, or a failed run, under its name."""
    if player.name not in known:
        return False
    there = known[player.name]
    if player.hashes() != there.hashes() or player.failed.keys() != there.failed.keys():
        what = "failed run" if there.failed else "policy"
        raise ArenaError(f"the league has another {what} called {player.name!r}; a league keeps its players: give this one as NAME=PATH")
    return True
