"""`arena calibrate`: how often the judges are wrong, on experiments with known answers."""

import dataclasses
import itertools
from collections.abc import Sequence

from arena.calibration.calibrate import ALL_SHAPES, Case, Row, judged
from arena.calibration.judges import NUM_LOOKS
from arena.machine.cores import available_cores
from arena.statistics.proportions import simulated_share
from arena.terminal.output import Mode, Output, make_table

QUICK_SHAPES = ("normal", "one run in five crashes")
"""Shapes that are measured unless others are named."""
ALL = "all"
"""Word for all shapes."""


def calibrate(
    agents: Sequence[int],
    seeds: Sequence[int],
    differences: Sequence[float],
    shapes: Sequence[str],
    experiments: int,
    *,
    seed: int,
    workers: int | None,
    mode: Mode,
) -> int:
    """Makes experiments and prints the shares of wrong and missed claims; returns 1 if more claims are wrong than chance explains.

    Args:
        agents: numbers of agents.
        seeds: numbers of training seeds of each agent; with until-decided, those between two looks.
        differences: standard deviations between one agent and the next; 0 for equal agents.
        shapes: distributions of the seeds' returns; `all` for all.
        experiments: number of experiments of each row.
        seed: seed of the experiments.
        workers: number of processes; None or 0 means one per core.
        mode: what is printed.
    """
    names = list(ALL_SHAPES) if ALL in shapes else list(dict.fromkeys(shapes or QUICK_SHAPES))
    cases = [Case(*each) for each in itertools.product(names, agents, seeds, differences)]
    output = Output(mode)
    with output.progress("judging experiments") as progress:
        rows = judged(cases, experiments, seed=seed, workers=workers or available_cores(), progress=progress)
    print_rows(rows, output)
    return int(any(row.is_alarming for row in rows))


def print_rows(rows: Sequence[Row], output: Output) -> None:
    """Prints a table for people, or a line for each row."""
    for row in rows:
        errors = {"wrong_error": row.wrong_error, "missed_error": row.missed_error, "equal_error": row.equal_error}
        output.record({**dataclasses.asdict(row), **errors, "alarming": row.is_alarming})
    cells = [
        (
            row.case.shape,
            f"{row.case.num_agents}",
            f"{row.case.num_seeds}",
            f"{row.case.difference:g}" if row.case.difference else "equal",
            row.judge,
            simulated_share(row.wrong, row.num_experiments) + (" !" if row.is_alarming else ""),
            "" if row.missed is None else simulated_share(row.missed, row.num_experiments),
            "" if row.equal is None else simulated_share(row.equal, row.num_experiments),
            f"{row.mean_seeds:.1f}",
        )
        for row in rows
    ]
    columns = ("training seeds", "agents", "seeds", "apart by (sd)", "judge", "wrong claims", "missed", "called equal", "seeds seen")
    output.say(f"Shares of {rows[0].num_experiments} experiments; in 0.043(7), the standard error by simulation is 0.007.")
    output.show(make_table(columns, cells))
    output.say(
        "Wrong: experiments with any claim that is not so, at most 5% by design. Missed: true differences of which nothing is claimed. "
        "Called equal: pairs of which it is decided that neither returns more than the other over 75% of the time. "
        f"until-decided has so many seeds between two of {NUM_LOOKS} looks at most; seeds seen is the mean of an agent."
    )
    if any(row.is_alarming for row in rows):
        output.say("! More wrong claims than 5% would give by chance.")
