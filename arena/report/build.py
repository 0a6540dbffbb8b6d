"""Puts the report of an experiment together from its runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import arena
from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.report import curves, inventory, notes, repeat
from arena.report.decisions import read_decisions
from arena.report.document import (
    Aggregate,
    Axis,
    Curve,
    EnvResult,
    MetricName,
    Profile,
    RankingRow,
    Report,
    TimeToThreshold,
)
from arena.report.load import LoadedRun
from arena.report.samples import Samples, score_bounds
from arena.statistics.bootstrap import band, estimate
from arena.statistics.comparison import compare_all, profile_band
from arena.statistics.metrics import profile

AXES: tuple[Axis, ...] = ("env_steps", "train_seconds")
METRIC_NAMES: tuple[MetricName, ...] = ("iqm", "mean", "median", "optimality_gap")
NUM_PROFILE_POINTS = 61


def build_report(runs: Sequence[LoadedRun], catalogue: Catalogue, *, title: str, command: str, confidence: float = 0.95) -> Report:
    """Returns the report of comparable runs. The same runs give the same report: all resampling is seeded.

    Args:
        runs: as `load_runs` returns them.
        catalogue: reference scores and published numbers.
        title: of the report, and name of the repeated experiment.
        command: that made the report.
        confidence: of all intervals.

    Raises:
        ArenaError: if no run has ended yet.
    """
    samples, decisions = Samples(runs, catalogue), read_decisions(runs)
    if not any(run.state == "finished" for run in runs):
        raise ArenaError(f"none of the {len(runs)} runs has finished; look at them with arena status, or at the end of their worker.log")
    scored = samples.scored_envs()
    machines = _distinct([run.provenance.machine for run in runs])
    return Report(
        title=title,
        arena_version=arena.__version__,
        confidence=confidence,
        num_envs_in_aggregates=len(scored),
        budget=repeat.common([run.inputs["budget"] for run in runs]),
        evaluation=runs[0].inputs["evaluation"],
        experiment_seed=int(runs[0].inputs["experiment_seed"]),
        agents=tuple(inventory.agent_summaries(samples)),
        envs=tuple(inventory.env_summary(scale, runs) for scale in samples.scales.values()),
        results=tuple(_results(samples, confidence)),
        aggregates=tuple(_aggregates(samples, confidence)),
        profiles=tuple(_profiles(samples, scored, confidence)),
        pairs=compare_all(_run_returns(samples), confidence=confidence),
        decisions=decisions,
        curves=tuple(_curves(samples, scored, confidence)),
        rankings=tuple(_rankings(samples, scored, confidence)),
        times_to_threshold=tuple(_times(samples, confidence)),
        published=tuple(inventory.published_rows(samples, catalogue)),
        costs=tuple(inventory.cost_rows(samples)),
        differences=tuple(inventory.differences(runs)),
        runs=tuple(inventory.run_row(run, samples, machines) for run in runs),
        machines=tuple(machines),
        commits=tuple(_distinct([inventory.commit(run.provenance.git) for run in runs])),
        experiment_file=repeat.experiment_toml(title, runs, decisions),
        commands=(f"arena run {title}.toml", command),
        notes=tuple(notes.notes(samples, machines, catalogue, decisions)),
    )


def _results(samples: Samples, confidence: float) -> list[EnvResult]:
    results = []
    for agent in samples.agents:
        for env, scale in samples.scales.items():
            runs = samples.ended(agent, env)
            if not runs:
                continue
            returns = samples.returns(agent, env)  # [S, E]
            means = returns.mean(1)
            scored = scale.solved is not None
            results.append(
                EnvResult(
                    agent=agent,
                    env=env,
                    seeds=tuple(run.seed for run in runs),
                    returns=tuple(means.tolist()),
                    failed=tuple(run.state == "failed" for run in runs),
                    return_mean=estimate([returns], "mean", bounds=scale.bounds, confidence=confidence),
                    score_iqm=estimate([scale.score(returns)], "iqm", confidence=confidence) if scored else None,
                    num_solved=int((means >= scale.solved).sum()) if scale.solved is not None else 0,
                )
            )
    return results


def _aggregates(samples: Samples, confidence: float) -> list[Aggregate]:
    scored, scored_without = samples.scored_envs(), samples.scored_envs(with_failed=False)
    aggregates: list[Aggregate] = []
    for agent in samples.agents if scored else ():
        scores = [samples.scales[env].score(samples.returns(agent, env)) for env in scored]
        without = [samples.scales[env].score(samples.returns(agent, env, with_failed=False)) for env in scored_without]
        differs = bool(without) and sum(map(len, without)) != sum(map(len, scores))
        aggregates += [
            Aggregate(
                agent=agent,
                metric=metric,
                estimate=estimate(scores, metric, bounds=_bounds(samples, scored, metric), confidence=confidence),
                without_failed=estimate(without, metric, bounds=_bounds(samples, scored_without, metric), confidence=confidence)
                if differs
                else None,
            )
            for metric in METRIC_NAMES
        ]
    return aggregates


def _bounds(samples: Samples, scored: list[str], metric: MetricName) -> tuple[float, float]:
    low, high = score_bounds([samples.scales[env] for env in scored])
    return (max(0.0, 1.0 - high), 1.0 - low) if metric == "optimality_gap" else (low, high)


def _run_returns(samples: Samples) -> dict[str, dict[str, Any]]:
    found = {agent: {env: samples.returns(agent, env).mean(1) for env in samples.scales} for agent in samples.agents}
    return {agent: {env: returns for env, returns in by_env.items() if len(returns)} for agent, by_env in found.items()}


def _profiles(samples: Samples, scored: list[str], confidence: float) -> list[Profile]:
    scores = {agent: [samples.scales[env].score(samples.returns(agent, env).mean(1)) for env in scored] for agent in samples.agents}
    if not scored:
        return []
    every = np.concatenate([env_scores for by_env in scores.values() for env_scores in by_env])
    thresholds = np.linspace(min(0.0, float(every.min())), max(1.0, float(every.max())), NUM_PROFILE_POINTS)
    profiles = []
    for agent, by_env in scores.items():
        fractions = profile(by_env, thresholds)
        low, high = profile_band(fractions, sum(map(len, by_env)), confidence=confidence)
        profiles.append(
            Profile(
                agent=agent,
                thresholds=tuple(thresholds.tolist()),
                fractions=tuple(fractions.tolist()),
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
            )
        )
    return profiles


def _curves(samples: Samples, scored: list[str], confidence: float) -> list[Curve]:
    found = []
    for axis in AXES:
        for env in samples.scales:
            grid = np.linspace(0.0, curves.horizon([run for run in samples.runs if run.env == env], axis), curves.NUM_POINTS)
            found += [_curve(samples, agent, env, axis, grid, confidence) for agent in samples.agents if samples.ended(agent, env)]
        if not scored:
            continue
        grid = np.linspace(0.0, curves.horizon([run for run in samples.runs if run.env in scored], axis), curves.NUM_POINTS)
        found += [_curve(samples, agent, None, axis, grid, confidence, scored) for agent in samples.agents]
    return found


def _curve(samples: Samples, agent: str, env: str | None, axis: Axis, grid: Any, confidence: float, scored: Sequence[str] = ()) -> Curve:
    if env is not None:
        bounds = samples.scales[env].bounds
        values = [_env_curves(samples, agent, env, axis, grid)]
    else:
        bounds = score_bounds([samples.scales[name] for name in scored])
        values = [samples.scales[name].score(_env_curves(samples, agent, name, axis, grid)) for name in scored]
    means, low, high = band([env_values.T for env_values in values], bounds=bounds, confidence=confidence)
    return Curve(
        agent=agent,
        env=env,
        axis=axis,
        x=tuple(grid.tolist()),
        values=tuple(means.tolist()),
        low=tuple(float(end) if np.isfinite(end) else None for end in low),
        high=tuple(float(end) if np.isfinite(end) else None for end in high),
        num_seeds=min(len(env_values) for env_values in values),
    )


def _env_curves(samples: Samples, agent: str, env: str, axis: Axis, grid: Any) -> Any:
    floor = samples.scales[env].floor
    return np.array([curves.run_curve(run, axis, grid, floor) for run in samples.ended(agent, env)])  # [S, P]


def _rankings(samples: Samples, scored: list[str], confidence: float) -> list[RankingRow]:
    rows: list[RankingRow] = []
    for axis in AXES if scored else ():
        horizon = curves.horizon([run for run in samples.runs if run.env in scored], axis)
        grid = np.linspace(0.0, horizon, 5 * curves.NUM_POINTS)
        areas, bounds = {}, score_bounds([samples.scales[env] for env in scored])
        for agent in samples.agents:
            values = [samples.scales[env].score(_env_curves(samples, agent, env, axis, grid)) for env in scored]
            areas[agent] = estimate(
                [curves.area(env_values)[:, None] for env_values in values], "mean", bounds=bounds, confidence=confidence
            )
        order = sorted(areas, key=lambda agent: -areas[agent].value)
        rows += [RankingRow(axis=axis, rank=rank, agent=agent, area=areas[agent], horizon=horizon) for rank, agent in enumerate(order, 1)]
    return rows


def _times(samples: Samples, confidence: float) -> list[TimeToThreshold]:
    return [
        curves.time_to_threshold(samples.ended(agent, env), scale.solved, confidence=confidence)
        for env, scale in samples.scales.items()
        for agent in samples.agents
        if scale.solved is not None and samples.ended(agent, env)
    ]


def _distinct(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value and value not in found:
            found.append(value)
    return found
