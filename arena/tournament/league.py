"""A league: a tournament's folder that players join over months.

All that a tournament keeps is kept (`arena.tournament.folder`), and `league.json` besides: who joined when, and how often the ranking was
looked at. A player joins as a copy of its policy, tried in quarantine first, for it may come from a stranger. In duels it plays the starts
that everyone played. In games it is placed by the adaptive schedule: it meets the middle of the ranking first, then its neighbours, until
its place is decided or the budget is spent. No match is ever dropped, and standings follow from the matches alone.
"""

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.formats.json import read_json_object, write_json
from arena.formats.validation import checked
from arena.tournament.admission import refuse_untried, try_policies
from arena.tournament.folder import Rules, Tournament, TournamentFolder, file_hash
from arena.tournament.matches import Record
from arena.tournament.players import Player, check_entrants, find_players
from arena.tournament.rounds import Task, missing_episodes, next_games
from arena.tournament.run import Progress, play_on
from arena.tournament.schedule import Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Season:
    """What one `play` did."""

    num_new_records: int
    """Games, and players' episodes, added."""
    undecided: tuple[tuple[str, str], ...]
    """Entrants next to each other in games whose order is still open."""
    needs_seeds: tuple[tuple[str, str], ...]
    """Those of them that only more training seeds would decide."""
    used_up: tuple[tuple[str, str], ...]
    """Those of the others who have met from every opening there is: further games would be the same again."""


class League:
    """The folder of a league.

    Args:
        path: the folder; `add` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = TournamentFolder(path)
        self._journal = self._folder.league

    @property
    def exists(self) -> bool:
        """Whether anyone has joined."""
        return self._folder.tournament.exists()

    @property
    def rules(self) -> Rules:
        """What its first players brought; raises if nobody has joined."""
        return self._folder.read().rules

    def check_exists(self) -> None:
        """Refuses a folder that holds no league."""
        if not self.exists:
            raise ArenaError(f"there is no league in {self.path}; begin one: arena league add POLICY --env ID --league {self.path}")

    def add(self, arguments: Sequence[str], envs: Sequence[EnvConfig], rules: Rules | None = None) -> list[Player]:
        """Takes players in, and returns those who are new.

        Args:
            arguments: policy files, run folders or folders of runs; `NAME=PATH` names the entrant.
            envs: what the league plays; needed only for the first players.
            rules: of the league, which the first players bring; the schedule is always adaptive.

        Raises:
            ArenaError: if a policy is refused, a name is taken by another policy, or the league plays something else.
        """
        self._started(envs, rules)
        tried = try_policies(arguments, self._folder)
        refuse_untried(arguments, tried)
        if not self.exists:
            find_players(arguments, envs)  # who cannot play leaves no folder behind
        with self._folder.locked():  # what is read here stays until it is written
            tournament = self._started(envs, rules)
            refuse_untried(arguments, tried)
            field = find_players(arguments, tournament.envs)
            known = {player.name: player for player in tournament.players}
            new = [player for player in field.players if not _is_member(player, known)]
            players = (*tournament.players, *new)
            check_entrants(players)
            left_out = tuple(dict.fromkeys((*tournament.left_out, *field.left_out)))
            self._folder.write(dataclasses.replace(tournament, players=players, left_out=left_out))
            journal = self._read_journal()
            today = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self._write_journal({**journal, "joined": {**journal["joined"], **{player.name: today for player in new}}})
        return new

    def play(self, *, max_games: int, workers: int = 0, progress: Progress | None = None) -> Season:
        """Plays until every place is decided or the budget is spent.

        Args:
            max_games: to add.
            workers: processes; 0 means one per core.
            progress: told of every task that is done.

        Raises:
            ArenaError: if the folder holds no league, or another arena is at work in it.
        """
        self.check_exists()
        with self._folder.locked():
            return self._play(self._folder.read(), max_games, workers, progress)

    def _play(self, tournament: Tournament, max_games: int, workers: int, progress: Progress | None) -> Season:
        names, step, budget = tournament.entrants, Step.empty(), max_games

        def next_tasks(records: Sequence[Record]) -> Sequence[Task]:
            nonlocal step, budget
            if episodes := missing_episodes(tournament, records):
                return episodes
            journal = self._read_journal()
            tasks, step = next_games(tournament, records, look=journal["looks"] + 1, budget=budget)
            if tasks:  # a look that leads to nothing is taken again next time
                self._write_journal({**journal, "looks": journal["looks"] + 1})
            budget -= sum(len(task.matches) for task in tasks)
            return tasks

        before = len(self._folder.read_records()) if self._folder.matches.exists() else 0
        records = play_on(self._folder, next_tasks, workers=workers, progress=progress)
        undecided, needs_seeds, used_up = (
            tuple((names[i], names[j]) for i, j in pairs) for pairs in (step.undecided, step.needs_seeds, step.used_up)
        )
        return Season(num_new_records=len(records) - before, undecided=undecided, needs_seeds=needs_seeds, used_up=used_up)

    def _started(self, envs: Sequence[EnvConfig], rules: Rules | None) -> Tournament:
        """Returns the league as it stands, or a new one without players; refuses to play anything else than it began with."""
        if not self.exists:
            if not envs:
                raise ArenaError(f"{self.path} is a new league: say what it plays (--env)")
            return Tournament(path=self.path, players=(), envs=tuple(envs), rules=rules or Rules())
        old = self._folder.read()
        if (envs and tuple(envs) != old.envs) or (rules is not None and rules != old.rules):
            raise ArenaError(
                f"{self.path} plays {', '.join(env.name for env in old.envs)} under the rules it began with; a league keeps them"
            )
        return old

    def joined(self) -> dict[str, str]:
        """Returns when each player joined, as ISO 8601."""
        return dict(self._read_journal()["joined"])

    def _read_journal(self) -> dict[str, Any]:
        journal = {"joined": {}, "looks": 0, **(read_json_object(self._journal) if self._journal.exists() else {})}
        checked(dict[str, str], journal["joined"], f"{self._journal}: joined")
        checked(int, journal["looks"], f"{self._journal}: looks")
        return journal

    def _write_journal(self, journal: dict[str, Any]) -> None:
        write_json(self._journal, journal)


def _is_member(player: Player, known: dict[str, Player]) -> bool:
    """Returns whether the player is in the league already; refuses another policy under its name."""
    if player.name not in known:
        return False
    hashes = [{env: file_hash(path) for env, path in each.policies.items()} for each in (player, known[player.name])]
    if hashes[0] != hashes[1]:
        raise ArenaError(f"the league has another policy called {player.name!r}; a league keeps its players: give this one as NAME=PATH")
    return True
