"""Errors that an environment's own code raises, told to people: which environment, env step and episode, and the line of code."""

import contextlib
import os
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from arena.environments.values import MissingValue, environment_fault
from arena.errors import ArenaError, EnvironmentRaised
from arena.formats.readable import one_line

_NOT_THEIRS = tuple(
    f"{folder}{os.sep}"
    for folder in (Path(__file__).parents[1], sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
)
"""Folders whose code is shown only if the error was raised by nobody else's."""


def environment_error(error: Exception, env: str, env_step: int | None, place: str) -> ArenaError:
    """Returns the error for people; the line that raised it is its note.

    Args:
        error: Error of the environment's own code, or `MissingValue`.
        env: Name of the environment; empty where it has none.
        env_step: Env step of the episode, from 1; 0 for its reset, None where no step was made.
        place: Episode, or what else was done, such as `the drawing of a picture`.
    """
    if isinstance(error, MissingValue):
        return environment_fault(error.value, error.what, env_step=error.env_step, place=place, env=env)
    when = {None: "", 0: "the reset of "}.get(env_step, f"env step {env_step} of ")
    subject = f"environment {env}" if env else "the environment"
    found = EnvironmentRaised(f"{subject} failed at {when}{place}: {type(error).__name__}: {one_line(error)}")
    if line := line_of(error):
        found.add_note(line)
    return found


@contextlib.contextmanager
def errors_of(env: str, env_step: int | None, place: str) -> Iterator[None]:
    """Turns errors of an environment's own code into those for people; takes the other arguments of `environment_error`.

    Raises:
        EnvironmentFault: If it gave no number where it must.
        EnvironmentRaised: If it raised an error.
    """
    try:
        yield
    except Exception as error:  # another package's code
        raise environment_error(error, env, env_step, place) from error


def with_notes_of(error: ArenaError, another: ArenaError) -> ArenaError:
    """Returns another error with the notes of the first, which the command line prints below it."""
    for note in getattr(error, "__notes__", ()):
        another.add_note(note)
    return another


def line_of(error: Exception) -> str:
    """Returns the line that raised an error: the innermost of the user's own code, or of any code where there is none.

    Of an error that was raised in another process, it is the error's note.
    """
    if notes := getattr(error, "__notes__", ()):
        return str(notes[0])
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
    if not frames:
        return ""
    frame = (theirs or frames)[-1]
    return f"it was raised in {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}"
