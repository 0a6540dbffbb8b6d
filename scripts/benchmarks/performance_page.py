"""The tables of docs/performance.md and its chart, from what `benchmarks.rounds` and `benchmarks.to_475` have measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot as plt

from benchmarks.marked_page import CHART_STYLE, MarkedPage, measured_on, table
from benchmarks.processes import ROOT
from benchmarks.verdicts import EVALUATION, TO_475, Outcome, Spread, TargetRow, distance_to_floor, of_variant, rate, target_rows

PAGE = ROOT / "docs" / "performance.md"
PARTS = ("env", "act", "learn", "other")
TARGET_COLUMNS = ("what", "target", "median", "min to max", "in CPU seconds", "verdict")
VARIANT_COLUMNS = (
    *("variant", "env steps/s", "updates/s", "wall s", "CPU s", "env steps", "updates", "start-up s", "peak MB", "over the floor"),
    *PARTS,
)


def performance_page(path: Path) -> MarkedPage:
    """Returns the page at `path`; raises as `MarkedPage`."""
    return MarkedPage(path, "benchmark", "Performance")


def write_page(page: MarkedPage, outcomes: Sequence[Outcome]) -> None:
    """Writes the tables to the page, and the chart beside it."""
    write_chart(page.chart, target_rows(outcomes))
    page.write(markdown(outcomes, page.chart.name))


def markdown(outcomes: Sequence[Outcome], chart: str) -> str:
    """Returns the targets, the chart, and a section for each case."""
    parts = [
        measured_on(outcomes, "medians over rounds, ratios within each round; every process with one thread"),
        table(TARGET_COLUMNS, map(_target_cells, target_rows(outcomes))),
    ]
    parts += [f"![ratios]({chart})"]
    for outcome in outcomes:
        if outcome["case"] == EVALUATION:
            parts.append(_evaluation_section(outcome))
        elif outcome["case"] != TO_475:
            parts.append(_section(outcome))
    return "\n\n".join(parts) + "\n"


def _target_cells(row: TargetRow) -> tuple[str, ...]:
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
    spread = f"{form.format(figure.minimum)} to {form.format(figure.maximum)}"
    return row.what, target, form.format(figure.median), spread, form.format(cpu.median) if cpu else "-", verdict


def _section(outcome: Outcome) -> str:
    trained = [baseline for baseline in outcome["baselines"] if baseline.get("trains", True)]
    labels = {"arena": f"arena, `{outcome['agent']}`", **{baseline["name"]: baseline["label"] for baseline in trained}}
    lines = [
        f"### {outcome['case']}",
        f"{outcome['env_steps']:,} env steps of CartPole-v1, cores {outcome['cores']}. Settings from {outcome['source']}, on both sides: "
        f"`{json.dumps(_shown(outcome['hyperparameters']))}`. "
        + " ".join(f"{baseline['label']}: {baseline['conditions']}." for baseline in outcome["baselines"]),
        table(
            VARIANT_COLUMNS,
            (_variant_cells(outcome, variant, label) for variant, label in labels.items() if of_variant(outcome, variant)),
        ),
    ]
    floors = of_variant(outcome, "floor")
    if floors:
        step, update = (Spread.of(1e6 * floor[name] for floor in floors) for name in ("env_step_wall_seconds", "update_wall_seconds"))
        single, fused = (Spread.of(1e6 * floor[f"{name}_wall_seconds"] for floor in floors) for name in ("single_env_step", "fused_update"))
        lines.append(
            f"Floor: {step.median:.1f} µs an env step ({1e6 / step.median:,.0f} a second; {1e6 / single.median:,.0f} with one "
            f"environment), {update.median:.0f} µs an update in NumPy, {fused.median:.0f} µs in compiled code."
        )
    lines += [f"Failed: {variant}: {reason}." for variant, reason in outcome["failures"].items()]
    return "\n\n".join(lines)


def _shown(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in hyperparameters.items() if key not in ("network", "conv_layers") and value is not None
    }  # CartPole has no images


def _variant_cells(outcome: Outcome, variant: str, label: str) -> tuple[str, ...]:
    measurements = of_variant(outcome, variant)

    def median(value: Any) -> float:
        return Spread.of(map(value, measurements)).median

    rates = Spread.of(map(rate, measurements))
    distance = distance_to_floor(outcome, variant)
    peaks = [m["peak_rss_bytes"] for m in measurements if m["peak_rss_bytes"]]
    shares = [median(lambda m, part=part: _share(m, part)) for part in PARTS]
    return (
        label,
        f"{rates.median:,.0f} ({rates.minimum:,.0f} to {rates.maximum:,.0f})",
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
    for variant, label in labels.items():
        if measurements := of_variant(outcome, variant):
            rates = Spread.of(map(rate, measurements))
            cells.append((label, f"{rates.median:,.0f} ({rates.minimum:,.0f} to {rates.maximum:,.0f})"))
    text = "The same 64x64 network on both sides, which holds the pole for 500 steps. One core."
    return "\n\n".join([f"### {EVALUATION}", text, table(("variant", "env steps/s"), cells)])


def write_chart(path: Path, found: Sequence[TargetRow]) -> None:
    """Draws every ratio with its minimum and maximum, and the target as a mark."""
    matplotlib.use("svg")
    drawn = [row for row in found if row.unit == "x" and row.figure is not None]
    with plt.rc_context(CHART_STYLE):
        figure, axis = plt.subplots(figsize=(8, 0.6 + 0.34 * max(1, len(drawn))), constrained_layout=True)
        for index, row in enumerate(reversed(drawn)):
            assert row.figure is not None
            spread = [[row.figure.median - row.figure.minimum], [row.figure.maximum - row.figure.median]]
            color = "C3" if row.verdict.startswith("missed") else "C0"
            axis.barh(index, row.figure.median, xerr=spread, color=color, height=0.6, error_kw={"lw": 1})
            if row.target is not None:
                axis.plot([row.target] * 2, [index - 0.4, index + 0.4], color="black", lw=1.5)
        axis.set_yticks(range(len(drawn)), [row.name for row in reversed(drawn)])
        axis.set(xscale="log", xlabel="times as fast (black: the target; red: missed)")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
