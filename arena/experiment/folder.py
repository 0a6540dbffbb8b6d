"""The folder of an experiment: made for its runs, and refused if it holds other runs."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from arena.errors import ArenaError
from arena.experiment.records import find_records
from arena.formats.differences import differences, told
from arena.run_folder.inputs import Run

MAX_TOLD = 3
"""Number of differences that the error of `refuse_changes` names; the others are its notes."""


def make_folder(path: Path) -> None:
    """Makes an experiment's folder.

    Raises:
        ArenaError: if the folder cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        reason = getattr(error, "strerror", error)
        raise ArenaError(f"cannot make the output folder {str(path)!r}: {reason}; give another with --output") from error
    if not os.access(path, os.W_OK):
        raise ArenaError(f"the output folder {path} is not writable; give another with --output")


def with_history(runs: Iterable[Run], begun: Mapping[str, Run], *, extend: bool = False) -> list[Run]:
    """Returns runs with the smaller budgets with which their folders say that they had ended.

    Args:
        runs: runs with the inputs that are wanted.
        begun: inputs that the folders hold, by the run's name.
        extend: whether the budget in a folder becomes one of them where the wanted one is larger.
    """
    found = []
    for run in runs:
        there = begun.get(run.name, run)
        is_extended = extend and run.budget.env_steps > there.budget.env_steps
        found.append(dataclasses.replace(run, extended_from=(*there.extended_from, *([there.budget.env_steps] if is_extended else []))))
    return found


def refuse_changes(path: Path, runs: Iterable[Run], begun: Mapping[str, Run] | None = None, *, extend: bool = False) -> None:
    """Refuses runs that are in the experiment's folder `path` with other inputs; a run that cannot be read is none of them.

    Args:
        path: the experiment's folder.
        runs: runs with the inputs that are wanted.
        begun: inputs that the folder holds, by the run's name; None reads them.
        extend: whether a larger budget of env steps is no change, nor are periods that follow from it.

    Raises:
        ArenaError: with the first differences; its notes hold all of them, each with the runs that have it.
    """
    runs = list(runs)
    there = find_records(path, runs).begun if begun is None else begun
    changed: dict[str, list[str]] = {}
    for run in runs:
        if run.name in there:
            before = _as_extended(there[run.name], run) if extend else there[run.name]
            for difference in differences(_as_json(before), _as_json(run)):
                changed.setdefault(told(difference), []).append(run.name)
    if not changed:
        return
    listed = "; ".join(list(changed)[:MAX_TOLD]) + ("; …" if len(changed) > MAX_TOLD else "")
    hint = "; --extend continues runs with a larger budget" if any(line.startswith("budget.env_steps") for line in changed) else ""
    error = ArenaError(
        f"{path} holds runs with other inputs ({listed}); undo the change, or start a new experiment beside it with --name or --output"
        f"{hint}"
    )
    for line, names in changed.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        error.add_note(f"  {line} ({names[0]}{others})")
    raise error


def _as_extended(there: Run, run: Run) -> Run:
    """Returns the run of a folder with the budget of env steps that is wanted, if that is larger, and with the periods."""
    if run.budget.env_steps < there.budget.env_steps:
        return there
    budget = dataclasses.replace(there.budget, env_steps=run.budget.env_steps)
    return dataclasses.replace(there, budget=budget, checkpoint_period=run.checkpoint_period, log_period=run.log_period)


def _as_json(run: Run) -> object:
    return json.loads(json.dumps(dataclasses.replace(run, extended_from=()).inputs()))
