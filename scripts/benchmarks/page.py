"""The benchmark's tables as Markdown and its chart as SVG; the prose of `docs/performance.md` stays as it is between the marks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import write_bytes
from benchmarks.settings import EVALUATION
from benchmarks.threshold import NAME as THRESHOLD
from benchmarks.threshold import threshold_rows
from benchmarks.verdicts import Outcome, Row, Spread, distance_to_floor, of_way, rate
from benchmarks.verdicts import rows as measured_rows

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
CHART_STYLE: Any = {"svg.hashsalt": "arena", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
"""Of Matplotlib; the salt makes the same figures the same file."""
PARTS = ("env", "act", "learn", "other")
TARGET_COLUMNS = ("what", "target", "median", "least to most", "in CPU seconds", "verdict")
WAY_COLUMNS = (
    *("way", "env steps/s", "updates/s", "wall s", "CPU s", "env steps", "updates", "start-up s", "peak MB", "above the floor"),
    *PARTS,
)


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Returns a row for every target that these outcomes speak of."""
    found = measured_rows([outcome for outcome in outcomes if outcome["contest"] != THRESHOLD])
    return found + [row for outcome in outcomes if outcome["contest"] == THRESHOLD for row in threshold_rows(outcome)]


def around_marks(page: Path, title: str = "Performance", begin: str = BEGIN, end: str = END) -> tuple[str, str]:
    """Returns what stands before and after the marks of `page`, those included; a page that is not there yet has its title alone.

    Raises:
        ArenaError: if the page cannot be read, or has no marks.
    """
    try:
        text = page.read_text(encoding="utf-8") if page.exists() else f"# {title}\n\n{begin}\n{end}\n"
    except (OSError, ValueError) as error:
        raise ArenaError(f"cannot read {page}: {error}") from error
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ArenaError(f"{page} lacks the lines {begin!r} and {end!r}, between which the tables go")
    return before + begin, end + after


def write_page(page: Path, outcomes: Sequence[Outcome]) -> None:
    """Puts the tables between the marks of `page`, and the chart beside it; raises as `around_marks`."""
    before, after = around_marks(page)
    chart = page.with_suffix(".svg")
    write_chart(chart, rows(outcomes))
    write_bytes(page, f"{before}\n\n{markdown(outcomes, chart.name)}\n{after}".encode())


def markdown(outcomes: Sequence[Outcome], chart: str) -> str:
    """Returns the targets, the chart, and a section for each contest."""
    parts = [
        measured_on(outcomes, "medians over rounds, ratios within each round; every process with one thread"),
        table(TARGET_COLUMNS, map(_target_cells, rows(outcomes))),
    ]
    parts += [f"![ratios]({chart})"]
    for outcome in outcomes:
        if outcome["contest"] == EVALUATION:
            parts.append(_evaluation_section(outcome))
        elif outcome["contest"] != THRESHOLD:
            parts.append(_section(outcome))
    return "\n\n".join(parts) + "\n"


def measured_on(outcomes: Sequence[Mapping[str, Any]], how: str) -> str:
    """Returns a sentence on when, where and how something was measured, from what `benchmarks.run.circumstances` said each time."""
    machines = dict.fromkeys(f"{o['machine']['cpu']}, {o['machine']['cores_available']} cores" for o in outcomes)
    days = sorted({outcome["time"] for outcome in outcomes})
    rounds = sorted({outcome["rounds"] for outcome in outcomes})
    commits = dict.fromkeys(_commit(outcome) for outcome in outcomes if outcome["git"])
    versions = {name: version for outcome in outcomes for name, version in outcome["versions"].items() if version}
    return (
        f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))} on {'; '.join(machines)}; "
        f"commit {', '.join(commits) or 'unknown'}; {' or '.join(map(str, rounds))} rounds, {how}. "
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}."
    )


def _commit(outcome: Outcome) -> str:
    return str(outcome["git"]["commit"])[:9] + (" with changes" if outcome["git"].get("dirty") else "")


def _target_cells(row: Row) -> tuple[str, ...]:
    form, target = {
        "x": ("{:.1f}x", "at least {:g}x"),
        "%": ("{:.1%}", "under {:.0%}"),
        "floor": ("{:.2f}x", "within {:g}x"),
        "s": ("{:.1f} s", "below {:.1f} s"),
    }[row.unit]
    target = "none" if row.target is None else target.format(row.target)
    verdict = row.verdict.replace("missed", "**missed**") + (f" ({row.note})" if row.note else "")
    figure, cpu = row.figure, row.in_cpu_seconds
    if figure is None:
        return row.what, target, "-", "-", "-", verdict
    spread = f"{form.format(figure.low)} to {form.format(figure.high)}"
    return row.what, target, form.format(figure.median), spread, form.format(cpu.median) if cpu else "-", verdict


def _section(outcome: Outcome) -> str:
    trained = [rival for rival in outcome["rivals"] if rival.get("trains", True)]
    labels = {"arena": f"arena, `{outcome['agent']}`", **{rival["name"]: rival["label"] for rival in trained}}
    lines = [
        f"### {outcome['contest']}",
        f"{outcome['env_steps']:,} env steps of CartPole-v1, cores {outcome['cores']}. Settings from {outcome['source']}, on both sides: "
        f"`{json.dumps(_shown(outcome['hyperparameters']))}`. "
        + " ".join(f"{rival['label']}: {rival['conditions']}." for rival in outcome["rivals"]),
        table(
            WAY_COLUMNS,
            (_way_cells(outcome, way, label) for way, label in labels.items() if of_way(outcome, way)),
        ),
    ]
    floors = of_way(outcome, "floor")
    if floors:
        step, update = (Spread.of(1e6 * floor[name] for floor in floors) for name in ("env_step_wall_seconds", "update_wall_seconds"))
        single = Spread.of(1e6 * floor["single_env_step_wall_seconds"] for floor in floors)
        lines.append(
            f"Floor: {step.median:.1f} µs an env step ({1e6 / step.median:,.0f} a second; {1e6 / single.median:,.0f} with one "
            f"environment), {update.median:.0f} µs an update."
        )
    lines += [f"Failed: {way}: {reason}." for way, reason in outcome["failures"].items()]
    return "\n\n".join(lines)


def _shown(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in hyperparameters.items() if key != "conv_layers"}  # CartPole has no images


def _way_cells(outcome: Outcome, way: str, label: str) -> tuple[str, ...]:
    measurements = of_way(outcome, way)

    def median(value: Any) -> float:
        return Spread.of(map(value, measurements)).median

    rates = Spread.of(map(rate, measurements))
    distance = distance_to_floor(outcome, way)
    peaks = [m["peak_rss_bytes"] for m in measurements if m["peak_rss_bytes"]]
    shares = [median(lambda m, part=part: _share(m, part)) for part in PARTS]
    return (
        label,
        f"{rates.median:,.0f} ({rates.low:,.0f} to {rates.high:,.0f})",
        f"{median(lambda m: m['updates'] / m['wall_seconds']):,.0f}",
        f"{median(lambda m: m['wall_seconds']):.2f}",
        f"{median(lambda m: m['cpu_seconds']):.2f}",
        f"{median(lambda m: m['env_steps']):,.0f}",
        f"{median(lambda m: m['updates']):,.0f}",
        f"{median(lambda m: m['start_seconds']):.1f}",
        f"{Spread.of(peaks).median / 2**20:,.0f}" if peaks else "-",
        f"{distance.median:.2f}x" if distance else "-",
        *(f"{share:.0%}" for share in shares),
    )


def _share(measurement: Mapping[str, Any], part: str) -> float:
    parts, wall = measurement["parts"], measurement["wall_seconds"]
    value = wall - sum(parts.get(name, 0.0) for name in PARTS[:-1]) if part == "other" else parts.get(part, 0.0)
    return float(value / wall)


def _evaluation_section(outcome: Outcome) -> str:
    labels = {"arena": "arena, `policy.onnx`, 100 episodes", "sb3": "SB3's `evaluate_policy`, one environment, 10 episodes"}
    cells = []
    for way, label in labels.items():
        if measurements := of_way(outcome, way):
            rates = Spread.of(map(rate, measurements))
            cells.append((label, f"{rates.median:,.0f} ({rates.low:,.0f} to {rates.high:,.0f})"))
    text = "The same 64x64 network on both sides, which holds the pole for 500 steps. One core."
    return "\n\n".join([f"### {EVALUATION}", text, table(("way", "env steps/s"), cells)])


def table(names: Sequence[str], lines: Any) -> str:
    """Returns a Markdown table."""
    written = [names, ["---"] * len(names), *lines]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in written)


def write_chart(path: Path, found: Sequence[Row]) -> None:
    """Draws every ratio with its spread, and the target as a mark."""
    import matplotlib  # a third of a second, which no other command should pay

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    drawn = [row for row in found if row.unit == "x" and row.figure is not None]
    with plt.rc_context(CHART_STYLE):
        figure, axis = plt.subplots(figsize=(8, 0.6 + 0.34 * max(1, len(drawn))), constrained_layout=True)
        for index, row in enumerate(reversed(drawn)):
            assert row.figure is not None
            spread = [[row.figure.median - row.figure.low], [row.figure.high - row.figure.median]]
            color = "C3" if row.verdict.startswith("missed") else "C0"
            axis.barh(index, row.figure.median, xerr=spread, color=color, height=0.6, error_kw={"lw": 1})
            if row.target is not None:
                axis.plot([row.target] * 2, [index - 0.4, index + 0.4], color="black", lw=1.5)
        axis.set_yticks(range(len(drawn)), [row.name for row in reversed(drawn)])
        axis.set(xscale="log", xlabel="times as quick (black: the target; red: missed)")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
