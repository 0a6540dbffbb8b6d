"""Output of every command: text and tables for people, or JSON lines for programs, depending on the mode.

======  =================================================================================================
mode    what is written
======  =================================================================================================
auto    text for people: `live` on a terminal that can redraw, `plain` elsewhere
live    text for people, with colours and tables that are redrawn in place
plain   text for people without control codes, for logs and pipes
json    one JSON object a line
quiet   the score of each run, a line each; errors and exit codes tell the rest
======  =================================================================================================

Names and messages may come from other people's files. `literal` and `visible` make every text safe to print: brackets stay brackets,
control codes are shown instead of obeyed, and what is one line stays one.
"""

import contextlib
import contextvars
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TextIO

from rich.console import Console, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from arena.formats.json import json_line

Mode = Literal["auto", "live", "plain", "json", "quiet"]
"""How a command writes; the table in the module's docstring says what each mode shows."""
PIPE_WIDTH = 1_000
"""Width in characters where the output is a file or a pipe: wide enough that no name is cut or folded."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that a terminal obeys, that turn the order of what is read, or that no encoding can write."""


_RECORDS: contextvars.ContextVar[TextIO | None] = contextvars.ContextVar("records", default=None)
"""Stream of the command's own output while `only_own_output` keeps everything else away from standard output."""


@contextlib.contextmanager
def only_own_output() -> Iterator[None]:
    """Sends everything but what `Output` writes to standard error, for the `with` block: what environments print is no JSON.

    It also holds for libraries in C, and for processes that are started meanwhile.
    """
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # a test's stand-in, which no other code writes to by its number
        yield
        return
    sys.stdout.flush()
    before = sys.stdout
    records = os.fdopen(os.dup(descriptor), "w", encoding=before.encoding, errors=before.errors)
    token = _RECORDS.set(records)
    os.dup2(sys.stderr.fileno(), descriptor)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = before
        os.dup2(records.fileno(), descriptor)
        _RECORDS.reset(token)
        with contextlib.suppress(BrokenPipeError):  # whoever read has gone, `head` say
            records.close()


class Output:
    """What a command writes to.

    Args:
        mode: what is written.
        file: file to write to; standard output if None.
    """

    def __init__(self, mode: Mode = "auto", file: TextIO | None = None) -> None:
        self.file = file or _RECORDS.get() or sys.stdout
        self.mode = _resolved(mode, self.file)
        self.console = make_console(self.file, force_terminal=self.mode == "live")

    @property
    def for_people(self) -> bool:
        """Whether text is written."""
        return self.mode in ("live", "plain")

    def say(self, text: str = "", *, style: str = "", highlighted: Mapping[str, str] | None = None) -> None:
        """Writes a line for people, however long, without folding it.

        Args:
            text: the line; brackets in it are text, not markup, and a newline in it is shown and not obeyed.
            style: rich's style of the whole line.
            highlighted: rich's style of some words of the line.
        """
        if not self.for_people:
            return
        line = literal(text, style)
        for word, its_style in (highlighted or {}).items():
            line.highlight_words([word], its_style)
        self.console.print(line, soft_wrap=True)

    def outcome(self, text: str) -> None:
        """Writes a line that stays where all else is quiet: what the command was for."""
        if self.mode == "quiet":
            self.console.print(literal(text), soft_wrap=True)

    def show(self, content: RenderableType) -> None:
        """Writes a table, or another piece that rich lays out, for people; in a file or a pipe without the spaces that end its lines."""
        if self.mode == "live":
            self.console.print(content)
        elif self.mode == "plain":
            with self.console.capture() as captured:
                self.console.print(content)
            self.file.write("\n".join(line.rstrip() for line in captured.get().split("\n")))
            self.file.flush()

    def record(self, value: Any) -> None:
        """Writes a JSON object on a line of its own, for programs."""
        if self.mode == "json":
            self.file.write(_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json_line(value).rstrip("\n")) + "\n")
            self.file.flush()

    @contextlib.contextmanager
    def progress(self, description: str) -> Iterator[Callable[[int, int], None]]:
        """Shows a bar on a terminal while something is done, and removes it afterwards; writes nothing to a file or a pipe.

        Yields:
            A function that takes how much is done and how much is known to be done in all.
        """
        with Progress(console=self.console, transient=True, disable=self.mode != "live") as bars:
            bar = bars.add_task(description, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)


def make_console(file: TextIO | None = None, *, force_terminal: bool = False) -> Console:
    """Returns a rich console that adds no colour of its own to text, and that has room for every name in a file or a pipe.

    Args:
        file: file to write to; standard output if None.
        force_terminal: whether control codes are written even if `file` does not look like a terminal.
    """
    file = file or sys.stdout
    is_terminal = force_terminal or file.isatty()
    return Console(file=file, force_terminal=is_terminal, width=None if is_terminal else PIPE_WIDTH, highlight=False)


def make_table(columns: Iterable[str], rows: Iterable[Sequence[RenderableType]] = (), *, right: Iterable[str] = ()) -> Table:
    """Returns a table without lines.

    Args:
        columns: titles; never read as markup.
        rows: cells; text is never read as markup.
        right: titles of the columns whose cells stand at the right.
    """
    table, at_right = Table(box=None, pad_edge=False), frozenset(right)
    for title in columns:
        table.add_column(literal(title), justify="right" if title in at_right else "left")
    for row in rows:
        table.add_row(*(literal(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def literal(text: str, style: str = "") -> Text:
    """Returns one line of text for rich such that exactly its characters are shown: `[keras]` is no markup, control codes are visible."""
    return Text(_one_line(text), style=style)


def visible(text: str) -> str:
    """Returns `text` with its control codes, which could rewrite a terminal, written as hexadecimal escapes; newlines and tabs stay.

    Codes that reverse the order of letters, and halves of characters that no encoding can write, are escaped too.
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text)


def command_line() -> str:
    """Returns the command that this process runs, quoted for a shell."""
    return shlex.join(["arena", *sys.argv[1:]])


def explain_stop(kept: str, *, options: str = "") -> None:
    """Tells on standard error that a command was interrupted, what is kept, and the command that resumes it.

    Args:
        kept: sentence about what is kept, without its full stop.
        options: further options that the command needs.
    """
    complain("", f"Stopped. {kept}; resume with:", f"  {command_line()}{options}")


def complain(*lines: str) -> None:
    """Writes lines on standard error, in every mode; a newline in one of them is shown and not obeyed."""
    sys.stderr.write("".join(f"{_one_line(line)}\n" for line in lines))
    sys.stderr.flush()


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n")


def _resolved(mode: Mode, file: TextIO) -> Mode:
    if mode != "auto":
        return mode
    return "live" if file.isatty() and not Console(file=file).is_dumb_terminal else "plain"
