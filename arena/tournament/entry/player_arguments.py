"""How the command line names players: `PATH`, `NAME=PATH` or `NAME=module:callable`."""

from collections.abc import Iterable
from pathlib import Path

from arena.agent.registry import agent_ids
from arena.errors import ArenaError, did_you_mean
from arena.tournament.entry.entrants import checked_entrant
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.program import is_program


def program_of(argument: str) -> tuple[str, str] | None:
    """Returns the entrant's name and the program of an argument `NAME=module:callable`; None for any other.

    Raises:
        ArenaError: If a program has no name, or one that cannot name an entrant.
    """
    if is_program(argument):
        raise ArenaError(f"player {argument!r} is a program: give it a name, NAME={argument}")
    name, _, program = argument.partition("=")
    return (checked_entrant(name, Path(argument)), program) if is_program(program) and not Path(argument).exists() else None


def split_argument(argument: str) -> tuple[str | None, Path]:
    """Returns the entrant's name and the path of an argument `NAME=PATH`; None and the path of an argument `PATH`.

    Raises:
        ArenaError: If the path is missing, or the name cannot name an entrant.
    """
    name, equals, path = argument.partition("=")
    if equals and not Path(argument).exists():  # '=' may stand in a path: run folders of environments with arguments have it
        return checked_entrant(name, Path(argument)), _existing(path)
    return None, _existing(argument)


def folders(arguments: Iterable[str]) -> list[Path]:
    """Returns the folders among the arguments."""
    return [path for argument in arguments if program_of(argument) is None and (path := split_argument(argument)[1]).is_dir()]


def _existing(path: str) -> Path:
    if path != RANDOM and not Path(path).exists():
        known = did_you_mean(path, agent_ids())
        raise ArenaError(
            f"no player {path!r}{known} (a policy file, a run's or an experiment's folder, an agent's id, a program as "
            f"NAME=module:callable, or '{RANDOM}')"
        )
    return Path(path)
