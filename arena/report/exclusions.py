"""Runs that a report leaves out of its statistics, each kind with the sentence that says so."""

import dataclasses
from collections.abc import Sequence

from arena.environments.impossible import impossible_return
from arena.environments.references import Catalogue
from arena.report.load import LoadedRun


@dataclasses.dataclass(frozen=True)
class Included:
    """The runs that count, and what was left out."""

    runs: tuple[LoadedRun, ...]
    """Runs that enter the statistics."""
    impossible: dict[str, str]
    """Environment -> sentence, for environments with a return that is impossible there; all runs on them are left out."""
    copies: tuple[str, ...]
    """One sentence for each run that was found under several seed numbers."""

    @property
    def notes(self) -> list[str]:
        """The sentences, the most serious first."""
        return [*self.impossible.values(), *self.copies]


def included(runs: Sequence[LoadedRun], catalogue: Catalogue) -> Included:
    """Returns the runs that count.

    Args:
        runs: comparable runs, sorted by agent, environment and seed.
        catalogue: bounds of the environments.
    """
    impossible: dict[str, str] = {}
    for run in runs:
        reference = catalogue.reference_for(run.run.env)
        returns = [value for evaluated in (*run.selection, *([run.final] if run.final else [])) for value in evaluated.episode_returns]
        if run.env not in impossible and (words := impossible_return(reference, returns)):
            impossible[run.env] = (
                f"{run.env} is left out of this report: an episode of {run.name} {words}. So what was played is not the environment whose "
                f"reference scores are known{_made_from(run)}, and returns of different environments cannot be compared. Give it an id "
                "of its own, or uninstall what registered it under this one, and run again."
            )
    kept = [run for run in runs if run.env not in impossible]
    originals: dict[tuple[str, str, str], list[LoadedRun]] = {}
    for run in kept:
        if run.fingerprint is not None:
            originals.setdefault((run.agent, run.env, run.fingerprint), []).append(run)
    copied = [same for same in originals.values() if len(same) > 1]
    left_out = {id(run) for same in copied for run in same[1:]}
    sentences = [
        f"{', '.join(run.name for run in same[1:])}: the same training episodes and evaluations, to the last digit, as {same[0].name}. "
        f"It is one run under {len(same)} seed numbers, and counts once."
        for same in copied
    ]
    return Included(tuple(run for run in kept if id(run) not in left_out), impossible, tuple(sentences))


def _made_from(run: LoadedRun) -> str:
    environment = run.provenance.environment
    return f" (it was made from {environment.get('entry_point')})" if environment else ""
