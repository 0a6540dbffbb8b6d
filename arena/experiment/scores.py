"""One score for each agent and training seed, for the rules that decide during an experiment: when to stop, and what to try next."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.impossible import impossible_return
from arena.environments.references import Reference, catalogue
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.run_folder.result import RunResult
from arena.statistics.outcomes import comparable_returns, failed_return, is_failure


def check_scores(experiment: Experiment) -> None:
    """Refuses several environments whose scores cannot be averaged.

    Raises:
        ArenaError: names the environment that has no reference scores.
    """
    for env in experiment.envs if len(experiment.envs) > 1 else ():
        reference = catalogue().reference_for(env)
        if reference is None or reference.solved is None:
            raise ArenaError(
                f"{env.name} has no reference scores, so its returns cannot be averaged with others; give one environment alone"
            )


def seed_scores(experiment: Experiment, results: Iterable[RunResult]) -> dict[str, dict[int, float]]:
    """Returns the score of each agent and seed: the final mean return, or, with several environments, the mean of the normalised returns.

    Normalised returns are 0 for random play and 1 for a solved environment. A run that failed scores a hair below both random play and the
    worst return that anyone finished with (`arena.statistics.outcomes`). A run that a search gave up has no score.

    Raises:
        ArenaError: if a run failed where nobody finished and random play's return is not known, or if a return is impossible.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for env, reference, runs in _by_env(experiment, results):
        returns = _returns(runs, reference)
        if len(experiment.envs) > 1:
            assert reference is not None, f"{env} has no reference scores"  # check_scores
            returns = reference.scale.score(returns)
        for result, value in zip(runs, returns.tolist(), strict=True):
            values.setdefault(result.agent, {}).setdefault(result.seed, []).append(value)
    return {agent: {seed: statistics.fmean(parts) for seed, parts in seeds.items()} for agent, seeds in values.items()}


def comparable_by_seed(experiment: Experiment, results: Iterable[RunResult]) -> dict[str, dict[str, list[float]]]:
    """Returns agent -> environment -> the number of each seed, in their order, by which pairs of runs are compared.

    It is the final mean return, a failed run a hair below all others. A run that a search gave up has none.

    Raises:
        ArenaError: if `seed_scores` would raise it.
    """
    values: dict[str, dict[str, dict[int, float]]] = {agent.name: {env.name: {} for env in experiment.envs} for agent in experiment.agents}
    for env, reference, runs in _by_env(experiment, results):
        for result, value in zip(runs, _returns(runs, reference).tolist(), strict=True):
            values[result.agent][env][result.seed] = value
    return {
        agent: {env: [by_seed[seed] for seed in sorted(by_seed)] for env, by_seed in by_env.items()} for agent, by_env in values.items()
    }


def _by_env(experiment: Experiment, results: Iterable[RunResult]) -> Iterator[tuple[str, Reference | None, list[RunResult]]]:
    """Yields each environment that has runs: its name, its reference scores, and the runs that no search gave up."""
    counted = [result for result in results if result.status != "pruned"]
    for env in experiment.envs:
        if runs := [result for result in counted if result.env == env.name]:
            yield env.name, catalogue().reference_for(env), runs


def _returns(runs: Sequence[RunResult], reference: Reference | None) -> npt.NDArray[Any]:
    """Returns the mean return of each run `[N]` of one environment, with failed runs below all others."""
    for run in runs:
        if run.score_mean is not None and (words := impossible_return(reference, [run.score_mean])):
            raise ArenaError(
                f"{run.run_name} {words}: what was played is not the {run.env} whose reference scores are known; give it an id of its own, "
                "or uninstall what registered it under this one"
            )
    failed = [is_failure(run.status) or run.score_mean is None for run in runs]
    finished = [run.score_mean for run, is_failed in zip(runs, failed, strict=True) if not is_failed and run.score_mean is not None]
    worst = failed_return(finished, reference.random.value if reference else None)
    if worst is None:
        first = runs[failed.index(True)]
        raise ArenaError(
            f"{first.run_name} {first.status}, nobody finished there, and there is no reference for random play; "
            "run it again with --retry-failed"
        )
    means = [worst if run.score_mean is None else run.score_mean for run in runs]
    return comparable_returns(np.array(means), np.array(failed), worst)
