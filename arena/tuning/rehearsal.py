"""A search in memory, with numbers in place of training: many a sampler finds only when it is asked that it cannot work."""

import warnings
from collections.abc import Callable

import optuna
from optuna.trial import TrialState

from arena.errors import ArenaError
from arena.tuning.space import Space

NUM_TRIALS = 12
"""Samplers model what was tried from the 11th trial on, by default; before, they draw at random."""
NUM_LOOKS = 4
"""Of the pruner at each trial."""


def rehearse(
    space: Space, make_sampler: Callable[[int], optuna.samplers.BaseSampler], make_pruner: Callable[[], optuna.pruners.BasePruner]
) -> None:
    """Asks the sampler for settings, and the pruner what it thinks of them.

    Args:
        space: where is searched.
        make_sampler: for the trial after as many as its argument says.
        make_pruner: as in the search.

    Raises:
        ArenaError: if one of them cannot do that: an argument is wrong, say, or a library is missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again in the search itself
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
    """Ends a trial, pruned where there is no score; returns whether the sampler has nothing left to try."""
    try:
        study.tell(trial, score, state=TrialState.PRUNED if score is None else TrialState.COMPLETE)
    except RuntimeError:  # `Study.stop`, by a sampler that has tried everything: allowed only inside of `Study.optimize`
        if not study.trials[trial.number].state.is_finished():
            raise
        return True
    return False
