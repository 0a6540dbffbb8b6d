"""The document `tournament.json`: what it holds, how it is read, and how two of them differ."""

import dataclasses
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from arena.environments.config import EnvConfig
from arena.formats.differences import all_told, differences
from arena.formats.json import read_json_object
from arena.formats.validation import check_keys, checked
from arena.machine.versions import package_versions
from arena.tournament.entry.player import Player
from arena.tournament.tournament import Rules, Tournament

SCHEMA_VERSION: Literal[1] = 1
"""Version of the document's form."""

PACKAGES = ("arena-rl", "gymnasium", "numpy", "onnxruntime", "pettingzoo")
"""Packages that decide what is played; their versions are kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredProgram:
    """A program that plays: what it was, not what may be loaded."""

    name: str
    """`module:callable`."""
    sha256: Annotated[str, pydantic.StringConstraints(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the module's file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredPlayer:
    """One player, without files."""

    entrant: str
    """Name of the entrant that the player belongs to."""
    policies: Mapping[str, Annotated[str, pydantic.StringConstraints(pattern="^[0-9a-f]{64}$")]]
    """Environment name -> SHA-256 of the policy."""
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment name -> status and reason of a run that failed; empty in folders of earlier versions, which left failed runs out."""
    program: StoredProgram | None = None
    """Program that plays everywhere, in place of policies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredInputs:
    """Everything that makes this tournament and no other."""

    rules: Rules
    """Rules that all matches follow."""
    envs: tuple[EnvConfig, ...]
    """Environments and games that are played."""
    players: Mapping[str, StoredPlayer]
    """Name -> player."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredTournament:
    """The content of `tournament.json`."""

    inputs: StoredInputs
    """Everything that makes this tournament and no other."""
    runs: Mapping[str, Mapping[str, str]]
    """Player -> environment name -> run folder, relative to the tournament's folder."""
    left_out: tuple[str, ...]
    """Runs that could not take part, each with the reason."""
    command: str
    """Command line that played the tournament."""
    versions: Mapping[str, str | None]
    """Package -> version."""
    origins: Mapping[str, Mapping[str, Mapping[str, Any]]] = dataclasses.field(default_factory=dict)
    """Player -> environment name -> what was trained; empty in folders of earlier versions."""
    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of the document's form."""


def stored(tournament: Tournament) -> StoredTournament:
    """Returns a tournament as it is written into its folder."""
    players = tournament.players
    return StoredTournament(
        inputs=StoredInputs(
            rules=tournament.rules,
            envs=tournament.envs,
            players={
                player.name: StoredPlayer(
                    entrant=player.entrant, policies=player.hashes(), failed=player.failed, program=_stored_program(player)
                )
                for player in players
            },
        ),
        runs={player.name: {env: os.path.relpath(run, tournament.path) for env, run in player.runs.items()} for player in players},
        left_out=tournament.left_out,
        command=tournament.command,
        versions=package_versions(PACKAGES),
        origins={player.name: player.origins for player in players if player.origins},
    )


def _stored_program(player: Player) -> StoredProgram | None:
    return None if player.program is None else StoredProgram(name=player.program.name, sha256=player.program.sha256)


def read_stored(path: Path) -> StoredTournament:
    """Returns the content of a `tournament.json`.

    Raises:
        ArenaError: If the file is missing, or isn't a tournament of this version; says which part.
    """
    document = read_json_object(path)
    where = f"{path} is not a tournament of this version of arena-rl: its"
    content: StoredTournament = checked(StoredTournament, document, where)
    inputs = document["inputs"]
    tables = [(inputs, StoredInputs), (inputs["rules"], Rules), *((env, EnvConfig) for env in inputs["envs"])]
    for table, kind in [*tables, *((player, StoredPlayer) for player in inputs["players"].values())]:
        check_keys(table, (field.name for field in dataclasses.fields(kind)), f"{where} inputs: ")
    return content


def is_own_command(command: str) -> bool:
    """Returns whether a command line is one call of `arena` and nothing else, so that a page may tell people to repeat it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words[:1] == ["arena"] and command.isprintable() and shlex.join(words) == command


def difference(there: StoredInputs, wanted: StoredInputs) -> str:
    """Returns how two tournaments differ, in one line; empty if they do not."""
    return all_told(differences(_as_json(there), _as_json(wanted)))


def _as_json(inputs: StoredInputs) -> dict[str, Any]:
    """Returns the inputs with only such types as JSON brings back."""
    value: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(inputs)))
    return value
