"""Rehearsal of a search in memory, with numbers in place of training: many samplers find only when asked that they cannot work."""

import warnings
from collections.abc import Callable

import optuna
from optuna.trial import TrialState

from arena.errors import ArenaError
from arena.tuning.space import Space

NUM_TRIALS = 12
"""Number of trials of the rehearsal; by default, samplers draw the first 10 at random and model the results from the 11th on."""
NUM_LOOKS = 4
"""Number of times that the pruner judges each trial."""


def rehearse(
    space: Space, make_sampler: Callable[[int], optuna.samplers.BaseSampler], make_pruner: Callable[[], optuna.pruners.BasePruner]
) -> None:
    """Asks the sampler for settings, and the pruner to judge them.

    Args:
        space: hyperparameters that are searched.
        make_sampler: takes the number of earlier trials, and returns the sampler for the next.
        make_pruner: returns the pruner of the search.

    Raises:
        ArenaError: if one of them cannot do that: an argument is wrong, say, or a library is missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the search itself shows them
        study = optuna.create_study(direction="maximize", pruner=make_pruner())
        for number in range(NUM_TRIALS):
            study.sampler = make_sampler(number)
            try:
                trial = study.ask()
                space.suggest(trial)
            except Exception as error:  # Optuna passes on whatever wrong arguments lead to
                raise ArenaError(f"tune.sampler: {type(study.sampler).__name__} cannot choose settings: {error}") from error
            try:
                for look in range(1, NUM_LOOKS + 1):
                    trial.report(float(number - look), look)
                    trial.should_prune()
            except Exception as error:
                raise ArenaError(f"tune.pruner: {type(study.pruner).__name__} cannot judge trials: {error}") from error
            try:
                if tell(study, trial, float(number)):
                    return
            except Exception as error:
                raise ArenaError(f"tune.sampler: {type(study.sampler).__name__} cannot take a score: {error}") from error


def tell(study: optuna.Study, trial: optuna.Trial, score: float | None) -> bool:
    """Ends a trial, as pruned if `score` is None; returns whether the sampler has nothing left to try."""
    try:
        study.tell(trial, score, state=TrialState.PRUNED if score is None else TrialState.COMPLETE)
    except (RuntimeError, KeyError) as error:
        if not study.trials[trial.number].state.is_finished():
            raise
        # `Study.stop`, by a sampler that has tried everything, is allowed only inside of `Study.optimize`. GridSampler looks for the number
        # of a setting that a trial from the queue, resumed after its process ended, does not have.
        return isinstance(error, RuntimeError)
    return False
