"""`arena benchmark`: measures, and writes tables and a chart."""

import dataclasses
from pathlib import Path

from arena.cli.live import Mode
from arena.errors import ArenaError, did_you_mean
from arena.experiment.runner import make_folder
from arena.formats.json import json_line, read_json_object, write_json
from arena.machine.usage import usable_cores
from benchmarks.page import around_marks, rows, write_page
from benchmarks.peers import peers_python
from benchmarks.run import measure_contest, measure_evaluation
from benchmarks.settings import EVALUATION, contests
from benchmarks.threshold import NAME as THRESHOLD
from benchmarks.threshold import measure_to_threshold, read_runs
from benchmarks.verdicts import Outcome


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    only: list[str]
    """Names of contests; all where empty."""
    rounds: int
    num_cores: int
    quick: bool
    measure: bool
    """False: only the tables are written again."""
    runs: Path | None = None
    """Where run folders stand whose seconds to 475 are compared with SB3's; instead of all else."""
    seeds: int = 10
    """Of SB3, with `runs`."""


def benchmark(plan: Plan, output: Path, page: Path | None, peers: Path, *, mode: Mode) -> int:
    """Measures what is planned, writes what all contests in `output` say, and returns 1 if one of them failed."""
    known = {contest.name: contest for contest in contests()}
    names = [*known, EVALUATION]
    for name in plan.only:
        if name not in names:
            raise ArenaError(f"no row {name!r} in the benchmark{did_you_mean(name, names)} (it has: {', '.join(names)})")
    cores = usable_cores()[: plan.num_cores]
    if len(cores) < plan.num_cores:
        raise ArenaError(f"--cores {plan.num_cores}: this process may use {len(cores)}")
    chosen = [name for name in names if name in (plan.only or names)] if plan.measure and plan.runs is None else []
    page = page or output / "performance.md"
    around_marks(page)  # what it refuses, it refuses before anything is measured
    ours = None if plan.runs is None else read_runs(plan.runs)
    if chosen or ours:
        make_folder(output)
    if ours or any(name == EVALUATION or any(rival.module is None for rival in known[name].rivals) for name in chosen):
        peers_python(peers)  # before anything is measured

    def say(line: str) -> None:
        if mode == "auto":
            print(line, flush=True)

    if ours:
        measure_to_threshold(output, ours, num_seeds=plan.seeds, cores=cores, peers=peers, say=say)
    for name in chosen:
        if name == EVALUATION:
            measure_evaluation(output, rounds=plan.rounds, core=cores[0], peers=peers, say=say)
        else:
            contest = known[name].quicker() if plan.quick else known[name]
            measure_contest(contest, output, rounds=plan.rounds, cores=cores, peers=peers, say=say)
    outcomes: list[Outcome] = [read_json_object(path) for name in (*names, THRESHOLD) if (path := output / f"{name}.json").exists()]
    if not outcomes:
        raise ArenaError(f"{output} holds no measurements yet; run the suite without --no-measure")
    return _report(outcomes, output, page, mode)


def _report(outcomes: list[Outcome], output: Path, page: Path, mode: Mode) -> int:
    found = rows(outcomes)
    write_json(output / "benchmark.json", {"rows": [dataclasses.asdict(row) for row in found], "contests": outcomes})
    write_page(page, outcomes)
    for row in found:
        if mode == "json":
            print(json_line(dataclasses.asdict(row)), end="")
        elif mode == "auto":
            figure = "-" if row.figure is None else f"{row.figure.median:.3g} ({row.figure.low:.3g} to {row.figure.high:.3g})"
            print(f"{row.verdict.split(':')[0]:<18} {row.name:<24} {figure}, target {'none' if row.target is None else f'{row.target:g}'}")
    return 1 if any(outcome.get("failures") for outcome in outcomes) else 0
