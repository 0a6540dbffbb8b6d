"""Names that become folders: of experiments, agents and tournaments."""

from collections.abc import Sequence

from arena.errors import ArenaError


def check_name(name: str, what: str) -> str:
    """Returns `name` if it can name a folder.

    Args:
        name: the name to check.
        what: the thing that is named; begins the error: `agent name`.

    Raises:
        ArenaError: if the name is empty, begins with `.` or `-`, or has a character that not every file system takes.
    """
    if not name or name.startswith((".", "-")) or not all(character.isalnum() or character in "-_.+=," for character in name):
        raise ArenaError(f"{what} {name!r} must be letters, digits and '-_.+=,', so that it can name a folder")
    return name


def check_distinct(names: Sequence[str], what: str) -> None:
    """Refuses a name that appears twice; `what` begins the error: `agents`."""
    for name in names:
        if names.count(name) > 1:
            raise ArenaError(f"{what}: {name!r} appears twice; give each a name of its own")
