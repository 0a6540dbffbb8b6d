"""Reads run folders, from one machine or several, into one set of comparable runs, or refuses them with the reason."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from arena.errors import ArenaError
from arena.formats.differences import sides
from arena.run_folder.copies import fingerprint
from arena.run_folder.inputs import Run
from arena.run_folder.record import LeftOut, RunRecord, readable, run_folders
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, FailedAttempt, Provenance
from arena.statistics.outcomes import is_failure

Completion = Literal["finished", "failed", "unfinished"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """One run, as a report uses it."""

    path: Path
    run: Run
    """Inputs of the run."""
    provenance: Provenance
    """Versions, machine and commit; empty if no worker got so far."""
    result: RunResult | None
    """Outcome of the run; None if it has not ended."""
    selection: tuple[Evaluated, ...]
    """Selection evaluations, by env steps."""
    final: Evaluated | None
    """Final evaluation; None if the run did not get so far."""
    fingerprint: str | None = None
    """What identifies the course of the run (`arena.run_folder.copies.fingerprint`)."""
    failures: tuple[FailedAttempt, ...] = ()
    """Earlier attempts that failed before the run was tried again."""
    is_sealed: bool = False
    """Whether the files of the run were found as the run left them; false for a run that has not ended, or was made by an old version."""

    @functools.cached_property
    def inputs(self) -> dict[str, Any]:
        """Everything that decides the outcome, as `Run.inputs` has it."""
        return self.run.inputs()

    @property
    def agent(self) -> str:
        """The agent's name in the experiment."""
        return self.run.agent.name

    @property
    def env(self) -> str:
        """The environment's name, as in the run folder."""
        return self.run.env.name

    @property
    def seed(self) -> int:
        """The training seed."""
        return self.run.seed

    @property
    def name(self) -> str:
        """The run's name: `agent/env/seed-0`."""
        return self.run.name

    @property
    def state(self) -> Completion:
        """Whether the run finished, failed (`arena.statistics.outcomes`), or has no outcome, as one that a search gave up."""
        if self.result is None or self.result.status == "pruned":
            return "unfinished"
        return "failed" if is_failure(self.result.status) else "finished"


class LoadedRuns(NamedTuple):
    """What a report is made from."""

    runs: tuple[LoadedRun, ...]
    """Comparable runs, sorted by agent, env and seed."""
    left_out: tuple[LeftOut, ...] = ()
    """Runs that cannot be read."""


def load_runs(roots: Sequence[Path]) -> LoadedRuns:
    """Returns all runs below `roots`; a run that is found twice with the same content counts once, and one that cannot be read is left out.

    Raises:
        ArenaError: if there are none that can be read, or two of the runs cannot be compared; names both and the reason.
    """
    records, left_out = readable(_run_folders(roots))
    runs = []
    for record in records:
        if record.claimed is not None and record.claimed.status == "finished" and record.final is None:
            left_out.append(LeftOut(record.path, f"{record.files.evaluations} has no final evaluation, though the run has finished"))
        else:
            runs.append(_load(record))
    if not runs and left_out:
        raise ArenaError(f"none of the {len(left_out)} runs can be read; {left_out[0]}")
    if not runs:
        raise ArenaError(f"no run folders below {', '.join(str(root) for root in roots)}; give folders that arena run has written")
    _refuse_incomparable(runs)
    return LoadedRuns(tuple(sorted(_distinct(runs), key=lambda run: (run.agent, run.env, run.seed))), tuple(left_out))


def _run_folders(roots: Iterable[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for root in roots:
        if not root.is_dir():
            raise ArenaError(f"no folder {root}; give folders that arena run has written")
        for path in run_folders(root):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _load(record: RunRecord) -> LoadedRun:
    return LoadedRun(
        path=record.path,
        run=record.run,
        provenance=record.provenance,
        result=record.result,
        selection=record.selection,
        final=record.final,
        fingerprint=fingerprint(record),
        failures=record.failures,
        is_sealed=record.is_sealed,
    )


_SHARED = {"evaluation": "evaluation protocols", "experiment_seed": "experiment seeds, so other initial states in evaluations"}
"""Inputs that all runs of a comparison must share, with the words for them."""
_SHARED_BY_ENV = {
    "env": "arguments of the environment",
    "budget": "budgets",
    "checkpoint_period": "checkpoint periods, at which all environments are reset",
}
"""Inputs that all runs on one environment must share, with the words for them."""


def selection_periods(runs: Iterable[LoadedRun]) -> dict[int, list[str]]:
    """Returns period of selection evaluations in env steps -> names of the agents that were evaluated so often; one if all were."""
    found: dict[int, list[str]] = {}
    for run in sorted(runs, key=lambda run: (run.run.evaluation.period, run.agent)):
        agents = found.setdefault(run.run.evaluation.period, [])
        agents += [] if run.agent in agents else [run.agent]
    return found


def _refuse_incomparable(runs: list[LoadedRun]) -> None:
    of_env: dict[str, LoadedRun] = {}
    of_agent: dict[str, LoadedRun] = {}
    of_both: dict[tuple[str, str], LoadedRun] = {}
    for run in runs:
        _refuse_differing(runs[0], run, _SHARED)
        _refuse_differing(of_env.setdefault(run.env, run), run, _SHARED_BY_ENV)
        # One environment may have hyperparameters of its own; an agent's name stands for the same agent everywhere.
        pairs = [(of_both.setdefault((run.agent, run.env), run), "hyperparameters"), (of_agent.setdefault(run.agent, run), "agent")]
        for other, key in pairs:
            there, here = sides(other.inputs["agent"].get(key), run.inputs["agent"].get(key))
            if there != here:
                raise ArenaError(
                    f"agent {run.agent!r} is two different agents: {other.path} has {there}, {run.path} has {here}; rename one"
                )
    _refuse_mixed_periods(runs)


def _refuse_differing(other: LoadedRun, run: LoadedRun, shared: Mapping[str, str]) -> None:
    for key, what in shared.items():
        there, here = sides(_comparable(other.inputs.get(key)), _comparable(run.inputs.get(key)))
        if there != here:
            raise ArenaError(
                f"runs with other {what} cannot be compared: {other.path} has {there}, {run.path} has {here}; report each folder by itself"
            )


def _refuse_mixed_periods(runs: list[LoadedRun]) -> None:
    by_agent: dict[str, LoadedRun] = {}
    for run in runs:
        other = by_agent.setdefault(run.agent, run)
        there, here = other.run.evaluation.period, run.run.evaluation.period
        if there != here:
            raise ArenaError(
                f"the runs of agent {run.agent!r} were evaluated at two periods, so they are no seeds of one kind: {other.path} every "
                f"{there:,} env steps, {run.path} every {here:,}; rename it in one experiment"
            )


def _comparable(value: Any) -> Any:
    """Returns an input without the parts that may differ between runs whose final scores are compared.

    They are the period of selection evaluations, whether policies stay that are not judged, and whether there are pictures.
    """
    may_differ = ("period", "keep_policies", "images")
    return {key: part for key, part in value.items() if key not in may_differ} if isinstance(value, Mapping) else value


def _distinct(runs: list[LoadedRun]) -> list[LoadedRun]:
    kept: dict[str, LoadedRun] = {}
    for run in runs:
        other = kept.setdefault(run.name, run)
        if other is run:
            continue
        if other.state == "unfinished" or run.state == "unfinished":  # a copy that was left when the run was moved
            kept[run.name] = other if run.state == "unfinished" else run
        elif _outcome(other) != _outcome(run):
            raise ArenaError(f"{run.name} was run twice with different outcomes: {other.path} and {run.path}; keep one of the folders")
    return list(kept.values())


def _outcome(run: LoadedRun) -> tuple[Any, ...]:
    evaluations = [(evaluated.env_steps, evaluated.episode_returns) for evaluated in run.selection]
    return run.state, evaluations, run.final and run.final.episode_returns
