"""How the command line names players: `PATH` or `NAME=PATH`."""

from pathlib import Path

from arena.agent.registry import agent_ids
from arena.errors import ArenaError, did_you_mean
from arena.tournament.entry.entrants import checked_entrant
from arena.tournament.entry.player import RANDOM


def split_argument(argument: str) -> tuple[str | None, Path]:
    """Returns the entrant's name and the path of an argument `NAME=PATH`; None and the path of an argument `PATH`.

    Raises:
        ArenaError: If the path is missing, or the name cannot name an entrant.
    """
    name, equals, path = argument.partition("=")
    if equals and not Path(argument).exists():  # '=' may stand in a path: run folders of environments with arguments have it
        return checked_entrant(name, Path(argument)), _existing(path)
    return None, _existing(argument)


def _existing(path: str) -> Path:
    if path != RANDOM and not Path(path).exists():
        known = did_you_mean(path, agent_ids())
        raise ArenaError(f"no player {path!r}{known} (a policy file, a run's or an experiment's folder, an agent's id, or '{RANDOM}')")
    return Path(path)
