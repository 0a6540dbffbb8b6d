"""`arena env`: the environment variables that the arena reads, with their values of now."""

import os

from arena.machine.variables import VARIABLES
from arena.terminal.output import Mode, Output, make_table


def env(*, mode: Mode) -> None:
    """Prints each variable, who sets it, its value in this process, and what it does."""
    output, rows = Output(mode), []
    for variable in VARIABLES:
        value = os.environ.get(variable.name)
        output.record({"name": variable.name, "set_by": variable.set_by, "value": value, "meaning": variable.meaning})
        rows.append((variable.name, variable.set_by, "not set" if value is None else repr(value), variable.meaning))
    output.show(make_table(("variable", "set by", "value", "meaning"), rows))
