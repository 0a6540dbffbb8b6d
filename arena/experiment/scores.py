"""One score for each agent and training seed, for the rules that decide during an experiment: when to stop, and what to try next."""

import statistics
from collections.abc import Iterable

from arena.environments.references import Reference, catalogue
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.run_folder.result import RunResult


def check_scores(experiment: Experiment) -> None:
    """Refuses several environments whose scores cannot be averaged.

    Raises:
        ArenaError: names the environment that has no reference scores.
    """
    for env in experiment.envs if len(experiment.envs) > 1 else ():
        reference = catalogue().reference_for(env.id, env.kwargs)
        if reference is None or reference.solved is None:
            raise ArenaError(
                f"{env.name} has no reference scores, so its returns cannot be averaged with others; give one environment alone"
            )


def seed_scores(experiment: Experiment, results: Iterable[RunResult]) -> dict[str, dict[int, float]]:
    """Returns the score of each agent and seed: the final mean return, or, with several environments, the mean of the normalised returns.

    Normalised returns are 0 for random play and 1 for a solved environment. A run that failed counts as random play, as in `arena report`.

    Raises:
        ArenaError: if a run failed and random play's return is not known.
    """
    references = {env.name: catalogue().reference_for(env.id, env.kwargs) for env in experiment.envs}
    values: dict[str, dict[int, list[float]]] = {}
    for result in results:
        reference = references[result.env]
        value = _floor(result, reference) if result.status != "finished" or result.score_mean is None else result.score_mean
        if len(references) > 1:
            assert reference is not None  # check_scores
            value = float(reference.scale.score(value))
        values.setdefault(result.agent, {}).setdefault(result.seed, []).append(value)
    return {agent: {seed: statistics.fmean(parts) for seed, parts in seeds.items()} for agent, seeds in values.items()}


def _floor(result: RunResult, reference: Reference | None) -> float:
    if reference is None:
        raise ArenaError(
            f"{result.run_name} {result.status}, and there is no reference for random play there; run it again with --retry-failed"
        )
    return reference.random.value
