"""Measures all that `docs/performance.md` tells, and writes its tables and chart: `python scripts/benchmarks/suite.py`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from arena.cli.live import Mode
from benchmarks import command

ROOT = Path(__file__).resolve().parents[2]


def benchmark(
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often everything is measured, in turns.")] = 5,
    only: Annotated[str | None, typer.Option("--only", metavar="ROW,...", help="Rows to measure; the others stay as they are.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the measurements.")] = Path("logs/benchmark"),
    page: Annotated[
        Path, typer.Option("--page", metavar="FILE", help="Markdown page for the tables; docs/performance.md by default.")
    ] = ROOT / "docs" / "performance.md",
    peers: Annotated[
        Path, typer.Option("--peers", metavar="DIR", help="Environment of Stable-Baselines3 and SBX, made where it is missing.")
    ] = ROOT / ".venv-peers",
    cores: Annotated[int, typer.Option("--cores", min=1, help="Cores that every process is bound to.")] = 2,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure short stretches, to see that all works; the figures mean nothing.")
    ] = False,
    to_475: Annotated[
        bool, typer.Option("--to-475", help="Instead: seconds to a return of 475, of the runs in --runs and of as many by SB3 (hours).")
    ] = False,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Of `arena run configs/cartpole.toml`.")] = Path("logs/cartpole"),
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of SB3, with --to-475.")] = 10,
    measure: Annotated[bool, typer.Option("--measure/--no-measure", help="Or only write the tables again.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Measure every agent beside its framework's own loop, and beside peers; write tables and a chart."""
    names = [name for name in (only or "").split(",") if name]
    mode: Mode = "quiet" if quiet else "json" if json_lines else "auto"
    folder = runs if to_475 else None
    plan = command.Plan(only=names, rounds=rounds, num_cores=cores, quick=quick, measure=measure, runs=folder, seeds=seeds)
    sys.exit(command.benchmark(plan, output, page, peers, mode=mode))


if __name__ == "__main__":
    typer.run(benchmark)
