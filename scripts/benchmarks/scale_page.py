"""The tables of docs/scale.md and its chart, from the records of the benchmark `scale`."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator, StrMethodFormatter

from arena.errors import ArenaError
from arena.html.line_styles import agent_styles
from benchmarks.marked_page import CHART_STYLE, MarkedPage, measured_on, table
from benchmarks.scale_curves import Curve, Record, curves, grouped, half_speed, median_of, near_maximum, refuse_mixture
from benchmarks.verdicts import Spread

SPEED_COLUMNS = ("env steps/s", "updates an env step", "env", "act", "learn", "other", "peak MB")
RUN_COLUMNS = (
    *("executor", "runs", "at once", "threads each", "env steps/s together", "env steps/s each", "over s", "start-up s"),
    *("wall s", "peak MB a run", "peak MB in all"),
)
NONE = "-"


def scale_page(path: Path) -> MarkedPage:
    """Returns the page at `path`; raises as `MarkedPage`."""
    return MarkedPage(path, "scale", "Scale")


def write_page(page: MarkedPage, records: Sequence[Record]) -> None:
    """Writes the tables of the records to the page, and the chart beside it.

    Raises:
        ArenaError: if the records hold no measurement, or `refuse_mixture` refuses them.
    """
    if not any("tables" in record for record in records):
        raise ArenaError("the file holds no measurements to write tables of")
    refuse_mixture(records)
    drawn = {name: found for name in ("envs", "widths") if (found := curves(records, name))}
    if drawn:
        write_chart(page.chart, drawn)
    page.write(markdown(records, page.chart.name if drawn else None))


def markdown(records: Sequence[Record], chart: str | None) -> str:
    """Returns when and where the records were measured, the chart, and a section for each table that has records."""
    parts = []
    if circumstances := [record["circumstances"] for record in records if "circumstances" in record]:
        loads = [record["load"] for record in records if "tables" in record]
        how = f"medians over rounds, minimum and maximum in brackets; load average {min(loads):.1f} to {max(loads):.1f}"
        parts.append(measured_on(circumstances, how))
    if chart:
        parts.append(f"![env steps/s over environments and over width]({chart})")
    sections = (
        ("envs", "### Environments", "environments"),
        ("widths", "### Width of two hidden layers", "width"),
    )
    for name, title, column in sections:
        if rows := grouped(records, name, lambda record: (record["agent"], record["value"])):
            body = table(("agent", column, *SPEED_COLUMNS), (_speed_cells(rows[key]) for key in sorted(rows)))
            parts += [title, _facts(name, rows.values()), body, *_knees(name, curves(records, name))]
    for name, title in (("parallel", "### Runs at once"), ("ray", "### Workers of a Ray cluster")):
        if rows := grouped(records, name, lambda record: (record["executor"], record["num_runs"], record["workers"], record["threads"])):
            agents = sorted({f"`{record['agent']}`" for group in rows.values() for record in group})
            body = table(RUN_COLUMNS, (_run_cells(rows[key]) for key in sorted(rows, key=lambda key: (key[0], key[1], -key[2]))))
            parts += [title, f"Runs of {', '.join(agents)}.", body]
    return "\n\n".join(parts) + "\n"


def _facts(name: str, groups: Iterable[Sequence[Record]]) -> str:
    found = [record for group in groups for record in group]
    threads, num_envs = ({f"{record[key]:,}" for record in found} for key in ("threads", "num_envs"))
    envs = f"; {' or '.join(sorted(num_envs))} environments" if name == "widths" else ""
    return f"Threads and cores of each process: {' or '.join(sorted(threads))}{envs}."


def _knees(name: str, found: dict[str, Curve]) -> list[str]:
    lines = []
    for agent, curve in sorted(found.items()):
        if name == "envs":
            lines.append(f"- `{agent}` first comes within a tenth of its maximum of env steps/s with {near_maximum(curve):,} environments.")
        else:
            width = half_speed(curve)
            what = "at no width measured" if width is None else f"first at width {width:,}"
            lines.append(f"- `{agent}` has less than half the env steps/s of width {min(curve):,} {what}.")
    return ["\n".join(lines)] if lines else []


def _speed_cells(group: Sequence[Record]) -> tuple[str, ...]:
    first = group[0]
    head = (f"`{first['agent']}`", f"{first['value']:,}")
    measured = [record for record in group if "error" not in record]
    if not measured:
        return (*head, f"failed: {group[-1]['error']}", *[NONE] * (len(SPEED_COLUMNS) - 1))
    shares = [Spread.of(record[f"{part}_share"] for record in measured).median for part in ("env", "act", "learn")]
    updates = median_of(measured, lambda record: record["learner_steps_per_second"] / record["env_steps_per_second"])
    cells = (_spread(record["env_steps_per_second"] for record in measured), f"{updates:.3f}")
    return (*head, *cells, *(f"{share:.0%}" for share in (*shares, max(0.0, 1.0 - sum(shares)))), _megabytes(measured, max))


def _run_cells(group: Sequence[Record]) -> tuple[str, ...]:
    first = group[0]
    at_choice = "" if first["workers"] else ", its own choice"
    head = (f"{first['executor']}{at_choice}", str(first["num_runs"]))
    measured = [record for record in group if "error" not in record]
    if not measured:
        return (*head, f"failed: {group[-1]['error']}", *[NONE] * (len(RUN_COLUMNS) - 3))
    at_once = f"{measured[0]['at_once']}{', sharing cores' if measured[0]['oversubscribed'] else ''}"
    together = [record["env_steps_per_second"] for record in measured if record["env_steps_per_second"] is not None]
    window = median_of(measured, lambda record: record["window_seconds"])
    median_peak, largest_peak = (_megabytes(measured, reduce) for reduce in (_middle, max))
    return (
        *head,
        at_once,
        str(first["threads"]),
        _spread(together) if together else NONE,
        _spread(rate for record in measured for rate in record["rates"]),
        NONE if window is None else f"{window:.1f}",
        f"{median_of(measured, lambda record: max(record['start_seconds'])):.1f}",
        f"{median_of(measured, lambda record: record['wall_seconds']):.1f}",
        f"{median_peak} (max {largest_peak})",
        _megabytes(measured, sum),
    )


def _middle(values: Sequence[int]) -> float:
    return Spread.of(values).median


def _megabytes(measured: Sequence[Record], reduce: Callable[[Sequence[int]], float]) -> str:
    """Returns the median over rounds of the peaks in megabytes; `reduce` makes one number of the peaks of a round."""

    def peak(record: Record) -> float | None:
        peaks = record["peak_rss_bytes"]
        if not peaks:
            return None
        return float(reduce(peaks if isinstance(peaks, list) else [peaks]))

    found = median_of(measured, peak)
    return NONE if found is None else f"{found / 2**20:,.0f}"


def _spread(values: Iterable[float]) -> str:
    spread = Spread.of(values)
    return f"{spread.median:,.0f} ({spread.minimum:,.0f} to {spread.maximum:,.0f})"


def write_chart(path: Path, drawn: dict[str, dict[str, Curve]]) -> None:
    """Draws env steps/s over environments and over width, both on logarithmic axes, with minimum and maximum over rounds."""
    matplotlib.use("svg")
    labels = {"envs": "environments", "widths": "width of two hidden layers"}
    styles = agent_styles({agent: agent for found in drawn.values() for agent in found})
    with plt.rc_context(CHART_STYLE):
        figure, axes = plt.subplots(1, len(drawn), figsize=(4.5 * len(drawn), 3.6), constrained_layout=True, squeeze=False)
        for axis, (name, found) in zip(axes[0], drawn.items(), strict=True):
            for agent, curve in found.items():
                spreads, style = list(curve.values()), styles[agent]
                medians = [spread.median for spread in spreads]
                axis.plot(list(curve), medians, marker="o", markersize=3, lw=1.2, color=style.color, linestyle=style.strokes, label=agent)
                axis.fill_between(
                    list(curve), [s.minimum for s in spreads], [s.maximum for s in spreads], color=style.color, alpha=0.2, lw=0
                )
            axis.set(xscale="log", yscale="log", xlabel=labels[name], ylabel="env steps/s")
            values = sorted({value for curve in found.values() for value in curve})
            axis.set_xticks(values, [f"{value:,}" for value in values])
            axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axis.minorticks_off()
            axis.grid(visible=True, lw=0.4, alpha=0.5)
        axes[0][0].legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
