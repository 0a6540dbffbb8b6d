"""`arena status`: the state of every run of an experiment, or below a folder."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.experiment.bundled import bundled_names
from arena.experiment.claims import is_claimed
from arena.experiment.file import from_toml
from arena.formats.locks import is_locked
from arena.formats.readable import duration, shown_return
from arena.run_folder.folder import RunDir
from arena.run_folder.record import run_folders
from arena.run_folder.status import RunProgress, progress
from arena.terminal.output import Mode, Output, make_table


def status(target: Path, output: Path | None, *, mode: Mode) -> int:
    """Prints the states of the runs of an experiment's file, or of those below a folder; returns 1 if one has failed.

    Args:
        target: the file, or the folder.
        output: folder that holds the experiment's folder; None means that of the file.
        mode: how to write; as JSON, one object for each run.
    """
    if not target.exists() and not target.suffix and target.name not in bundled_names():
        raise ArenaError(f"there is no folder or file {str(target)!r}; give a folder with runs, or an experiment in TOML")
    if target.is_dir():
        if output is not None:
            raise ArenaError(f"--output {output} is the folder that holds an experiment's; {target} is a folder itself, so leave it out")
        folder, states = target, _below(target)
        if not states:
            raise ArenaError(f"{target} holds no runs")
    else:
        folder, states = _of_file(target, output)
    out = Output(mode)
    for state in states:
        out.record(dataclasses.asdict(state))
    _show(states, out)
    if is_locked(folder) or any(is_claimed(folder / state.name) for state in states):
        out.say(f"An arena is at work in {folder}.")
    return 1 if any(state.state == "failed" for state in states) else 0


def _of_file(file: Path, output: Path | None) -> tuple[Path, list[RunProgress]]:
    """Returns an experiment's folder and the progress of its runs: those of the file first, then others that are in the folder."""
    experiment = from_toml(file)
    experiment = dataclasses.replace(experiment, output=output or experiment.output)
    folder = experiment.path
    is_search = (folder / "tune.db").exists()  # by `arena tune`: its runs are trials, and those of the file do not exist
    wanted = [] if is_search else [progress(RunDir(folder / run.name), run.name) for run in experiment.runs()]
    names = {state.name for state in wanted}
    return folder, [*wanted, *(state for state in _below(folder) if state.name not in names)]


def _below(folder: Path) -> list[RunProgress]:
    return [progress(RunDir(path), str(path.relative_to(folder))) for path in run_folders(folder)]


def _show(states: Sequence[RunProgress], out: Output) -> None:
    out.show(make_table(("run", "state", "env steps", "resumes at", "best", "score", "written"), map(_row, states)))
    for state in states:
        if state.state in ("failed", "pruned"):
            out.say(f"{state.name}: {state.reason}")
        elif state.state == "damaged":
            out.say(f"left out: {state.name}, because {state.reason}")
    counts = Counter(state.state for state in states)
    out.say(", ".join(f"{count} {state}" for state, count in counts.items()))


def _row(state: RunProgress) -> list[str]:
    of = f" / {state.max_env_steps:,}" if state.max_env_steps else ""
    resumes_at = "" if state.state == "finished" or state.checkpoint_env_steps is None else f"{state.checkpoint_env_steps:,}"
    written = "" if state.age_seconds is None else f"{duration(state.age_seconds)} ago"
    numbers = ["" if value is None else shown_return(value) for value in (state.best_return, state.score_mean)]
    return [state.name, state.state, f"{state.env_steps:,}{of}", resumes_at, *numbers, written]
