"""The verdicts on the targets of the benchmark `performance`: rates, ratios within rounds, and distances to the floor."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.cases import MAX_UPDATES_APART, NEAR_FLOOR, SHARE_TARGET, START_TARGET

WHOLE = "whole"
"""Variant of a run of usual length through the arena, with the compiled programs that an earlier run has kept."""
EVALUATION = "evaluation"
"""Name of the case that compares `evaluate` on `policy.onnx` with SB3's `evaluate_policy`; it trains nothing."""
TO_475 = "to-475"
"""Name of the case that compares the seconds of finished runs until a return of 475 with those of SB3."""
EVALUATION_TARGET = 20.0
"""Smallest ratio of the env steps per second of our evaluation to those of SB3's that meets the target."""

Outcome = Mapping[str, Any]
"""What `benchmarks.rounds` has written for one case."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """The median, minimum and maximum of some values, over rounds or seeds."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Returns the spread of at least one value."""
        found = list(values)
        return cls(median=statistics.median(found), minimum=min(found), maximum=max(found))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetRow:
    """One target, and whether it is met."""

    name: str
    """Name of the row, safe as an id."""
    what: str
    """Description of what is compared."""
    target: float | None
    """The value to reach; None means that none was set."""
    unit: str
    """`x`: a ratio that must be at least the target. `%`: a share that must be below it. `floor`: a multiple of the floor that must be at
    most the target. `s`: seconds that must be fewer."""
    figure: Spread | None
    """The figure that is held to the target; None if it was not measured, or is refused."""
    verdict: str
    """Begins with `met`, `missed`, `no target`, `refused` or `failed`."""
    note: str = ""
    """An explanation, shown in brackets."""
    in_cpu_seconds: Spread | None = None
    """The same ratio in CPU seconds of the processes, which other work on the machine changes less."""


def target_rows(outcomes: Sequence[Outcome]) -> list[TargetRow]:
    """Returns a row for each target of these outcomes."""
    trained = [outcome for outcome in outcomes if outcome["case"] not in (EVALUATION, TO_475)]
    found = [row for outcome in trained for row in _ratio_rows(outcome)]
    found += [_share_row(outcome) for outcome in trained if _measured(outcome, "arena")]
    found += [_floor_row(outcome, figure) for outcome in trained if (figure := distance_to_floor(outcome)) is not None]
    found += [
        row for outcome in trained for baseline in outcome["baselines"] if baseline["is_example"] for row in _start_rows(outcome, baseline)
    ]
    found += [_evaluation_row(outcome) for outcome in outcomes if outcome["case"] == EVALUATION]
    return found + [row for outcome in outcomes if outcome["case"] == TO_475 for row in _rows_to_475(outcome)]


def of_variant(outcome: Outcome, variant: str) -> list[Mapping[str, Any]]:
    """Returns the measurements of one variant, by round."""
    return sorted((m for m in outcome["measurements"] if m["variant"] == variant), key=lambda m: m["round"])


def rate(measurement: Mapping[str, Any], clock: str = "wall_seconds") -> float:
    """Returns env steps per second."""
    return float(measurement["env_steps"] / measurement[clock])


def ratio(outcome: Outcome, baseline: str, clock: str = "wall_seconds") -> Spread:
    """Returns our env steps per second over the baseline's, or our updates per second over the baseline's if that ratio is smaller.

    The two differ only by the rounding of updates per env step, which therefore never counts in our favour.
    """
    return Spread.of(_ratio(ours, theirs, clock) for ours, theirs in _pairs(outcome, "arena", baseline))


def _ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any], clock: str) -> float:
    counts = [name for name in ("env_steps", "updates") if ours[name] and theirs[name]]
    return min(float(ours[name] / ours[clock] / (theirs[name] / theirs[clock])) for name in counts)


def floor_seconds(floor: Mapping[str, Any], of: Mapping[str, Any], clock: str = "wall_seconds", update: str = "update") -> float:
    """Returns the seconds that the env steps and updates of measurement `of` take at the floor, which was measured in the same round.

    Args:
        floor: the measurement of the floor.
        of: the measurement whose env steps and updates count.
        clock: `wall_seconds` or `cpu_seconds`.
        update: `update` for NumPy's floor, `fused_update` for that of compiled code.
    """
    return float(floor[f"env_step_{clock}"] * of["env_steps"] + floor[f"{update}_{clock}"] * of["updates"])


def distance_to_floor(outcome: Outcome, variant: str = "arena", clock: str = "wall_seconds", update: str = "update") -> Spread | None:
    """Returns the seconds of a variant over those of the floor; None if one of the two was not measured. See `floor_seconds`."""
    pairs = [(m, floor) for m, floor in _pairs(outcome, variant, "floor") if f"{update}_{clock}" in floor]
    return Spread.of(m[clock] / floor_seconds(floor, m, clock, update) for m, floor in pairs) if pairs else None


def updates_apart(outcome: Outcome, baseline: str) -> float:
    """Returns the difference between the updates per env step of us and the baseline, as a share, in the worst round."""

    def density(measurement: Mapping[str, Any]) -> float:
        return float(measurement["updates"] / measurement["env_steps"])

    return max(abs(math.log(density(ours) / density(theirs))) for ours, theirs in _pairs(outcome, "arena", baseline))


def _measured(outcome: Outcome, *variants: str) -> bool:
    return all(of_variant(outcome, variant) for variant in variants)


def _pairs(outcome: Outcome, first: str, second: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    others = {m["round"]: m for m in of_variant(outcome, second)}
    return [(m, others[m["round"]]) for m in of_variant(outcome, first) if m["round"] in others]


def _ratio_rows(outcome: Outcome) -> Iterable[TargetRow]:
    for baseline in (baseline for baseline in outcome["baselines"] if baseline.get("trains", True)):
        name, what = f"{outcome['case']}-{baseline['name']}", f"`{outcome['agent']}` against {baseline['label']}"
        common: dict[str, Any] = {"name": name, "what": what, "target": baseline["target"], "unit": "x"}
        if not _pairs(outcome, "arena", baseline["name"]):
            yield TargetRow(**common, figure=None, verdict=f"failed: {_why_not(outcome, baseline['name'], 'arena')}")
        elif (apart := updates_apart(outcome, baseline["name"])) > MAX_UPDATES_APART:
            yield TargetRow(**common, figure=None, verdict=f"refused: updates per env step differ by {apart:.0%}")
        else:
            yield _ratio_row(outcome, baseline["name"], common)


def _ratio_row(outcome: Outcome, baseline: str, common: dict[str, Any]) -> TargetRow:
    figure, target = ratio(outcome, baseline), common["target"]
    common |= {"in_cpu_seconds": ratio(outcome, baseline, "cpu_seconds")}
    if target is None:
        return TargetRow(**common, figure=figure, verdict="no target")
    if figure.median >= target:
        return TargetRow(**common, figure=figure, verdict="met")
    reach, distance = distance_to_floor(outcome, baseline), distance_to_floor(outcome)
    if reach is None or distance is None:
        return TargetRow(**common, figure=figure, verdict="missed", note="no floor was measured")
    note = f"the baseline takes {reach.median:.1f} times the floor, and we {distance.median:.2f} times"
    if reach.median < target and 1.0 <= distance.median <= NEAR_FLOOR:  # below 1 the floor isn't one, and excuses nothing
        return TargetRow(**common, figure=figure, verdict="met, at the floor", note=note)
    return TargetRow(**common, figure=figure, verdict="missed", note=note)


def _why_not(outcome: Outcome, *variants: str) -> str:
    failures = outcome["failures"]
    return next((failures[variant] for variant in variants if variant in failures), "not measured; measure the case again")


def _share_row(outcome: Outcome) -> TargetRow:
    name, what = f"{outcome['case']}-share", f"the arena's own share of training, `{outcome['agent']}`"
    if not _measured(outcome, WHOLE):
        reason = _why_not(outcome, WHOLE)
        return TargetRow(name=name, what=what, target=SHARE_TARGET, unit="%", figure=None, verdict=f"failed: {reason}")
    figure = Spread.of(sum(m["share_seconds"].values()) / m["train_seconds"] for m in of_variant(outcome, WHOLE))
    return TargetRow(
        name=name,
        what=f"{what}, over {of_variant(outcome, WHOLE)[0]['env_steps']:,} env steps",
        target=SHARE_TARGET,
        unit="%",
        figure=figure,
        verdict="met" if figure.median < SHARE_TARGET else "missed",
        note=", ".join(f"{part} {share:.1%}" for part, share in share_of_training(outcome).items()),
    )


def share_of_training(outcome: Outcome) -> dict[str, float]:
    """Returns the arena's own seconds over the seconds of training: for each part, the median over rounds."""
    measurements = of_variant(outcome, WHOLE)
    parts = measurements[0]["share_seconds"]
    return {part: statistics.median(m["share_seconds"][part] / m["train_seconds"] for m in measurements) for part in parts}


def _floor_row(outcome: Outcome, figure: Spread) -> TargetRow:
    """Returns the row that holds an agent to NumPy's floor; its note says how far it is from the floor of compiled code."""
    target, fused = outcome["floor_target"], distance_to_floor(outcome, update="fused_update")
    return TargetRow(
        name=f"{outcome['case']}-floor",
        what=f"training time over the floor, `{outcome['agent']}`",
        target=target,
        unit="floor",
        figure=figure,
        verdict="met" if figure.median <= target else "missed",
        note=f"{fused.median:.2f} times the compiled floor" if fused else "",
        in_cpu_seconds=distance_to_floor(outcome, clock="cpu_seconds"),
    )


def _start_rows(outcome: Outcome, baseline: Mapping[str, Any]) -> Iterable[TargetRow]:
    """Yields two rows: with the compiled programs that an earlier run of the arena has kept, and with none. The baseline keeps none."""
    for variant, suffix, how in ((WHOLE, "start", "compiled programs kept from an earlier run"), ("arena", "start-cold", "nothing kept")):
        common: dict[str, Any] = {"name": f"{outcome['case']}-{suffix}", "target": START_TARGET, "unit": "x"}
        common |= {"what": f"start-up to the first env step, {how}, `{outcome['agent']}` against {baseline['label']}"}
        pairs = _pairs(outcome, variant, baseline["name"])
        if not pairs:
            yield TargetRow(**common, figure=None, verdict=f"failed: {_why_not(outcome, variant, baseline['name'])}")
            continue
        figure = Spread.of(theirs["start_seconds"] / ours["start_seconds"] for ours, theirs in pairs)
        verdict = "met" if figure.median >= START_TARGET else "missed"
        ours, theirs = (statistics.median(side[index]["start_seconds"] for side in pairs) for index in (0, 1))
        yield TargetRow(**common, figure=figure, verdict=verdict, note=f"{ours:.1f} s against {theirs:.1f} s")


def _evaluation_row(outcome: Outcome) -> TargetRow:
    common: dict[str, Any] = {"name": EVALUATION, "what": "`policy.onnx` against SB3's `evaluate_policy` with one environment, one core"}
    common |= {"target": EVALUATION_TARGET, "unit": "x"}
    pairs = _pairs(outcome, "arena", "sb3")
    if not pairs:
        return TargetRow(**common, figure=None, verdict=f"failed: {next(iter(outcome['failures'].values()), 'not measured')}")
    if any(ours["episode_return_mean"] != theirs["episode_return_mean"] for ours, theirs in pairs):
        return TargetRow(**common, figure=None, verdict="refused: the two sides' mean returns differ")
    figure = ratio(outcome, "sb3")
    return TargetRow(**common, figure=figure, verdict="met" if figure.median >= EVALUATION_TARGET else "missed")


def _rows_to_475(outcome: Outcome) -> list[TargetRow]:
    """Returns two rows for each of our agents that SB3 has an algorithm for: with start-up, and without."""
    found = []
    for agent in dict.fromkeys(run["agent"] for run in outcome["ours"]):
        runs = [run for run in outcome["ours"] if run["agent"] == agent]
        algorithm = str(runs[0]["id"]).rpartition("-")[2]
        sb3 = [run for name, run in outcome["sb3"].items() if name.startswith(f"{algorithm}/")]
        if not sb3:
            continue
        for name, parts in ((f"{agent}-{TO_475}", ("start_seconds", "wall_seconds")), (f"{agent}-{TO_475}-warm", ("wall_seconds",))):
            figure = Spread.of(_seconds(run, parts) for run in runs)
            target = statistics.median(_seconds(run, parts) for run in sb3)
            reached = [f"{sum(run['reached'] for run in side)} of {len(side)}" for side in (runs, sb3)]
            what = f"`{agent}`: seconds to 475, {'start-up included' if len(parts) == 2 else 'without start-up'}, against SB3"
            verdict = "met" if figure.median < target else "missed"
            found.append(
                TargetRow(
                    name=name,
                    what=what,
                    target=target,
                    unit="s",
                    figure=figure,
                    verdict=verdict,
                    note=f"{reached[0]} seeds, SB3 {reached[1]}",
                )
            )
    return found


def _seconds(run: Mapping[str, Any], parts: Sequence[str]) -> float:
    return sum(float(run[part]) for part in parts) if run["reached"] else math.inf
