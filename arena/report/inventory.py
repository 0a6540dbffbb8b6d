"""Lists of a report: agents, environments, costs, differing hyperparameters, published numbers, runs."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.report import repeat
from arena.report.attempts import attempt_ends, attempt_starts
from arena.report.listings import AgentSummary, CostRow, Difference, EnvSummary, PublishedRow, RunRow
from arena.report.load import LoadedRun
from arena.report.samples import EnvScale, Samples

_PARTS = ("train", "env", "act", "learn", "evaluate", "checkpoint")
"""Parts of a run's seconds that a row of costs shows."""


def agent_summaries(samples: Samples) -> list[AgentSummary]:
    """Returns a summary of each agent: its settings, versions and devices, and how its runs ended."""
    usual, special = repeat.hyperparameters(samples.runs)
    summaries = []
    for agent in samples.agents:
        runs = [run for run in samples.runs if run.agent == agent]
        states = [run.state for run in runs]
        versions: dict[str, set[str]] = {}
        for run in runs:
            for name, version in run.provenance.versions.items():
                versions.setdefault(name, set()).add(version or "not installed")
        summaries.append(
            AgentSummary(
                name=agent,
                agent=runs[0].run.agent.agent,
                hyperparameters=usual[agent],
                env_hyperparameters=special.get(agent, {}),
                versions={name: " | ".join(sorted(found)) for name, found in sorted(versions.items())},
                devices=tuple(sorted({run.result.device for run in runs if run.result})),
                num_runs=len(runs),
                num_finished=states.count("finished"),
                num_failed=states.count("failed"),
                num_unfinished=states.count("unfinished"),
                tuning=_tuning(runs),
            )
        )
    return summaries


def _tuning(runs: Sequence[LoadedRun]) -> Mapping[str, Any] | None:
    """Returns what an agent's runs record of their settings' origin; by environment if that differs between environments."""
    records = {run.env: run.run.agent.tuning for run in runs if run.run.agent.tuning}
    first = next(iter(records.values()), None)
    return first if all(record == first for record in records.values()) else records


def env_summary(scale: EnvScale, runs: Sequence[LoadedRun]) -> EnvSummary:
    """Returns a summary of an environment: its budget, and the reference scores that turn returns into scores."""
    reference = scale.reference
    scores = [score for score in (reference.random, reference.solved) if score] if reference else []
    return EnvSummary(
        name=scale.env,
        env_id=scale.env_id,
        random_return=reference.random.value if reference else None,
        solved_return=scale.solved,
        sources=tuple(dict.fromkeys(score.source for score in scores)),
        failed_return=scale.failed,
        budget=next(dataclasses.asdict(run.run.budget) for run in runs if run.env == scale.env),
    )


def published_rows(samples: Samples, catalogue: Catalogue) -> list[PublishedRow]:
    """Returns the published numbers on the same environments, each with the results of our agents of the same algorithm."""
    algorithms = {agent: _algorithm(samples, agent) for agent in samples.agents}
    rows = []
    for entry in catalogue.published:
        for env, scale in samples.scales.items():
            if scale.reference is None or scale.env_id != entry.env_id:
                continue
            alike = [agent for agent in samples.agents if algorithms[agent] == entry.algorithm and samples.ended(agent, env)]
            ours = []
            for agent in alike:
                env_steps = max(run.result.env_steps for run in samples.ended(agent, env) if run.result)
                ours.append((agent, float(samples.returns(agent, env).mean()), env_steps))
            rows.append(
                PublishedRow(
                    env=env,
                    who=entry.who,
                    algorithm=entry.algorithm,
                    published=f"{entry.value:g}" + ("" if entry.std is None else f" ± {entry.std:g}"),
                    value=entry.value,
                    budget_env_steps=entry.env_steps,
                    num_seeds=entry.num_seeds,
                    protocol=entry.protocol,
                    source=entry.source,
                    url=entry.url,
                    ours=tuple(ours),
                )
            )
    return rows


def cost_rows(samples: Samples) -> list[CostRow]:
    """Returns the cost of finished runs for each agent and environment: medians of steps, speeds and seconds."""
    rows = []
    for agent in samples.agents:
        for env in samples.scales:
            results = [run.result for run in samples.ended(agent, env) if run.result]
            finished = [result for result in results if result.status == "finished"]
            if not finished:
                continue
            seconds = {name: statistics.median(getattr(result.seconds, name) for result in finished) for name in _PARTS}
            cpu = [result.cpu_seconds for result in results if result.cpu_seconds is not None]
            train = [result.seconds.train for result in finished]
            rates = [result.learner_steps / own for result, own in zip(finished, train, strict=True) if own]
            speeds = [result.env_steps_per_second for result in finished if result.env_steps_per_second is not None]
            rows.append(
                CostRow(
                    agent=agent,
                    env=env,
                    num_runs=len(finished),
                    env_steps=statistics.median(result.env_steps for result in finished),
                    env_steps_per_second=statistics.median(speeds) if speeds else None,
                    learner_steps_per_second=statistics.median(rates) if rates else None,
                    start_seconds=statistics.median(result.seconds.until_training for result in finished),
                    train_seconds=seconds["train"],
                    env_seconds=seconds["env"],
                    act_seconds=seconds["act"],
                    learn_seconds=seconds["learn"],
                    other_seconds=max(0.0, seconds["train"] - seconds["env"] - seconds["act"] - seconds["learn"]),
                    evaluate_seconds=seconds["evaluate"],
                    checkpoint_seconds=seconds["checkpoint"],
                    cpu_seconds=statistics.median(cpu) if cpu else None,
                    total_cpu_hours=sum(cpu) / 3_600 if cpu else None,
                )
            )
    return rows


def differences(runs: Sequence[LoadedRun]) -> list[Difference]:
    """Returns the hyperparameters that not all agents share, sorted by name."""
    usual, special = repeat.hyperparameters(runs)
    values: dict[str, dict[str, Any]] = {}
    for agent, own in usual.items():
        for name, value in own.items():
            values.setdefault(name, {})[agent] = value
    for agent, by_env in special.items():
        for env, own in by_env.items():
            for name, value in own.items():
                values.setdefault(name, {}).setdefault(agent, {})[env] = value
    if len(usual) < 2:
        return []

    def is_shared(by_agent: Mapping[str, Any]) -> bool:
        first = next(iter(by_agent.values()))
        return len(by_agent) == len(usual) and all(value == first for value in by_agent.values())

    return [Difference(name=name, values=by_agent) for name, by_agent in sorted(values.items()) if not is_shared(by_agent)]


def run_row(run: LoadedRun, samples: Samples, machines: list[Any]) -> RunRow:
    """Returns the row of one run; `machines` are those of the report, which the row refers to by index."""
    result, scale = run.result, samples.scales.get(run.env)
    mean = run.final.episode_return_mean if run.final else None
    machine = run.provenance.machine
    return RunRow(
        agent=run.agent,
        env=run.env,
        seed=run.seed,
        status=result.status if result else "unfinished",
        reason=result.reason if result else "",
        return_mean=mean,
        return_std=statistics.pstdev(run.final.episode_returns) if run.final else None,
        num_episodes=len(run.final.episode_returns) if run.final else 0,
        score=float(scale.score(np.array(mean))) if mean is not None and scale is not None and scale.solved is not None else None,
        env_steps=_env_steps(run),
        train_seconds=(result.seconds.train or None) if result else None,
        cpu_seconds=result.cpu_seconds if result else None,
        device=result.device if result else "",
        machine=machines.index(machine) if machine in machines else -1,
        path=relative(run.path),
        failed_attempts=tuple(f"{attempt.status}: {attempt.reason}" for attempt in run.failures),
        attempt_starts=attempt_starts(run),
        attempt_ends=attempt_ends(run),
        workers=run.provenance.workers,
        load=run.provenance.load_at_start if run.provenance.load_at_end is None else run.provenance.load_at_end,
    )


def _env_steps(run: LoadedRun) -> int:
    if run.result is not None:
        return run.result.env_steps
    return run.selection[-1].env_steps if run.selection else 0


def commit(git: Mapping[str, Any] | None) -> str | None:
    """Returns a commit as one word, with `+` behind it if tracked files were changed; None outside a repository."""
    if not git:
        return None
    changed = "+" if git.get("dirty") else ""
    return f"{git.get('commit')}{changed}"


def _algorithm(samples: Samples, agent: str) -> str | None:
    entry = next(run.run.agent for run in samples.runs if run.agent == agent)
    try:
        return entry.spec().algorithm
    except ArenaError:  # the folders may come from a machine with other agents, or name code, which a report does not import
        return None


def relative(path: Path) -> str:
    """Returns a path relative to the working directory if it is below that, and unchanged otherwise."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)
