"""Puts the report of an experiment together from its runs."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import arena
from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.report import inventory, learning_curves, notes, repeat
from arena.report.circumstances import circumstances
from arena.report.decisions import read_decisions
from arena.report.document import (
    Aggregate,
    Axis,
    EnvResult,
    ExperimentReport,
    MeanCurve,
    MetricName,
    Profile,
    RankingRow,
    TimeToThreshold,
)
from arena.report.exclusions import included
from arena.report.load import LoadedRun, selection_periods
from arena.report.pairs import env_pairs, score_differences
from arena.report.samples import Samples
from arena.report.saturation import saturated_envs
from arena.statistics.bootstrap import band, estimate
from arena.statistics.comparison import compare_all
from arena.statistics.estimate import Bounds, Estimate
from arena.statistics.metrics import profile
from arena.statistics.proportions import wilson
from arena.statistics.score_scale import mean_score_bounds
from arena.statistics.student import critical_value
from arena.statistics.ties import rank_all

Array = npt.NDArray[Any]

AXES: tuple[Axis, ...] = ("env_steps", "train_seconds")
"""Axes of learning curves and rankings, in the order of the report."""
METRIC_NAMES: tuple[MetricName, ...] = ("iqm", "mean", "median", "optimality_gap")
"""Metrics of scores, in the order of the report."""
EQUAL_WITHIN = 0.25
"""Default distance of P(improvement) from an even chance within which two agents count as equal: neither wins more than three in four."""
NUM_PROFILE_POINTS = 61
"""Thresholds of a performance profile."""


def build_report(
    runs: Sequence[LoadedRun],
    catalogue: Catalogue,
    *,
    title: str,
    command: str,
    confidence: float = 0.95,
    left_out: Sequence[str] = (),
    equal_within: float = EQUAL_WITHIN,
) -> ExperimentReport:
    """Returns the report of comparable runs. The same runs give the same report: all resampling is seeded.

    Args:
        runs: runs from `load_runs`.
        catalogue: reference scores and published numbers.
        title: title of the report, and name of the repeated experiment.
        command: command that made the report.
        confidence: confidence of all intervals.
        left_out: sentences that name the runs that could not be read, each with the reason.
        equal_within: distance of P(improvement) from an even chance within which two agents count as equal.

    Raises:
        ArenaError: if no run has finished, or `equal_within` is not between 0 and 0.5.
    """
    if not 0.0 < equal_within < 0.5:
        raise ArenaError(f"--equal-within {equal_within:g}: a distance from an even chance lies between 0 and 0.5")
    counted = included(runs, catalogue)
    samples = Samples(counted.runs, catalogue)
    found, unreadable = read_decisions(runs)
    left_out = (*left_out, *unreadable)
    decisions = tuple(each for each in found if counted.impossible.keys().isdisjoint(each.envs))
    if not counted.runs:
        raise ArenaError(" ".join(counted.impossible.values()))
    if not any(run.state == "finished" for run in runs):
        raise ArenaError(f"none of the {len(runs)} runs has finished; look at them with arena status, or at the end of their worker.log")
    scored = samples.scored_envs()
    # Curves of policies that were looked at more often differ by that alone, and so does all that is read off them.
    has_curves = len(selection_periods(counted.runs)) == 1
    machines = _distinct([run.provenance.machine for run in runs])
    pairs = compare_all(samples.comparable(), confidence=confidence)
    return ExperimentReport(
        title=title,
        arena_version=arena.__version__,
        confidence=confidence,
        equal_within=equal_within,
        num_envs_in_aggregates=len(scored),
        budget=repeat.common([dataclasses.asdict(run.run.budget) for run in runs]),
        evaluation=repeat.common([dataclasses.asdict(run.run.evaluation) for run in runs]),
        experiment_seed=runs[0].run.experiment_seed,
        agents=tuple(inventory.agent_summaries(samples)),
        envs=tuple(inventory.env_summary(scale, runs) for scale in samples.scales.values()),
        circumstances=circumstances(counted.runs),
        results=tuple(_results(samples, confidence)),
        aggregates=tuple(_aggregates(samples, confidence)),
        profiles=tuple(_profiles(samples, scored, confidence)),
        pairs=pairs,
        score_differences=tuple(score_differences(samples, confidence)),
        env_pairs=tuple(env_pairs(samples, confidence)),
        decisions=decisions,
        curves=tuple(_curves(samples, scored, confidence)) if has_curves else (),
        rankings=tuple(_rankings(samples, scored, confidence)) if has_curves else (),
        times_to_threshold=tuple(_times(samples, confidence)) if has_curves else (),
        saturated=tuple(saturated_envs(samples, confidence=confidence)) if has_curves else (),
        published=tuple(inventory.published_rows(samples, catalogue)),
        costs=tuple(inventory.cost_rows(samples)),
        differences=tuple(inventory.differences(runs)),
        runs=tuple(inventory.run_row(run, samples, machines) for run in runs if run.agent in samples.agents),
        machines=tuple(machines),
        commits=tuple(_distinct([inventory.commit(run.provenance.git) for run in runs])),
        experiment_file=repeat.experiment_toml(title, runs, decisions),
        commands=(f"arena run {title}.toml", command),
        left_out=tuple(left_out),
        notes=(*left_out, *counted.notes, *notes.notes(samples, machines, catalogue, pairs, decisions)),
    )


def _results(samples: Samples, confidence: float) -> list[EnvResult]:
    pairs = [(agent, env) for agent in samples.agents for env in samples.scales]
    return [_result(samples, agent, env, confidence) for agent, env in pairs if samples.ended(agent, env)]


def _result(samples: Samples, agent: str, env: str, confidence: float) -> EnvResult:
    scale, runs = samples.scales[env], samples.ended(agent, env)
    returns = samples.returns(agent, env)  # [S, E]
    means = returns.mean(1)
    score_iqm, num_solved = None, 0
    if scale.solved is not None:
        score_iqm = estimate([scale.score(returns)], "iqm", bounds=_metric_bounds(samples, [env], "iqm"), confidence=confidence)
        num_solved = int((means >= scale.solved).sum())
    return EnvResult(
        agent=agent,
        env=env,
        seeds=tuple(run.seed for run in runs),
        returns=tuple(means.tolist()),
        failed=tuple(run.state == "failed" for run in runs),
        return_mean=estimate([returns], "mean", bounds=scale.bounds, confidence=confidence),
        score_iqm=score_iqm,
        num_solved=num_solved,
        metrics=_metrics(runs, confidence),
    )


def _metrics(runs: Sequence[LoadedRun], confidence: float) -> dict[str, Estimate]:
    """Returns the mean of each metric from `info` over the runs that finished; a failed run has no value that could count."""
    finals = [run.final for run in runs if run.state == "finished" and run.final is not None]
    found = {}
    for name in finals[0].metrics if finals else ():
        values = np.array([final.metrics[name] for final in finals])  # [S, E]
        found[name] = estimate([values], "mean", bounds=(-np.inf, np.inf), confidence=confidence)
    return found


def _aggregates(samples: Samples, confidence: float) -> list[Aggregate]:
    scored, scored_without = samples.scored_envs(), samples.scored_envs(with_failed=False)
    found = []
    for agent in samples.agents if scored else ():
        scores = [samples.scores(agent, env) for env in scored]
        without = [samples.scores(agent, env, with_failed=False) for env in scored_without]
        some_failed = bool(without) and sum(map(len, without)) != sum(map(len, scores))
        for metric in METRIC_NAMES:
            without_failed: Estimate | None = None
            if some_failed:
                bounds = _metric_bounds(samples, scored_without, metric)
                without_failed = estimate(without, metric, bounds=bounds, confidence=confidence)
            overall = estimate(scores, metric, bounds=_metric_bounds(samples, scored, metric), confidence=confidence)
            found.append(Aggregate(agent=agent, metric=metric, estimate=overall, without_failed=without_failed))
    return found


def _metric_bounds(samples: Samples, scored: Sequence[str], metric: MetricName) -> Bounds:
    low, high = _score_bounds(samples, scored)
    return (max(0.0, 1.0 - high), 1.0 - low) if metric == "optimality_gap" else (low, high)


def _score_bounds(samples: Samples, scored: Sequence[str]) -> Bounds:
    """Returns the smallest and largest possible mean score over environments that have references."""
    references = [samples.scales[env].reference for env in scored]
    return mean_score_bounds([reference.scale for reference in references if reference is not None])


def _profiles(samples: Samples, scored: Sequence[str], confidence: float) -> list[Profile]:
    if not scored:
        return []
    scores = {agent: [samples.scales[env].score(samples.returns(agent, env).mean(1)) for env in scored] for agent in samples.agents}
    every = np.concatenate([env_scores for by_env in scores.values() for env_scores in by_env])
    thresholds = np.linspace(min(0.0, float(every.min())), max(1.0, float(every.max())), NUM_PROFILE_POINTS)  # [T]
    profiles = []
    for agent, by_env in scores.items():
        fractions = profile(by_env, thresholds)  # [T]
        # Somewhat wide if environments differ, since the runs are stratified by environment.
        low, high = wilson(fractions, sum(map(len, by_env)), critical_value(confidence))
        numbers = {"thresholds": thresholds, "fractions": fractions, "low": low, "high": high}
        profiles.append(Profile(agent=agent, **{name: tuple(values.tolist()) for name, values in numbers.items()}))
    return profiles


def _curves(samples: Samples, scored: Sequence[str], confidence: float) -> list[MeanCurve]:
    found = []
    for axis in AXES:
        for env in samples.scales:
            grid = _grid(samples, [env], axis)
            found += [_env_curve(samples, agent, env, axis, grid, confidence) for agent in samples.agents if samples.ended(agent, env)]
        if scored:
            grid = _grid(samples, scored, axis)
            found += [_score_curve(samples, agent, scored, axis, grid, confidence) for agent in samples.agents]
    return found


def _grid(samples: Samples, envs: Sequence[str], axis: Axis, num_points: int = learning_curves.NUM_POINTS) -> Array:
    """Returns evenly spaced points `[P]` from 0 to where the longest run on `envs` ended."""
    return np.linspace(0.0, learning_curves.horizon([run for run in samples.runs if run.env in envs], axis), num_points)


def _env_curve(samples: Samples, agent: str, env: str, axis: Axis, grid: Array, confidence: float) -> MeanCurve:
    values = [_run_curves(samples, agent, env, axis, grid)]
    return _mean_curve(values, samples.scales[env].bounds, confidence, agent=agent, env=env, axis=axis, grid=grid)


def _score_curve(samples: Samples, agent: str, scored: Sequence[str], axis: Axis, grid: Array, confidence: float) -> MeanCurve:
    values = [samples.scales[env].score(_run_curves(samples, agent, env, axis, grid)) for env in scored]
    return _mean_curve(values, _score_bounds(samples, scored), confidence, agent=agent, env=None, axis=axis, grid=grid)


def _mean_curve(
    values: Sequence[Array], bounds: Bounds, confidence: float, *, agent: str, env: str | None, axis: Axis, grid: Array
) -> MeanCurve:
    """Returns the mean over seeds with its band, from one array `[S, P]` for each environment."""
    means, low, high = band([env_values.T for env_values in values], bounds=bounds, confidence=confidence)
    return MeanCurve(
        agent=agent,
        env=env,
        axis=axis,
        x=tuple(grid.tolist()),
        values=tuple(means.tolist()),
        low=tuple(float(end) if np.isfinite(end) else None for end in low),
        high=tuple(float(end) if np.isfinite(end) else None for end in high),
        num_seeds=min(len(env_values) for env_values in values),
    )


def _run_curves(samples: Samples, agent: str, env: str, axis: Axis, grid: Array) -> Array:
    """Returns the learning curves of all runs of an agent on an environment, `[S, P]`."""
    scale = samples.scales[env]
    return np.array([learning_curves.run_curve(run, axis, grid, scale.start, scale.failed) for run in samples.ended(agent, env)])


def _outcome_curves(samples: Samples, agent: str, env: str, axis: Axis, grid: Array) -> Array:
    """Returns the learning curves `[S, P]` with failed runs at the return of a failed run from the beginning, so that they win nothing."""
    failed = np.array([run.state == "failed" for run in samples.ended(agent, env)], np.bool_)[:, None]
    return np.where(failed, samples.scales[env].failed, _run_curves(samples, agent, env, axis, grid))


def _rankings(samples: Samples, scored: Sequence[str], confidence: float) -> list[RankingRow]:
    rows: list[RankingRow] = []
    for axis in AXES if scored else ():
        grid = _grid(samples, scored, axis, 5 * learning_curves.NUM_POINTS)
        areas = {agent: _area(samples, agent, scored, axis, grid, confidence) for agent in samples.agents}
        # All of these intervals hold at once (Bonferroni), so that two that do not overlap decide an order.
        at_once = 1.0 - (1.0 - confidence) / len(areas)
        wide = {agent: _area(samples, agent, scored, axis, grid, at_once) for agent in samples.agents}
        ranks = rank_all({agent: area.value for agent, area in areas.items()}, _separate(wide))
        horizon = float(grid[-1])
        order = sorted(areas, key=lambda agent: (ranks[agent].value, agent))
        rows += [RankingRow(axis=axis, rank=ranks[agent], agent=agent, area=areas[agent], horizon=horizon) for agent in order]
    return rows


def _separate(estimates: Mapping[str, Estimate]) -> set[tuple[str, str]]:
    """Returns the pairs (better, worse) whose intervals do not overlap; an agent without an interval is in none."""
    return {
        (one, other)
        for (one, high), (other, low) in itertools.permutations(estimates.items(), 2)
        if high.low is not None and low.high is not None and high.low > low.high
    }


def _area(samples: Samples, agent: str, scored: Sequence[str], axis: Axis, grid: Array, confidence: float) -> Estimate:
    """Returns the mean score of an agent over the axis and over environments; a failed run has none of what it reached before."""
    values = [samples.scales[env].score(_outcome_curves(samples, agent, env, axis, grid)) for env in scored]  # each [S, P]
    areas = [learning_curves.area(env_values)[:, None] for env_values in values]  # each [S, 1]
    return estimate(areas, "mean", bounds=_score_bounds(samples, scored), confidence=confidence)


def _times(samples: Samples, confidence: float) -> list[TimeToThreshold]:
    return [
        learning_curves.time_to_threshold(samples.ended(agent, env), scale.solved, confidence=confidence)
        for env, scale in samples.scales.items()
        for agent in samples.agents
        if scale.solved is not None and samples.ended(agent, env)
    ]


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Returns the values that are not empty, each once, in their order."""
    found: list[Any] = []
    for value in values:
        if value and value not in found:
            found.append(value)
    return found
