"""The names of entrants: what may be one, and that one name stands for one thing."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.differences import sides
from arena.tournament.entry.player import RANDOM, Player

RESERVED = frozenset("/~[]")
"""Characters that no entrant may have in its name: they separate names in the ids of matches, or mark up text on the terminal."""


def checked_entrant(name: str, where: Path) -> str:
    """Returns the name of an entrant if it can be one: ids of matches are built from such names, and tables print them.

    Args:
        name: The name.
        where: File or folder that brought the name; begins the error.

    Raises:
        ArenaError: If the name would make two pairs share the id of a match, or cannot be printed.
    """
    if name == RANDOM:
        raise ArenaError(f"{where}: {RANDOM!r} is the name of the uniformly random player; give NAME=PATH")
    if not name or name != name.strip() or not name.isprintable() or not RESERVED.isdisjoint(name):
        reserved = ", ".join(map(repr, sorted(RESERVED)))
        raise ArenaError(
            f"{where}: {name!r} cannot name an entrant; give NAME=PATH, the name without {reserved} and unprintable characters"
        )
    return name


def check_entrants(players: Iterable[Player]) -> None:
    """Refuses an entrant that would be two things: a policy file and runs, or runs of different agents, settings or environments.

    Raises:
        ArenaError: If one is found; names both things and what differs.
    """
    firsts: dict[str, Player] = {}
    trained: dict[tuple[str, str], tuple[Path, Mapping[str, Any]]] = {}
    for player in players:
        _check_kind(firsts.setdefault(player.entrant, player), player)
        for env, origin in player.origins.items():
            path = player.runs[env]
            # Settings may differ between environments; the agent that a name stands for is the same in all of them.
            for key, here in ((env, origin), ("", {"agent": origin["agent"]})):
                other_path, there = trained.setdefault((player.entrant, key), (path, here))
                _check_origin(player.entrant, other_path, there, path, here)


def _check_kind(first: Player, player: Player) -> None:
    if bool(first.runs) == bool(player.runs):
        return
    file, run = (first, player) if player.runs else (player, first)
    folder = next(iter(run.runs.values()))
    what = f"program {file.program.name}" if file.program else f"policy file {next(iter(file.policies.values())).source}"
    raise ArenaError(f"entrant {player.entrant!r} would be both {what} and run {folder}; give one as NAME=PATH")


def _check_origin(entrant: str, other_path: Path, there: Mapping[str, Any], path: Path, here: Mapping[str, Any]) -> None:
    for part in here:
        if here[part] != there.get(part):
            one, two = sides(there.get(part), here[part])
            raise ArenaError(
                f"entrant {entrant!r} would be two agents: {other_path} has {part} {one}, {path} has {two}; give one as NAME=PATH"
            )
