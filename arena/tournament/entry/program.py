"""Programs of the user's own as players: heuristics and search, named on the command line as `NAME=module:callable`.

A program is code, so it plays only by the user's word, which no folder can give: a tournament's folder names the programs that played,
and nothing is imported because it does. A program plays in the process that plays the match, without the bounds of a policy file.

The callable is called as `make(observation_space, action_space, rng)` for each task, and returns a function that maps observations
`[N, *obs]` to actions `[N, *act]`. `rng` is a NumPy generator that follows from the tournament's seed. In a game the observation is the
flat position with the action mask behind it (`arena.environments.spaces.MaskedBox`, whose `split` takes them apart).
"""

import dataclasses
import hashlib
import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.word import needs_word
from arena.errors import ArenaError, how_to_find
from arena.formats.readable import one_line
from arena.tournament.entry.env_spaces import Spaces

Array = npt.NDArray[Any]
Act = Callable[[Array], Array]
"""Function that maps observations `[N, *obs]` to actions `[N, *act]`."""

_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_program(text: str) -> bool:
    """Returns whether a player is written as a program, `module:callable`, and is no file."""
    return bool(_FORM.fullmatch(text)) and not Path(text).exists()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A program as a player."""

    name: str
    """`module:callable`."""
    sha256: str
    """SHA-256 of the module's file, in hexadecimal digits."""
    allowed: bool = dataclasses.field(default=False, compare=False)
    """Whether the user named it, so that it may be imported; false for one that a folder names."""

    def policy(self, spaces: Spaces, rng: np.random.Generator) -> "ProgramPolicy":
        """Returns the program ready to play.

        Args:
            spaces: Observation and action space of what is played.
            rng: Random numbers of the program.

        Raises:
            ArenaError: If the user did not name it, it is no longer what it was, or it fails when it is made.
        """
        self.refuse_without_word()
        make = _load(self.name)
        if (found := _sha256(self.name)) != self.sha256:
            raise ArenaError(
                f"program {self.name} was changed since it joined: its file's SHA-256 is {found[:12]}…, not {self.sha256[:12]}…; put the "
                "file back, or let the new one join under another name"
            )
        try:
            act = make(*spaces, rng)
        except Exception as error:  # the user's own code
            raise ArenaError(f"program {self.name} failed when it was made: {type(error).__name__}: {one_line(error)}") from error
        if not callable(act):
            raise ArenaError(f"program {self.name} returned a {type(act).__name__}; it must return a function from observations to actions")
        return ProgramPolicy(act)

    def refuse_without_word(self, where: Path | str = "a folder") -> None:
        """Refuses a program that a folder names and the user does not.

        Args:
            where: File that names it, for the error.

        Raises:
            ArenaError: Names the program, and the option that allows it.
        """
        if not self.allowed:
            raise ArenaError(needs_word([self.name], where))


class ProgramPolicy:
    """A program that plays; it answers what a policy answers.

    Args:
        act: Function that maps observations to actions.
    """

    def __init__(self, act: Act) -> None:
        self._act = act

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns the program's actions `[N, *act]`; masks stand in the observations."""
        del action_masks
        return np.asarray(self._act(observations))


def find_program(name: str) -> Program:
    """Imports the module of a program that the user names, and returns it.

    Raises:
        ArenaError: If the module cannot be imported, is no file, or has no such callable.
    """
    _load(name)
    return Program(name=name, sha256=_sha256(name), allowed=True)


def _load(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:  # the user's own code
        raise ArenaError(f"program {name}: {module!r} cannot be imported: {error!r}{how_to_find(module)}") from error
    if not callable(found):
        raise ArenaError(f"program {name}: {module!r} has no function {attribute!r}")
    return found  # type: ignore[no-any-return]


def _sha256(name: str) -> str:
    file = getattr(sys.modules[name.partition(":")[0]], "__file__", None)
    try:
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError as error:
        raise ArenaError(f"program {name}: its module is no file that can be read; give one that is") from error
