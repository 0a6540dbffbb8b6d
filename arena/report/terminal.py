"""`arena report`: reads run folders, writes the report's files and prints a summary."""

import dataclasses
import functools
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from arena.environments.references import catalogue
from arena.errors import ArenaError
from arena.formats.folders import refuse_link
from arena.formats.readable import return_decimals
from arena.machine.installation import install_command
from arena.report.attempts import attempts_sentence
from arena.report.build import EQUAL_WITHIN, METRIC_NAMES, build_report
from arena.report.document import ExperimentReport, TimeToThreshold
from arena.report.load import load_runs
from arena.report.tables import write_latex, write_report
from arena.report.verdict import QUANTITY, judge
from arena.report.videos import episode_videos
from arena.statistics.comparison import AgentPair
from arena.statistics.estimate import Estimate, remarks
from arena.statistics.ties import Rank
from arena.terminal.output import Mode, Output, command_line, make_table


def report(
    folders: list[Path],
    output: Path | None,
    *,
    equal_within: float = EQUAL_WITHIN,
    figures: Sequence[str] = (),
    serif: bool = False,
    latex: bool = False,
    videos: bool = False,
    allow: Collection[str] = (),
    mode: Mode,
) -> None:
    """Reports on the runs below `folders`.

    Args:
        folders: folders that `arena run` has written.
        output: folder to write into; by default `report` below the first of `folders`.
        equal_within: distance of P(improvement) from an even chance within which two agents count as equal.
        figures: file formats in which each figure is written too (`arena.report.figures`).
        serif: whether the text of figures is set in a serif font.
        latex: whether tables are written for LaTeX too.
        videos: whether the page shows episodes of the final evaluations, which are played again for it.
        allow: import paths and files that the runs' environments may name, for the videos.
        mode: form of the output, a summary for people or JSON.
    """
    draw = _drawing(figures, serif=serif) if figures else None
    title = "+".join(dict.fromkeys(re.sub(r"[^\w.+=,-]", "-", folder.resolve().name) for folder in folders))  # can name an experiment
    loaded = load_runs(folders)
    document = build_report(
        loaded.runs,
        catalogue(),
        title=title,
        command=command_line(),
        equal_within=equal_within,
        left_out=tuple(map(str, loaded.left_out)),
    )
    target = output or folders[0] / "report"
    if output is None:
        refuse_link(target)  # the folder is the user's, and what is in it may be a stranger's
    write_report(document, target, episode_videos(loaded.runs, allow) if videos else ((), ()))
    to = Output(mode)
    to.record(dataclasses.asdict(document))
    if to.for_people:
        print_report(document, to)
    to.say(f"Page: {target / 'report.html'}; tables and all numbers beside it")
    if draw is not None:
        to.say(f"Figures: {len(draw(document, target / 'figures'))} files in {target / 'figures'}")
    if latex:
        to.say(f"LaTeX: {', '.join(write_latex(document, target))} in {target}")


def _drawing(formats: Sequence[str], *, serif: bool) -> Callable[[ExperimentReport, Path], list[str]]:
    """Returns the function that writes figures; refuses before any work what is unknown or not installed."""
    try:
        from arena.report import figures
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise ArenaError(f"arena report --figures needs matplotlib: {install_command('figures')}") from error
    figures.check_formats(formats)
    return functools.partial(figures.write_figures, formats=formats, serif=serif)


def print_report(document: ExperimentReport, output: Output) -> None:
    """Prints scores, comparisons, both rankings, costs, runs of several attempts and notes."""
    if document.aggregates:
        _print_scores(document, output)
    else:
        _print_returns(document, output)
    _print_metrics(document, output)
    _print_pairs(document, output)
    _print_saturated(document, output)
    _print_rankings(document, output)
    _print_costs(document, output)
    _print_attempts(document, output)
    shown = [row.estimate for row in document.aggregates] or [result.return_mean for result in document.results]
    shown += [row.area for row in document.rankings]
    for note in (*(f"* {remark}" for remark in remarks(shown)), *document.notes):
        output.say(f"Note: {note}")


def _print_scores(document: ExperimentReport, output: Output) -> None:
    envs = "1 environment" if document.num_envs_in_aggregates == 1 else f"{document.num_envs_in_aggregates} environments"
    found = {(row.agent, row.metric): row.estimate for row in document.aggregates}
    ranks, agents = judge(document).ranks, {agent.name: agent for agent in document.agents}
    rows = [
        (
            rank_words(ranks[name]),
            name,
            *(words(found[name, metric]) for metric in METRIC_NAMES),
            f"{agents[name].num_failed}/{agents[name].num_runs}",
        )
        for name in judge(document).order
    ]
    title = f"Scores over {envs} (random 0, solved 1), with {document.confidence:.0%} intervals over training seeds"
    output.say(f"Ranked by {QUANTITY}; in brackets the ranks that are not excluded")
    _print_table(output, title, ("rank", "agent", "IQM", "mean", "median", "optimality gap", "failed"), rows)


def _print_returns(document: ExperimentReport, output: Output) -> None:
    rows = [
        (
            result.agent,
            result.env,
            words(result.return_mean, f".{decimals(result.return_mean)}f"),
            f"{sum(result.failed)}/{len(result.seeds)}",
        )
        for result in document.results
    ]
    _print_table(output, "Final returns", ("agent", "env", "mean return", "failed"), rows)


def _print_metrics(document: ExperimentReport, output: Output) -> None:
    rows = [(result.agent, result.env, name, words(estimate)) for result in document.results for name, estimate in result.metrics.items()]
    if rows:
        _print_table(output, "Metrics from info, in the final evaluations of runs that finished", ("agent", "env", "metric", "mean"), rows)


def _print_pairs(document: ExperimentReport, output: Output) -> None:
    verdict, rows = judge(document), []
    apart = {(each.x, each.y): (words(each.mean), words(each.iqm)) for each in document.score_differences}
    for pair in document.pairs:
        claim = verdict.claim(pair.x, pair.y)
        rows.append((pair.x, pair.y, words(pair.probability), *apart.get((pair.x, pair.y), ()), _p_value(pair), claim))
    if not rows:
        return
    if verdict.equal:
        output.say(equal_words(verdict.equal_within))
    differences = ("mean of x - y", "IQM of x - y") if apart else ()
    columns = ("x", "y", "probability", *differences, "p", "by the sequential test" if verdict.sequential else "")
    _print_table(output, f"Probability that a run of x returns more than a run of y, p corrected for {len(rows)} pairs", columns, rows)
    for circle in verdict.circles:
        output.say(f"A circle: {circle}. No single number ranks them.")
    _print_env_pairs(document, output)


def _print_env_pairs(document: ExperimentReport, output: Output) -> None:
    rows = []
    for each in document.env_pairs:
        apart = words(each.return_difference, f".{decimals(each.return_difference)}f")
        rows.append((each.env, each.pair.x, each.pair.y, words(each.pair.probability), apart, _p_value(each.pair)))
    columns = ("env", "x", "y", "probability", "mean return of x - y", "p")
    _print_table(output, f"Pairs on each environment, p corrected for all {len(rows)}", columns, rows)


def _p_value(pair: AgentPair) -> str:
    return "too few seeds" if pair.basis == "nothing" else f"{pair.p_value_joint:.3f}"


def _print_saturated(document: ExperimentReport, output: Output) -> None:
    for saturated in document.saturated:
        rows = [(rank_words(row.rank), row.agent, _speed_words(row.time)) for row in saturated.rows]
        output.say(saturated.sentence())
        _print_table(output, f"Ranking by speed: env steps until {saturated.threshold:g}", ("rank", "agent", "median"), rows)


def _speed_words(time: TimeToThreshold) -> str:
    median = "never" if time.env_steps_median is None else f"{time.env_steps_median:,.0f}"
    if time.env_steps_low is None:
        return f"{median} (no interval)"
    high = "never" if time.env_steps_high is None else f"{time.env_steps_high:,.0f}"
    return f"{median} [{time.env_steps_low:,.0f}, {high}]"


def _print_rankings(document: ExperimentReport, output: Output) -> None:
    if document.rankings and document.circumstances:
        output.say(document.circumstances)
    for axis, unit in (("env_steps", "env steps"), ("train_seconds", "seconds of training")):
        ranking = [row for row in document.rankings if row.axis == axis]
        if ranking:
            title = f"Ranking at equal {unit}: mean score on the way to {ranking[0].horizon:,.0f}"
            _print_table(
                output, title, ("rank", "agent", "mean score"), [(rank_words(row.rank), row.agent, words(row.area)) for row in ranking]
            )


def _print_costs(document: ExperimentReport, output: Output) -> None:
    rows = []
    for cost in document.costs:
        parts = (cost.env_seconds, cost.act_seconds, cost.learn_seconds, cost.other_seconds)
        shares = [f"{part / cost.train_seconds:.0%}" if cost.train_seconds else "-" for part in parts]
        speed = "-" if cost.env_steps_per_second is None else f"{cost.env_steps_per_second:,.0f}"
        cpu = "-" if cost.cpu_seconds is None else f"{cost.cpu_seconds:.1f}"
        rows.append((cost.agent, cost.env, speed, f"{cost.start_seconds:.1f}", f"{cost.train_seconds:.1f}", *shares, cpu))
    columns = ("agent", "env", "env steps/s", "start s", "train s", "env", "act", "learn", "other", "CPU s")
    _print_table(output, "Cost of a run, medians over seeds", columns, rows)


def _print_attempts(document: ExperimentReport, output: Output) -> None:
    """Prints a line for each run that took more than one attempt."""
    for run in document.runs:
        if sentence := attempts_sentence(run):
            output.say(f"{run.agent} {run.env} seed {run.seed}: {sentence}")


def equal_words(equal_within: float) -> str:
    """Returns what is claimed of agents that are equal."""
    most = f"{0.5 + equal_within:.0%} of the time"
    return f"Equal: neither returns more than the other over {most}, with at most 5% risk of even one wrong claim"


def rank_words(rank: Rank) -> str:
    """Returns a rank for people: `1= (1-3)`, with the ranks that are not excluded."""
    return rank.label if rank.low == rank.high else f"{rank.label} ({rank.low}-{rank.high})"


def words(estimate: Estimate, form: str = ".2f") -> str:
    """Returns an estimate for people: `0.93 [0.88, 0.97]`; `*` marks a note on it, `(no interval)` that there is none."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:z{form}} (no interval)"
    return f"{estimate.value:z{form}} [{estimate.low:z{form}}, {estimate.high:z{form}}]{'*' if estimate.note else ''}"


def decimals(estimate: Estimate) -> int:
    """Returns the decimals with which a mean return and its interval are shown."""
    return return_decimals(estimate.value, estimate.low, estimate.high)


def _print_table(output: Output, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    output.say(f"{title}:")
    output.show(make_table(columns, rows))
    output.say()
