"""`arena report`: what run folders say, on the terminal, as CSV and JSON, and as one page."""

import csv
import dataclasses
import io
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from arena.analysis.build import build_report
from arena.analysis.document import Estimate, Report
from arena.analysis.load import load_runs
from arena.errors import ArenaError
from arena.files import json_line, write_bytes, write_json
from arena.references import catalogue


def report(folders: list[Path], output: Path | None, *, json_lines: bool) -> None:
    """Reports on the runs below `folders` and writes into `output` (by default `report` below the first of them)."""
    title = "+".join(dict.fromkeys(folder.resolve().name for folder in folders))
    document = build_report(load_runs(folders), catalogue(), title=title, command=shlex.join(["arena", *sys.argv[1:]]))
    target = output or folders[0] / "report"
    write_report(document, target)
    if json_lines:
        print(json_line(dataclasses.asdict(document)), end="")
        return
    print_report(document, Console())
    print(f"Tables and all numbers: {target}")


def write_report(document: Report, folder: Path) -> None:
    """Writes `report.json`, the CSV tables and the file that repeats the experiment.

    Raises:
        ArenaError: if the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables(document).items():
            write_bytes(folder / f"{name}.csv", _csv(rows))
        write_bytes(folder / f"{document.title}.toml", document.experiment_file.encode())
        write_json(folder / "report.json", dataclasses.asdict(document))
    except OSError as error:
        raise ArenaError(f"cannot write the report into {folder}: {error.strerror}; give another --output") from error


def tables(document: Report) -> dict[str, list[dict[str, Any]]]:
    """Returns the tables of the report by name: one flat dict per row, the same keys in every row of a table."""
    curves = [
        {"agent": curve.agent, "env": curve.env or "all", "axis": curve.axis, "x": x, "value": value, "low": low, "high": high}
        for curve in document.curves
        for x, value, low, high in zip(curve.x, curve.values, curve.low, curve.high, strict=True)
    ]
    scores = [{"agent": row.agent, "env": "all", "statistic": row.metric, **_flat(row.estimate)} for row in document.aggregates]
    for result in document.results:
        scores.append({"agent": result.agent, "env": result.env, "statistic": "return_mean", **_flat(result.return_mean)})
        if result.score_iqm is not None:
            scores.append({"agent": result.agent, "env": result.env, "statistic": "iqm", **_flat(result.score_iqm)})
    pairs = [
        {"x": pair.x, "y": pair.y, **_flat(pair.probability), "p_value": pair.p_value, "p_value_holm": pair.p_value_holm}
        for pair in document.pairs
    ]
    return {"runs": [dataclasses.asdict(run) for run in document.runs], "scores": scores, "curves": curves, "pairs": pairs}


def print_report(document: Report, console: Console) -> None:
    """Prints scores, comparisons, both rankings, costs and notes."""
    if document.aggregates:
        _print_scores(document, console)
    else:
        _print_returns(document, console)
    _print_pairs(document, console)
    _print_rankings(document, console)
    _print_costs(document, console)
    for note in document.notes:
        console.print(f"Note: {note}", soft_wrap=True, highlight=False, markup=False)


def _print_scores(document: Report, console: Console) -> None:
    envs = "1 environment" if document.num_envs_in_aggregates == 1 else f"{document.num_envs_in_aggregates} environments"
    table = Table("agent", "IQM", "mean", "median", "optimality gap", "failed", **_style(f"Scores over {envs} (random 0, solved 1)"))
    found = {(row.agent, row.metric): row.estimate for row in document.aggregates}
    for agent in sorted(document.agents, key=lambda agent: -found[agent.name, "iqm"].value):
        cells = [words(found[agent.name, metric]) for metric in ("iqm", "mean", "median", "optimality_gap")]
        table.add_row(agent.name, *cells, f"{agent.num_failed}/{agent.num_runs}")
    console.print(table)


def _print_returns(document: Report, console: Console) -> None:
    table = Table("agent", "env", "mean return", "seeds", **_style("Final returns"))
    for result in document.results:
        table.add_row(result.agent, result.env, words(result.return_mean, ".1f"), str(len(result.seeds)))
    console.print(table)


def _print_pairs(document: Report, console: Console) -> None:
    if not document.pairs:
        return
    title = f"Probability that a run of x beats a run of y ({len(document.pairs)} pairs, p corrected by Holm)"
    table = Table("x", "y", "probability", "p", "", **_style(title))
    for pair in document.pairs:
        verdict = "undecided" if not pair.decided else f"{pair.x if pair.probability.value > 0.5 else pair.y} is better"
        table.add_row(pair.x, pair.y, words(pair.probability), f"{pair.p_value_holm:.3f}", verdict)
    console.print(table)


def _print_rankings(document: Report, console: Console) -> None:
    for axis, words_of_axis in (("env_steps", "env steps"), ("train_seconds", "seconds of training")):
        rows = [row for row in document.rankings if row.axis == axis]
        if rows:
            title = f"Mean score up to {rows[0].horizon:,.0f} {words_of_axis}"
            table = Table("", "agent", "mean score", **_style(title))
            for row in rows:
                table.add_row(str(row.rank), row.agent, words(row.area))
            console.print(table)


def _print_costs(document: Report, console: Console) -> None:
    names = ("agent", "env", "env steps/s", "start s", "train s", "env", "act", "learn", "other", "CPU s")
    table = Table(*names, **_style("Cost of a run, medians"))
    for cost in document.costs:
        parts = (cost.env_seconds, cost.act_seconds, cost.learn_seconds, cost.other_seconds)
        shares = [f"{part / cost.train_seconds:.0%}" if cost.train_seconds else "-" for part in parts]
        speed = "-" if cost.env_steps_per_second is None else f"{cost.env_steps_per_second:,.0f}"
        cpu = "-" if cost.cpu_seconds is None else f"{cost.cpu_seconds:.1f}"
        table.add_row(cost.agent, cost.env, speed, f"{cost.start_seconds:.1f}", f"{cost.train_seconds:.1f}", *shares, cpu)
    console.print(table)


def words(estimate: Estimate, form: str = ".2f") -> str:
    """Returns an estimate for people: `0.93 [0.88, 0.97]`, or with `(no interval)` where there is none."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{form}} (no interval)"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def _style(title: str) -> dict[str, Any]:
    return {"title": title, "title_justify": "left", "box": None, "pad_edge": False}


def _flat(estimate: Estimate) -> Mapping[str, Any]:
    return dataclasses.asdict(estimate)


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    rows = list(rows)
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()
