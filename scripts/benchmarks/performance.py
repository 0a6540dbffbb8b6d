"""Measures every agent beside its framework's own loop, beside SB3 and SBX, and above the floor; writes docs/performance.md and its chart.

benchmark.py performance                           all cases, 5 rounds, then the page
benchmark.py performance --only rllib-ppo          one case again; the page keeps what was measured of the others
benchmark.py performance --no-measure              only writes the page again
benchmark.py performance --rounds 1 --quick --output /tmp/trial --page /tmp/trial/page.md
                                                   does everything run? The figures mean nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError, did_you_mean
from arena.experiment.folder import make_folder
from arena.formats.json import read_json_object
from arena.machine.cores import usable_cores
from benchmarks.cases import benchmark_cases
from benchmarks.options import names, option_parser
from benchmarks.peers import PEERS, peers_python
from benchmarks.performance_page import PAGE, performance_page, write_page
from benchmarks.processes import ROOT
from benchmarks.rounds import measure_case, measure_evaluation
from benchmarks.verdicts import EVALUATION, TO_475, Outcome, target_rows

FOLDER = ROOT / "logs" / "benchmark"
"""Default folder of the measurements."""


def main(options: Sequence[str]) -> int:
    """Measures, writes the page, and returns 1 if a variant failed."""
    arguments = parser().parse_args(options)
    known = {case.name: case for case in benchmark_cases()}
    cases = [*known, EVALUATION]
    for name in arguments.only:
        if name not in cases:
            raise ArenaError(f"no case {name!r} in this benchmark{did_you_mean(name, cases)} (it has: {', '.join(cases)})")
    cores = cores_to_use(arguments.cores)
    chosen = [name for name in cases if name in (arguments.only or cases)] if arguments.measure else []
    page = performance_page(arguments.page)  # before anything is measured, since it refuses a page without marks
    if chosen:
        make_folder(arguments.output)
    if any(name == EVALUATION or any(baseline.needs_peers for baseline in known[name].baselines) for name in chosen):
        peers_python(arguments.peers)  # before anything is measured, since it may take long or fail
    for name in chosen:
        if name == EVALUATION:
            measure_evaluation(arguments.output, rounds=arguments.rounds, core=cores[0], peers=arguments.peers, say=say)
        else:
            case = known[name].shortened() if arguments.quick else known[name]
            measure_case(case, arguments.output, rounds=arguments.rounds, cores=cores, peers=arguments.peers, say=say)
    outcomes = read_outcomes(arguments.output)
    write_page(page, outcomes)
    print_verdicts(outcomes)
    return 1 if any(outcome.get("failures") for outcome in outcomes) else 0


def parser() -> argparse.ArgumentParser:
    """Returns the options of this benchmark."""
    made = option_parser(__name__, __doc__)
    made.add_argument("--rounds", type=int, default=5, help="number of rounds; in each, every variant is measured once")
    made.add_argument("--only", type=names, default=[], metavar="CASE,...", help="cases to measure; the others stay as they are")
    made.add_argument("--output", "-o", type=Path, default=FOLDER, help="folder of the measurements")
    made.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="Markdown page of the tables")
    made.add_argument("--peers", type=Path, default=PEERS, metavar="DIR", help="environment of SB3 and SBX, set up if it is missing")
    made.add_argument("--cores", type=int, default=2, help="number of cores that every process is bound to")
    made.add_argument(
        "--quick", action="store_true", help="train for few env steps, to see that everything works; the figures mean nothing"
    )
    made.add_argument("--no-measure", dest="measure", action="store_false", help="only write the page again")
    return made


def cores_to_use(count: int) -> list[int]:
    """Returns the first `count` cores of this process.

    Raises:
        ArenaError: if it may use fewer.
    """
    cores = usable_cores()[:count]
    if not 1 <= count <= len(cores):
        raise ArenaError(f"--cores {count}: this process may use {len(cores)}")
    return cores


def read_outcomes(folder: Path) -> list[Outcome]:
    """Returns what was measured of each case, and of the seconds to 475, in the order of the page.

    Raises:
        ArenaError: if nothing was measured yet.
    """
    files = [*(case.name for case in benchmark_cases()), EVALUATION, TO_475]
    outcomes: list[Outcome] = [read_json_object(path) for name in files if (path := folder / f"{name}.json").exists()]
    if not outcomes:
        raise ArenaError(f"{folder} holds no measurements yet; run the benchmark without --no-measure")
    return outcomes


def print_verdicts(outcomes: Sequence[Outcome]) -> None:
    """Prints a line for each verdict."""
    for row in target_rows(outcomes):
        figure = "-"
        if row.figure is not None:
            figure = f"{row.figure.median:.3g} ({row.figure.minimum:.3g} to {row.figure.maximum:.3g})"
        print(f"{row.verdict.split(':')[0]:<18} {row.name:<24} {figure}, target {'none' if row.target is None else f'{row.target:g}'}")


def say(line: str) -> None:
    """Prints a line of progress at once."""
    print(line, flush=True)
