"""The files of a report: tables as CSV, all numbers as JSON, the page, and the file that repeats the experiment."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import write_bytes, write_json
from arena.formats.system_errors import write_output
from arena.report.document import ExperimentReport
from arena.report.latex import latex_tables
from arena.report.page import render
from arena.report.videos import EpisodeVideo
from arena.statistics.estimate import Estimate

Row = Mapping[str, Any]
"""Row of a CSV table: column -> value."""


def write_report(report: ExperimentReport, folder: Path, videos: tuple[Sequence[EpisodeVideo], Sequence[str]] = ((), ())) -> None:
    """Writes the page, `report.json`, the CSV tables and the file that repeats the experiment.

    Raises:
        ArenaError: if the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables(report).items():
            write_bytes(folder / f"{name}.csv", _csv(rows))
        write_bytes(folder / f"{report.title}.toml", report.experiment_file.encode())
        write_json(folder / "report.json", dataclasses.asdict(report))
        write_output(folder / "report.html", render(report, *videos).encode())
    except OSError as error:
        raise ArenaError(f"cannot write the report into {folder}: {error.strerror}; give another --output") from error


def write_latex(report: ExperimentReport, folder: Path) -> list[str]:
    """Writes the tables for LaTeX, and returns the names of the files.

    Raises:
        ArenaError: if the folder cannot be written to.
    """
    texts = {f"{name}.tex": text for name, text in latex_tables(report).items()}
    try:
        for name, text in texts.items():
            write_bytes(folder / name, text.encode())
    except OSError as error:
        raise ArenaError(f"cannot write tables into {folder}: {error.strerror}; give another --output") from error
    return list(texts)


def tables(report: ExperimentReport) -> dict[str, list[Row]]:
    """Returns the tables of the report by name: one flat dict for each row, with the same keys in every row of a table."""
    found: dict[str, list[Row]] = {
        "runs": [dataclasses.asdict(run) for run in report.runs],
        "scores": _scores(report),
        "curves": _curves(report),
        "pairs": _pairs(report),
        "env_pairs": _env_pairs(report),
    }
    if report.decisions:
        found["decisions"] = _decisions(report)
    return found


def _scores(report: ExperimentReport) -> list[Row]:
    rows: list[Row] = [
        {"agent": row.agent, "env": "all", "statistic": row.metric, **dataclasses.asdict(row.estimate)} for row in report.aggregates
    ]
    for result in report.results:
        for statistic, estimate in (("return_mean", result.return_mean), ("iqm", result.score_iqm)):
            if estimate is not None:
                rows.append({"agent": result.agent, "env": result.env, "statistic": statistic, **dataclasses.asdict(estimate)})
        for name, estimate in result.metrics.items():
            rows.append({"agent": result.agent, "env": result.env, "statistic": f"info.{name}", **dataclasses.asdict(estimate)})
    return rows


def _curves(report: ExperimentReport) -> list[Row]:
    return [
        {"agent": curve.agent, "env": curve.env or "all", "axis": curve.axis, "x": x, "value": value, "low": low, "high": high}
        for curve in report.curves
        for x, value, low, high in zip(curve.x, curve.values, curve.low, curve.high, strict=True)
    ]


_TEST = ("p_value", "p_value_joint", "basis", "apart_at_most")


def _pairs(report: ExperimentReport) -> list[Row]:
    apart = {(each.x, each.y): {"mean_difference": each.mean, "iqm_difference": each.iqm} for each in report.score_differences}
    return [
        {
            **{"x": pair.x, "y": pair.y, **dataclasses.asdict(pair.probability)},
            **{name: getattr(pair, name) for name in _TEST},
            **_ends(apart.get((pair.x, pair.y), {})),
        }
        for pair in report.pairs
    ]


def _env_pairs(report: ExperimentReport) -> list[Row]:
    return [
        {
            **{"env": each.env, "x": each.pair.x, "y": each.pair.y, **dataclasses.asdict(each.pair.probability)},
            **{name: getattr(each.pair, name) for name in _TEST},
            **_ends({"return_difference": each.return_difference}),
        }
        for each in report.env_pairs
    ]


def _ends(estimates: Mapping[str, Estimate]) -> dict[str, float | None]:
    """Returns value and ends of estimates under their names: `mean_difference`, `mean_difference_low`, `mean_difference_high`."""
    return {
        key: end
        for name, estimate in estimates.items()
        for key, end in ((name, estimate.value), (f"{name}_low", estimate.low), (f"{name}_high", estimate.high))
    }


def _decisions(report: ExperimentReport) -> list[Row]:
    return [
        {"experiment": decision.experiment, "alpha": decision.alpha, "looks": decision.look, **dataclasses.asdict(pair)}
        for decision in report.decisions
        for pair in decision.verdicts
    ]


def _csv(rows: Iterable[Row]) -> bytes:
    rows = list(rows)
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()
