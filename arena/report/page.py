"""The report of an experiment as one page."""

from collections.abc import Sequence
from typing import Any

from arena.formats.readable import count, fixed, listed, number, percent, return_decimals
from arena.html import axes
from arena.html.rendering import render as render_page
from arena.html.verdicts import verdict as verdict_sentence
from arena.report.attempts import attempts_sentence
from arena.report.document import EnvResult, ExperimentReport, SaturatedEnv
from arena.report.page_figures import AXES, curve_figures, profile_figure, report_styles
from arena.report.verdict import QUANTITY, ReportVerdict, disagreements, judge
from arena.report.videos import EpisodeVideo
from arena.statistics.comparison import AgentPair

_METRICS = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}


def render(report: ExperimentReport, videos: Sequence[EpisodeVideo] = (), video_notes: Sequence[str] = ()) -> str:
    """Returns the page.

    Args:
        report: all numbers.
        videos: episodes to show.
        video_notes: sentences about agents and environments that have none.
    """
    styles = report_styles(report)
    iqm = {row.agent: row.estimate for row in report.aggregates if row.metric == "iqm"}
    verdict = judge(report)
    return render_page(
        "report.html",
        report=report,
        sections=[*_sections(report)[:-1], ("videos", "Episodes", [*videos, *video_notes]), _sections(report)[-1]],
        videos=videos,
        video_notes=video_notes,
        verdict=_lead(report, verdict) if report.pairs else "",
        facts=_facts(report),
        order=verdict.order,
        ranks=verdict.ranks,
        chances=verdict.chances,
        otherwise=_otherwise(report, verdict),
        styles=styles,
        names=list(styles),
        failures={agent.name: f"{agent.num_failed} of {agent.num_runs}" for agent in report.agents},
        metrics={name: title for name, title in _METRICS.items() if any(row.metric == name for row in report.aggregates)},
        aggregates={(row.agent, row.metric): row for row in report.aggregates},
        return_scales={env.name: _return_scale(report, env.name) for env in report.envs},
        scale=axes.row_scale([*((e.low, e.value, e.high) for e in iqm.values()), (0.0, 1.0)]),
        curves=curve_figures(report, styles),
        profile=profile_figure(report, styles),
        probability=lambda x, y: _probability(report.pairs, x, y, verdict),
        against=_against(report.pairs, verdict),
        score_differences={(each.x, each.y): each for each in report.score_differences},
        claim=verdict.claim,
        run_points=_run_points,
        equal_within=verdict.equal_within,
        circles=verdict.circles,
        sequential=verdict.sequential,
        attempts_sentence=attempts_sentence,
        failed=[run for run in report.runs if run.status not in ("finished", "unfinished")],
    )


def _return_scale(report: ExperimentReport, env: str) -> axes.AxisScale | None:
    """Returns the scale on which the returns of all runs on an environment stand."""
    rows = [row for row in report.results if row.env == env]
    return axes.row_scale(value for row in rows for value in (row.returns, (row.return_mean.low, row.return_mean.high)))


def _run_points(row: EnvResult) -> list[tuple[str, float, str]]:
    """Returns the name, the value and the words of each run behind a result."""
    return [
        (f"seed {seed}", value, fixed(value, return_decimals(value)) + (" (failed)" if failed else ""))
        for seed, value, failed in zip(row.seeds, row.returns, row.failed, strict=True)
    ]


def _lead(report: ExperimentReport, verdict: ReportVerdict) -> str:
    """Returns the first sentences of the page: who is ahead, and by what."""
    ranks = {agent: rank.value for agent, rank in verdict.ranks.items()}
    by_returns = verdict_sentence(verdict.order, verdict.is_better, ranks=ranks, quantity=QUANTITY)
    return " ".join([*map(_by_speed, report.saturated), by_returns])


def _by_speed(saturated: SaturatedEnv) -> str:
    """Returns what a saturated environment cannot show, and who was there first."""
    order = [row.agent for row in saturated.rows]
    ranks = {row.agent: row.rank.value for row in saturated.rows}
    quantity = f"the median of env steps until an evaluation returned {number(saturated.threshold)} there"
    speed = verdict_sentence(order, lambda one, other: (one, other) in saturated.faster, ranks=ranks, quantity=quantity)
    return f"{saturated.sentence()} By speed: {speed} By returns:"


def _otherwise(report: ExperimentReport, verdict: ReportVerdict) -> dict[str, str]:
    """Returns a sentence for each column and ranking table that orders agents otherwise than the rank."""
    found: dict[str, list[tuple[str, str]]] = {}
    for metric in _METRICS:
        sign = -1.0 if metric == "optimality_gap" else 1.0
        values = {row.agent: sign * row.estimate.value for row in report.aggregates if row.metric == metric}
        found[str(metric)] = disagreements(verdict.ranks, values)
    for axis, *_ in AXES:
        found[axis] = disagreements(verdict.ranks, {row.agent: row.area.value for row in report.rankings if row.axis == axis})
    titles: dict[str, str] = {**_METRICS, **{str(axis): caption for axis, caption, _ in AXES}}
    return {
        name: f"{titles[name]} orders agents otherwise than the rank: {listed([f'{lower} before {higher}' for lower, higher in pairs])}."
        for name, pairs in found.items()
        if pairs
    }


def _sections(report: ExperimentReport) -> list[tuple[str, str, object]]:
    """Returns the id, the heading and the content of every section; the page leaves out those without content."""
    return [
        ("scores", "Scores", report.aggregates),
        ("saturated", "Saturated environments", report.saturated),
        ("curves", "Learning curves", report.curves),
        ("profile", "Performance profile", report.profiles),
        ("pairs", "Pairs", report.pairs),
        ("stopped", "When seeds stopped", report.decisions),
        ("results", "Per environment", report.results),
        ("threshold", "Time to threshold", report.times_to_threshold),
        ("published", "Published numbers", report.published),
        ("cost", "Speed and cost", report.costs),
        ("settings", "Settings", report.agents),
        ("runs", "Runs", report.runs),
        ("again", "How to repeat it", True),
    ]


def _facts(report: ExperimentReport) -> str:
    num_runs = sum(agent.num_runs for agent in report.agents)
    parts = [count(len(report.agents), "agent"), count(len(report.envs), "environment"), count(num_runs, "run")]
    if steps := report.budget.get("env_steps"):
        parts.append(f"at most {steps:,} env steps each")
    failed, unfinished = (sum(getattr(agent, name) for agent in report.agents) for name in ("num_failed", "num_unfinished"))
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{unfinished} not finished"] if unfinished else []
    return f"{', '.join(parts)}. Intervals hold {percent(report.confidence)} of the time and include the spread over training seeds."


def _probability(pairs: Sequence[AgentPair], x: str, y: str, verdict: ReportVerdict) -> dict[str, Any] | None:
    """Returns what the matrix shows of x against y, whichever of them the report names first; None for a pair that was not compared."""
    pair = next((pair for pair in pairs if {pair.x, pair.y} == {x, y}), None)
    if pair is None:
        return None
    value, low, high = pair.probability.value, pair.probability.low, pair.probability.high
    if pair.x != x:
        value, low, high = 1 - value, None if high is None else 1 - high, None if low is None else 1 - low
    higher, lower = (x, y) if verdict.ranks[x].value < verdict.ranks[y].value else (y, x)
    against = verdict.ranks[x].value != verdict.ranks[y].value and (value > 0.5) == (lower == x) and value != 0.5
    note = f"{lower} has the lower rank, and more often returns more than {higher}" if against else ""
    test = {"p": pair.p_value_joint, "too_few": pair.basis == "nothing", "decided": verdict.winner(x, y) is not None}
    test["equal"] = (pair.x, pair.y) in verdict.equal
    return {"value": value, "low": low, "high": high, "note": note, **test}


def _against(pairs: Sequence[AgentPair], verdict: ReportVerdict) -> list[str]:
    """Returns a sentence for each pair in which the agent of the lower rank more often returns more."""
    found = [_probability(pairs, pair.x, pair.y, verdict) for pair in pairs]
    return [cell["note"] for cell in found if cell is not None and cell["note"]]
