"""A tournament's folder: who plays what, under which rules, and every match; enough to go on with it and to compute its standings.

===================  ==================================================================================================
`tournament.json`    rules, environments, players with the hashes of their policies, and where those came from
`policies/`          copies of the policies, named by their SHA-256, so that nothing that happens to a run folder later changes
                     the tournament
`matches.jsonl`      games and episodes, appended as they end (`arena.tournament.matches`)
`standings.json`     what the leaderboard shows; can be computed again from the rest
===================  ==================================================================================================
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from arena.agent.hyperparameters import Count
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.formats.differences import all_told, differences
from arena.formats.json import read_json_object, write_bytes, write_json
from arena.formats.jsonl import read_jsonl
from arena.formats.locks import FolderLock
from arena.formats.validation import check_keys, checked
from arena.machine.versions import package_versions
from arena.policies.file_check import read_bounded
from arena.tournament.matches import PlayedGame, Record, from_line
from arena.tournament.players import Player

SCHEMA_VERSION: Literal[1] = 1

ScheduleName = Literal["round-robin", "swiss", "adaptive"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """How a tournament is played."""

    schedule: ScheduleName = "round-robin"
    """Who meets whom in games. Duels need none: all players play the same starts, so all pairs meet."""
    episodes: Count = 100
    """Of each player on each environment; every two players thereby meet in as many duels."""
    games: Annotated[int, Ge(2)] = 100
    """Of each pair of entrants in each game, spread evenly over their players and rounded up; half of them with either moving first."""
    opening_plies: Annotated[int, Ge(0)] = 4
    """Random legal moves with which each game begins; two of them lead to 49 positions of connect four, four to 1,120."""
    move_seconds: Annotated[float, Gt(0)] = 1.0
    """Longest time for a move or an action: that of a policy's call, divided by the positions or observations in it."""
    seed: Annotated[int, Ge(0)] = 0
    """Of starts, openings and the random player."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tournament:
    """Players x environments under rules."""

    path: Path
    """Its folder."""
    players: tuple[Player, ...]
    envs: tuple[EnvConfig, ...]
    rules: Rules
    left_out: tuple[str, ...] = ()
    """Runs that could not take part, each with the reason."""
    command: str = ""
    """What played it, for people who want to repeat it."""
    versions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Of the packages that decide what is played; known once it has a folder."""

    @property
    def name(self) -> str:
        """The folder's, for titles."""
        return self.path.name

    @property
    def entrants(self) -> tuple[str, ...]:
        """In the order in which they were given, the random player first."""
        return tuple(dict.fromkeys(player.entrant for player in self.players))

    @property
    def entrant_of(self) -> dict[str, str]:
        """Player -> entrant."""
        return {player.name: player.entrant for player in self.players}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _StoredPlayer:
    entrant: str
    policies: Mapping[str, str]
    """Environment name -> SHA-256."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Inputs:
    """What makes this tournament and no other."""

    rules: Rules
    envs: tuple[EnvConfig, ...]
    players: Mapping[str, _StoredPlayer]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stored:
    """What `tournament.json` holds."""

    inputs: _Inputs
    runs: Mapping[str, Mapping[str, str]]
    """Player -> environment name -> run folder, relative to the tournament's."""
    left_out: tuple[str, ...]
    command: str
    versions: Mapping[str, str | None]
    origins: Mapping[str, Mapping[str, Mapping[str, Any]]] = dataclasses.field(default_factory=dict)
    """Empty in folders of earlier versions."""
    schema_version: Literal[1] = SCHEMA_VERSION


class TournamentFolder:
    """Names, reads and writes the files of one tournament.

    Args:
        path: the folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tournament = path / "tournament.json"
        self.matches = path / "matches.jsonl"
        self.standings = path / "standings.json"
        self.league = path / "league.json"
        self._policies = path / "policies"

    def open(self, tournament: Tournament) -> Tournament:
        """Writes the folder, or checks that it holds the same tournament; returns the tournament with the folder's own policies.

        Raises:
            ArenaError: if the folder cannot be written, or holds another tournament; says how it differs.
        """
        inputs = _inputs(tournament)
        if self.tournament.exists():
            found = differences(_as_json(self._stored().inputs), _as_json(inputs))
            if found:
                raise ArenaError(f"{self.path} holds another tournament ({all_told(found)}); give another --name or --output")
        return self.write(tournament)

    def write(self, tournament: Tournament) -> Tournament:
        """Writes the folder, whatever it held; returns the tournament with the folder's own policies.

        Raises:
            ArenaError: if the folder cannot be written, or a policy changes meanwhile.
        """
        inputs = _inputs(tournament)
        _make(self._policies)
        for player in tournament.players:
            for env, source in player.policies.items():
                sha256 = inputs.players[player.name].policies[env]
                if not (path := self._policy(sha256)).exists():
                    content = read_bounded(source)
                    if hashlib.sha256(content).hexdigest() != sha256:
                        raise ArenaError(f"policy {source} of {player.name!r} changed while it was copied; give it again")
                    write_bytes(path, content)
        runs = {player.name: {env: os.path.relpath(run, self.path) for env, run in player.runs.items()} for player in tournament.players}
        versions = package_versions(("arena-rl", "gymnasium", "numpy", "onnxruntime", "pettingzoo"))
        stored = _Stored(
            inputs=inputs,
            runs=runs,
            origins={player.name: player.origins for player in tournament.players if player.origins},
            left_out=tournament.left_out,
            versions=versions,
            command=tournament.command,
        )
        write_json(self.tournament, dataclasses.asdict(stored))
        return self.read()

    def read(self) -> Tournament:
        """Returns the tournament that the folder holds.

        Raises:
            ArenaError: if it holds none, or a stored policy is not what it was.
        """
        stored = self._stored()
        players = tuple(
            Player(
                name=name,
                entrant=player.entrant,
                policies={env: self._checked_policy(sha256, name) for env, sha256 in player.policies.items()},
                runs={env: self.path / run for env, run in stored.runs.get(name, {}).items()},
                origins=stored.origins.get(name, {}),
            )
            for name, player in stored.inputs.players.items()
        )
        return Tournament(
            path=self.path,
            players=players,
            envs=stored.inputs.envs,
            rules=stored.inputs.rules,
            left_out=stored.left_out,
            command=stored.command,
            versions=stored.versions,
        )

    def known_policies(self) -> frozenset[str]:
        """Returns the SHA-256 of all policies that the folder holds; they passed all checks when they were copied."""
        tournament = self.read() if self.tournament.exists() else None
        paths = {path for player in tournament.players for path in player.policies.values()} if tournament else set()
        return frozenset(file_hash(path) for path in paths if path.exists())

    def read_records(self, tournament: Tournament | None = None) -> list[Record]:
        """Returns all games and episodes so far.

        Args:
            tournament: as `read` returned it earlier; None reads it now.

        Raises:
            ArenaError: if the file is missing, or a complete line of it is not a record of that tournament.
        """
        tournament = self.read() if tournament is None else tournament
        known, envs, records = tournament.entrant_of, {env.name for env in tournament.envs}, []
        for number, line in enumerate(read_jsonl(self.matches), start=1):
            record = from_line(line, f"{self.matches}, line {number} is no match")
            players = record.players if isinstance(record, PlayedGame) else (record.player,)
            if unknown := [name for name in players if name not in known] or [name for name in (record.env,) if name not in envs]:
                raise ArenaError(f"{self.matches}, line {number}: {self.tournament.name} knows no {unknown[0]!r}")
            records.append(record)
        return records

    def locked(self) -> FolderLock:
        """Keeps every other arena out of the folder, which is made if need be.

        Raises:
            ArenaError: if one is at work in it, or it cannot be written.
        """
        _make(self.path)
        return FolderLock(self.path)

    def _stored(self) -> _Stored:
        """Returns what `tournament.json` holds."""
        document = read_json_object(self.tournament)
        where = f"{self.tournament} is not a tournament of this version of arena-rl: its"
        stored: _Stored = checked(_Stored, document, where)
        inputs = document["inputs"]
        tables = [(inputs, _Inputs), (inputs["rules"], Rules), *((env, EnvConfig) for env in inputs["envs"])]
        for table, kind in [*tables, *((player, _StoredPlayer) for player in inputs["players"].values())]:
            check_keys(table, (field.name for field in dataclasses.fields(kind)), f"{where} inputs: ")
        return stored

    def _policy(self, sha256: str) -> Path:
        path, short = (self._policies / f"{name}.onnx" for name in (sha256, sha256[:16]))
        return short if short.exists() and not path.exists() else path  # earlier versions named policies by 16 digits

    def _checked_policy(self, sha256: str, player: str) -> Path:
        path = self._policy(sha256)
        if path.exists() and (found := file_hash(path)) != sha256:
            raise ArenaError(
                f"{path}, the policy of {player!r}, was changed: its SHA-256 is {found}, not {sha256} as {self.tournament.name} says; "
                "put the file back, or begin another tournament"
            )
        return path


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArenaError(f"cannot make the tournament's folder {path}: {error.strerror}") from error


def _inputs(tournament: Tournament) -> _Inputs:
    return _Inputs(
        rules=tournament.rules,
        envs=tournament.envs,
        players={
            player.name: _StoredPlayer(entrant=player.entrant, policies={env: file_hash(path) for env, path in player.policies.items()})
            for player in tournament.players
        },
    )


def _as_json(inputs: _Inputs) -> dict[str, Any]:
    """Returns the inputs with only such types as JSON brings back."""
    value: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(inputs)))
    return value


def file_hash(path: Path) -> str:
    """Returns the SHA-256 of a policy file, in hexadecimal digits; raises as `arena.policies.file_check.read_bounded`."""
    return hashlib.sha256(read_bounded(path)).hexdigest()
