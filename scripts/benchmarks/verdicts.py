"""What the measurements say: rates, ratios round by round, distances to the floor, and a verdict on each target, by rule."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.settings import (
    EVALUATION,
    EVALUATION_TARGET,
    FLOOR_TARGET,
    MAX_UPDATES_APART,
    NEAR_FLOOR,
    SHARE_TARGET,
    START_TARGET,
    WHOLE,
)

Outcome = Mapping[str, Any]
"""What `benchmarks.run` wrote for one contest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A median over rounds, with the least and the most."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Returns the spread of at least one value."""
        found = list(values)
        return cls(median=statistics.median(found), low=min(found), high=max(found))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One target, and whether it is met."""

    name: str
    """Safe as an id."""
    what: str
    target: float | None
    unit: str
    """`x`: a ratio, at least the target. `%`: a share, at most. `floor`: a multiple of the floor, at most.
    `s`: seconds, fewer."""
    figure: Spread | None
    """None where it could not be measured, or is refused."""
    verdict: str
    """Begins with `met`, `missed`, `no target`, `refused` or `failed`."""
    note: str = ""
    in_cpu_seconds: Spread | None = None
    """The same ratio by the processes' CPU time, which other work on the machine moves less."""


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Returns a row for every target that these outcomes speak of."""
    trained = [outcome for outcome in outcomes if outcome["contest"] != EVALUATION]
    found = [row for outcome in trained for row in _ratio_rows(outcome)]
    found += [_share_row(outcome) for outcome in trained if _measured(outcome, "arena")]
    for algorithm in dict.fromkeys(outcome["algorithm"] for outcome in trained):
        distances = {
            outcome["contest"]: distance
            for outcome in trained
            if outcome["algorithm"] == algorithm and (distance := distance_to_floor(outcome)) is not None
        }
        if distances:
            best = min(distances, key=lambda name: distances[name].median)
            outcome = next(outcome for outcome in trained if outcome["contest"] == best)
            found.append(_floor_row(algorithm, outcome, distances[best]))
    found += [row for outcome in trained for rival in outcome["rivals"] if rival["is_example"] for row in _start_rows(outcome, rival)]
    return found + [_evaluation_row(outcome) for outcome in outcomes if outcome["contest"] == EVALUATION]


def of_way(outcome: Outcome, way: str) -> list[Mapping[str, Any]]:
    """Returns the measurements of one way, by round."""
    return sorted((m for m in outcome["measurements"] if m["way"] == way), key=lambda m: m["round"])


def rate(measurement: Mapping[str, Any], clock: str = "wall_seconds") -> float:
    """Returns env steps per second."""
    return float(measurement["env_steps"] / measurement[clock])


def ratio(outcome: Outcome, rival: str, clock: str = "wall_seconds") -> Spread:
    """Returns our env steps per second over the rival's, or our updates per second over its own where that is less.

    Both come to the same but for the rounding of updates per env step, which so never speaks for us.
    """
    return Spread.of(_ratio(ours, theirs, clock) for ours, theirs in _pairs(outcome, "arena", rival))


def _ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any], clock: str) -> float:
    counts = [name for name in ("env_steps", "updates") if ours[name] and theirs[name]]
    return min(float(ours[name] / ours[clock] / (theirs[name] / theirs[clock])) for name in counts)


def floor_seconds(floor: Mapping[str, Any], of: Mapping[str, Any], clock: str = "wall_seconds") -> float:
    """Returns the seconds of the env steps and updates of measurement `of`, at the floor measured in the same round."""
    return float(floor[f"env_step_{clock}"] * of["env_steps"] + floor[f"update_{clock}"] * of["updates"])


def distance_to_floor(outcome: Outcome, way: str = "arena", clock: str = "wall_seconds") -> Spread | None:
    """Returns the seconds that a way took over those of the floor; None where one of both is missing."""
    pairs = _pairs(outcome, way, "floor")
    return Spread.of(m[clock] / floor_seconds(floor, m, clock) for m, floor in pairs) if pairs else None


def updates_apart(outcome: Outcome, rival: str) -> float:
    """Returns by what share the updates per env step of the two sides differ, in the worst round."""

    def density(measurement: Mapping[str, Any]) -> float:
        return float(measurement["updates"] / measurement["env_steps"])

    return max(abs(math.log(density(ours) / density(theirs))) for ours, theirs in _pairs(outcome, "arena", rival))


def _measured(outcome: Outcome, *ways: str) -> bool:
    return all(of_way(outcome, way) for way in ways)


def _pairs(outcome: Outcome, first: str, second: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    others = {m["round"]: m for m in of_way(outcome, second)}
    return [(m, others[m["round"]]) for m in of_way(outcome, first) if m["round"] in others]


def _ratio_rows(outcome: Outcome) -> Iterable[Row]:
    for rival in (rival for rival in outcome["rivals"] if rival.get("trains", True)):
        name, what = f"{outcome['contest']}-{rival['name']}", f"`{outcome['agent']}` against {rival['label']}"
        common: dict[str, Any] = {"name": name, "what": what, "target": rival["target"], "unit": "x"}
        if not _pairs(outcome, "arena", rival["name"]):
            yield Row(**common, figure=None, verdict=f"failed: {_why_not(outcome, rival['name'], 'arena')}")
        elif (apart := updates_apart(outcome, rival["name"])) > MAX_UPDATES_APART:
            yield Row(**common, figure=None, verdict=f"refused: updates per env step differ by {apart:.0%}")
        else:
            yield _ratio_row(outcome, rival["name"], common)


def _ratio_row(outcome: Outcome, rival: str, common: dict[str, Any]) -> Row:
    figure, target = ratio(outcome, rival), common["target"]
    common |= {"in_cpu_seconds": ratio(outcome, rival, "cpu_seconds")}
    if target is None:
        return Row(**common, figure=figure, verdict="no target")
    if figure.median >= target:
        return Row(**common, figure=figure, verdict="met")
    reach, distance = distance_to_floor(outcome, rival), distance_to_floor(outcome)
    if reach is None or distance is None:
        return Row(**common, figure=figure, verdict="missed", note="no floor was measured")
    note = f"the floor lies {reach.median:.1f} below the rival, and we {distance.median:.2f} above the floor"
    if reach.median < target and 1.0 <= distance.median <= NEAR_FLOOR:  # what we undercut is no floor, and excuses nothing
        return Row(**common, figure=figure, verdict="met, at the floor", note=note)
    return Row(**common, figure=figure, verdict="missed", note=note)


def _why_not(outcome: Outcome, *ways: str) -> str:
    failures = outcome["failures"]
    return next((failures[way] for way in ways if way in failures), "not measured; measure the contest again")


def _share_row(outcome: Outcome) -> Row:
    name, what = f"{outcome['contest']}-share", f"the arena's own share of training, `{outcome['agent']}`"
    if not _measured(outcome, WHOLE):
        reason = _why_not(outcome, WHOLE)
        return Row(name=name, what=what, target=SHARE_TARGET, unit="%", figure=None, verdict=f"failed: {reason}")
    figure = Spread.of(sum(m["share_seconds"].values()) / m["train_seconds"] for m in of_way(outcome, WHOLE))
    return Row(
        name=name,
        what=f"{what}, over {of_way(outcome, WHOLE)[0]['env_steps']:,} env steps",
        target=SHARE_TARGET,
        unit="%",
        figure=figure,
        verdict="met" if figure.median < SHARE_TARGET else "missed",
        note=", ".join(f"{part} {share:.1%}" for part, share in share_of_training(outcome).items()),
    )


def share_of_training(outcome: Outcome) -> dict[str, float]:
    """Returns, by part, the median of what the arena itself took, over the seconds of training."""
    measurements = of_way(outcome, WHOLE)
    parts = measurements[0]["share_seconds"]
    return {part: statistics.median(m["share_seconds"][part] / m["train_seconds"] for m in measurements) for part in parts}


def _floor_row(algorithm: str, outcome: Outcome, figure: Spread) -> Row:
    return Row(
        name=f"floor-{algorithm}",
        what=f"distance to the floor, best agent of {algorithm.upper()} (`{outcome['agent']}`)",
        target=FLOOR_TARGET,
        unit="floor",
        figure=figure,
        verdict="met" if figure.median <= FLOOR_TARGET else "missed",
        in_cpu_seconds=distance_to_floor(outcome, clock="cpu_seconds"),
    )


def _start_rows(outcome: Outcome, rival: Mapping[str, Any]) -> Iterable[Row]:
    """Yields two rows: with the programs that an earlier run of the arena's has kept, and with nothing kept. The rival keeps nothing."""
    for way, suffix, how in ((WHOLE, "start", "compiled programs kept from an earlier run"), ("arena", "start-cold", "nothing kept")):
        common: dict[str, Any] = {"name": f"{outcome['contest']}-{suffix}", "target": START_TARGET, "unit": "x"}
        common |= {"what": f"start-up to the first env step, {how}, `{outcome['agent']}` against {rival['label']}"}
        pairs = _pairs(outcome, way, rival["name"])
        if not pairs:
            yield Row(**common, figure=None, verdict=f"failed: {_why_not(outcome, way, rival['name'])}")
            continue
        figure = Spread.of(theirs["start_seconds"] / ours["start_seconds"] for ours, theirs in pairs)
        verdict = "met" if figure.median >= START_TARGET else "missed"
        ours, theirs = (statistics.median(side[index]["start_seconds"] for side in pairs) for index in (0, 1))
        yield Row(**common, figure=figure, verdict=verdict, note=f"{ours:.1f} s against {theirs:.1f} s")


def _evaluation_row(outcome: Outcome) -> Row:
    common: dict[str, Any] = {"name": EVALUATION, "what": "`policy.onnx` against SB3's `evaluate_policy` with one environment, one core"}
    common |= {"target": EVALUATION_TARGET, "unit": "x"}
    pairs = _pairs(outcome, "arena", "sb3")
    if not pairs:
        return Row(**common, figure=None, verdict=f"failed: {next(iter(outcome['failures'].values()), 'not measured')}")
    if any(ours["episode_return_mean"] != theirs["episode_return_mean"] for ours, theirs in pairs):
        return Row(**common, figure=None, verdict="refused: the two sides' mean returns differ")
    figure = ratio(outcome, "sb3")
    return Row(**common, figure=figure, verdict="met" if figure.median >= EVALUATION_TARGET else "missed")
