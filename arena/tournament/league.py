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

from arena.environments import EnvConfig
from arena.errors import ArenaError
from arena.files import read_json_object, write_json
from arena.quarantine import check_policy_file
from arena.tournament.folder import Rules, Tournament, TournamentFolder, file_hash
from arena.tournament.matches import Record
from arena.tournament.players import Player, find_players
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

    def add(self, arguments: Sequence[str], envs: Sequence[EnvConfig], rules: Rules | None = None) -> list[Player]:
        """Takes players in, and returns those who are new.

        Args:
            arguments: policy files, run folders or folders of runs; `NAME=PATH` names the entrant.
            envs: what the league plays; needed only for the first players.
            rules: of the league, which the first players bring; the schedule is always adaptive.

        Raises:
            ArenaError: if a policy is refused, a name is taken by another policy, or the league plays something else.
        """
        old = self._folder.read() if self.exists else None
        if old is None and not envs:
            raise ArenaError(f"{self.path} is a new league: say what it plays (--env)")
        if old is not None and ((envs and tuple(envs) != old.envs) or (rules is not None and rules != old.rules)):
            raise ArenaError(
                f"{self.path} plays {', '.join(env.name for env in old.envs)} under the rules it began with; a league keeps them"
            )
        members = {file_hash(path) for player in old.players for path in player.policies.values()} if old else set()
        for path in _files(arguments):
            if file_hash(path) not in members:
                check_policy_file(path)
        field = find_players(arguments, old.envs if old else envs)
        known = {player.name: player for player in old.players} if old else {}
        new = [player for player in field.players if not _is_member(player, known)]
        tournament = old or Tournament(path=self.path, players=(), envs=tuple(envs), rules=rules or Rules())
        left_out = tuple(dict.fromkeys((*tournament.left_out, *field.left_out)))
        tournament = dataclasses.replace(tournament, players=(*tournament.players, *new), left_out=left_out)
        self.path.mkdir(parents=True, exist_ok=True)
        with self._folder.locked():
            self._folder.write(tournament)
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
        tournament = self._folder.read()
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

        with self._folder.locked():
            before = len(self._folder.read_records()) if self._folder.matches.exists() else 0
            records = play_on(self._folder, next_tasks, workers=workers, progress=progress)
        undecided, needs_seeds = (tuple((names[i], names[j]) for i, j in pairs) for pairs in (step.undecided, step.needs_seeds))
        return Season(num_new_records=len(records) - before, undecided=undecided, needs_seeds=needs_seeds)

    def joined(self) -> dict[str, str]:
        """Returns when each player joined, as ISO 8601."""
        return dict(self._read_journal()["joined"])

    def _read_journal(self) -> dict[str, Any]:
        return {"joined": {}, "looks": 0, **(read_json_object(self._journal) if self._journal.exists() else {})}

    def _write_journal(self, journal: dict[str, Any]) -> None:
        write_json(self._journal, journal)


def _files(arguments: Sequence[str]) -> list[Path]:
    """Returns all policy files that the arguments name, or that are in the folders they name."""
    paths = [Path(argument if Path(argument).exists() else argument.partition("=")[2]) for argument in arguments]
    return [file for path in paths for file in (sorted(path.rglob("policy.onnx")) if path.is_dir() else [path]) if file.is_file()]


def _is_member(player: Player, known: dict[str, Player]) -> bool:
    """Returns whether the player is in the league already; refuses another policy under its name."""
    if player.name not in known:
        return False
    hashes = [{env: file_hash(path) for env, path in each.policies.items()} for each in (player, known[player.name])]
    if hashes[0] != hashes[1]:
        raise ArenaError(f"the league has another policy called {player.name!r}; a league keeps its players: give this one as NAME=PATH")
    return True
