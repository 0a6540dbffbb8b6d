"""The folder of a tournament: who plays what, under which rules, and every match; enough to resume it and to compute its standings.

===================  ==================================================================================================
`tournament.json`    rules, environments, players with the hashes of their policies, and where those came from
`policies/`          copies of the policies, named by their SHA-256, so that nothing that happens to a run folder later changes
                     the tournament
`matches.jsonl`      games and episodes, appended as they end (`arena.tournament.match_records`)
`standings.json`     the numbers of the leaderboard; can be computed again from the rest
`leaderboard.html`   the page; can be written again from the rest
`league.json`        of a league only: who joined when, and how often the ranking was looked at
===================  ==================================================================================================
"""

import dataclasses
import hashlib
from collections.abc import Collection
from pathlib import Path

from arena.environments.config import RecordedEnv
from arena.environments.word import with_word
from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.json import write_bytes, write_json
from arena.formats.jsonl import read_jsonl
from arena.formats.locks import FolderLock
from arena.policies.file_check import read_bounded
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.player import Player
from arena.tournament.entry.program import Program
from arena.tournament.match_records import PlayedGame, Record, from_line
from arena.tournament.stored_tournament import StoredProgram, difference, is_own_command, read_stored, stored
from arena.tournament.tournament import Tournament


class TournamentFolder:
    """Names, reads and writes the files of one tournament.

    Args:
        path: The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tournament = path / "tournament.json"
        self.matches = path / "matches.jsonl"
        self.standings = path / "standings.json"
        self.page = path / "leaderboard.html"
        self.league = path / "league.json"
        self._policies = path / "policies"
        self._folder = Folder(path)

    @property
    def exists(self) -> bool:
        """Whether the folder holds a `tournament.json`, of whatever kind."""
        return self._folder.kind(self.tournament.name) is not None

    def open(self, tournament: Tournament) -> Tournament:
        """Writes the folder, or checks that it holds the same tournament; returns the tournament with the folder's own policies.

        Raises:
            ArenaError: If the folder cannot be written, or holds another tournament; says how it differs.
        """
        self._refuse_links()
        if self.exists and (found := difference(read_stored(self.tournament).inputs, stored(tournament).inputs)):
            raise ArenaError(f"{self.path} holds another tournament ({found}); give another --name or --output")
        return self.write(tournament)

    def write(self, tournament: Tournament) -> Tournament:
        """Writes the folder, whatever it held; returns the tournament with the folder's own policies.

        Raises:
            ArenaError: If the folder cannot be written, or a policy that it holds was changed.
        """
        self._make(self._policies.name)
        self._refuse_links()
        players = tuple(
            dataclasses.replace(player, policies={env: self._kept(policy, player.name) for env, policy in player.policies.items()})
            for player in tournament.players
        )
        document = stored(tournament)
        write_json(self.tournament, dataclasses.asdict(document))
        return dataclasses.replace(tournament, players=players, versions=document.versions)

    def read(self, allow: Collection[str] = ()) -> Tournament:
        """Returns the tournament that the folder holds; nothing that the folder names is loaded, then or later, without the user's word.

        Args:
            allow: Import paths and files that its environments and programs may name (`arena.environments.word`).

        Raises:
            ArenaError: If it holds none, or a stored policy was changed.
        """
        self._refuse_links()
        if not self.exists:
            raise ArenaError(f"there is no tournament in {self.path}; give a folder that `arena tournament` has written")
        content = read_stored(self.tournament)
        players = tuple(
            Player(
                name=name,
                entrant=player.entrant,
                policies={env: self._stored_policy(sha256, name) for env, sha256 in player.policies.items()},
                runs={env: self.path / run for env, run in content.runs.get(name, {}).items()},
                failed=player.failed,
                origins=content.origins.get(name, {}),
                program=_program(player.program, allow),
            )
            for name, player in content.inputs.players.items()
        )
        return Tournament(
            path=self.path,
            players=players,
            envs=tuple(with_word(RecordedEnv(**vars(env)), allow) for env in content.inputs.envs),
            rules=content.inputs.rules,
            left_out=content.left_out,
            command=content.command if is_own_command(content.command) else "",
            versions=content.versions,
        )

    def policy_files(self) -> dict[str, Path]:
        """Returns the policies that the folder holds, by their SHA-256; empty where there is no tournament in it."""
        return self.read().policy_files if self.exists else {}

    def read_records(self, tournament: Tournament | None = None) -> list[Record]:
        """Returns all games and episodes so far.

        Args:
            tournament: The tournament in the folder, if it has been read already; None reads it.

        Raises:
            ArenaError: If the file is missing, or a complete line of it isn't a record of that tournament.
        """
        tournament = self.read() if tournament is None else tournament
        known, envs, records = tournament.entrant_of, {env.name for env in tournament.envs}, []
        for number, line in enumerate(read_jsonl(self.matches), start=1):
            record = from_line(line, f"{self.matches}, line {number} isn't a match")
            players = record.players if isinstance(record, PlayedGame) else (record.player,)
            if unknown := [name for name in players if name not in known] or [name for name in (record.env,) if name not in envs]:
                raise ArenaError(f"{self.matches}, line {number}: {self.tournament.name} knows no {unknown[0]!r}")
            records.append(record)
        return records

    def locked(self) -> FolderLock:
        """Keeps every other arena out of the folder, which is made if need be.

        Raises:
            ArenaError: If another arena is at work in it, or it cannot be written.
        """
        self._refuse_links()
        self._make()
        if self._folder.kind(self.matches.name) is not None:
            self._folder.open(self.matches.name, "ab").close()  # refused before anything is played, if it must not be appended to
        lock = FolderLock(self.path)
        for name in ("", self._policies.name):
            self._folder.clear_remains(name)
        return lock

    def _make(self, name: str = "") -> None:
        try:
            self._folder.make(name)
        except OSError as error:
            raise ArenaError(
                f"cannot make the tournament's folder {self.path / name}: {error.strerror}; give another place (--output, or --league)"
            ) from error

    def _refuse_links(self) -> None:
        """Refuses a folder in which a file of the tournament is a link, or leads over one, or is no regular file."""
        for path in (self.tournament, self.matches, self.standings, self.page, self.league, self._policies):
            self._folder.check(path.name)

    def _policy_path(self, sha256: str) -> Path:
        path, short = (self._policies / f"{name}.onnx" for name in (sha256, sha256[:16]))
        return short if short.exists() and not path.exists() else path  # earlier versions named policies by 16 digits

    def _kept(self, policy: AdmittedPolicy, player: str) -> AdmittedPolicy:
        """Returns the folder's own copy of a policy, which is made if need be."""
        path = self._policy_path(policy.sha256)
        if path.exists():
            return policy if path == policy.path else self._stored_policy(policy.sha256, player)
        write_bytes(path, read_bounded(policy.path))
        return dataclasses.replace(policy, path=path)

    def _stored_policy(self, sha256: str, player: str) -> AdmittedPolicy:
        """Returns a policy that the folder holds; refuses one whose content isn't what its name says."""
        path = self._policy_path(sha256)
        if path.exists() and (found := hashlib.sha256(read_bounded(path)).hexdigest()) != sha256:
            raise ArenaError(
                f"{path}, the policy of {player!r}, was changed: its SHA-256 is {found}, not {sha256} as {self.tournament.name} says; "
                "put the file back, or begin another tournament"
            )
        return AdmittedPolicy(path=path, sha256=sha256, source=path)


def _program(stored_program: StoredProgram | None, allow: Collection[str]) -> Program | None:
    if stored_program is None:
        return None
    return Program(name=stored_program.name, sha256=stored_program.sha256, allowed=stored_program.name in allow)
