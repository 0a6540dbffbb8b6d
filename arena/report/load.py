"""Reads run folders, of one machine or several, into one set of comparable runs, or says why they are not comparable."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from arena.errors import ArenaError
from arena.formats.differences import sides
from arena.formats.json import read_json_object
from arena.formats.jsonl import read_jsonl
from arena.run_folder.folder import RunDir, RunResult

State = Literal["finished", "failed", "unfinished"]


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """One evaluation of a policy."""

    env_steps: int
    """Of training, when the policy was taken."""
    train_seconds: float
    """Of training, until then."""
    episode_returns: tuple[float, ...]
    """Entry e has the same start in every run of the experiment."""

    @property
    def return_mean(self) -> float:
        """Mean over episodes."""
        return sum(self.episode_returns) / len(self.episode_returns)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """One run folder."""

    path: Path
    inputs: Mapping[str, Any]
    """As `Run.inputs()`."""
    record: Mapping[str, Any]
    """`versions`, `machine`, `git`, `command`; empty where no worker got so far."""
    tuning: Mapping[str, Any] | None
    """What was spent on finding the hyperparameters, where `run.json` says so."""
    result: RunResult | None
    """None where the run is unfinished."""
    selection: tuple[Evaluated, ...]
    """Selection evaluations, by env steps."""
    final: Evaluated | None

    @property
    def agent(self) -> str:
        """The entry's name."""
        return str(self.inputs["agent"]["name"])

    @property
    def env(self) -> str:
        """The environment's name, as in the run folder."""
        return self.path.parent.name

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(self.inputs["seed"])

    @property
    def name(self) -> str:
        """For people: `agent/env/seed-n`."""
        return f"{self.agent}/{self.env}/seed-{self.seed}"

    @property
    def state(self) -> State:
        """Whether the run ended well, ended otherwise, or has not ended; one that a search gave up in mid-run never ends."""
        if self.result is None or self.result.status == "pruned":
            return "unfinished"
        return "finished" if self.result.status == "finished" and self.final is not None else "failed"


def load_runs(roots: Sequence[Path]) -> tuple[LoadedRun, ...]:
    """Returns all runs below `roots`, by agent, env and seed; the same run found twice with the same content counts once.

    Raises:
        ArenaError: if there are none, a folder cannot be read, or the runs cannot be compared; says which two and why.
    """
    runs = [_load(path) for path in _run_folders(roots)]
    if not runs:
        raise ArenaError(f"no run folders below {', '.join(str(root) for root in roots)}; give folders that arena run has written")
    _refuse_incomparable(runs)
    return tuple(sorted(_distinct(runs), key=lambda run: (run.agent, run.env, run.seed)))


def _run_folders(roots: Iterable[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for root in roots:
        if not root.is_dir():
            raise ArenaError(f"no folder {root}; give folders that arena run has written")
        for file in sorted(root.rglob("run.json")):
            found.setdefault(file.parent.resolve(), file.parent)
    return list(found.values())


def _load(path: Path) -> LoadedRun:
    run_dir = RunDir(path)
    document = read_json_object(run_dir.run)
    inputs = document.get("inputs")
    if not isinstance(inputs, dict) or not {"agent", "env", "seed", "budget", "evaluation", "experiment_seed"} <= inputs.keys():
        raise ArenaError(f"{run_dir.run} does not say what was run; it was not written by this version of arena-rl")
    selection, final = _evaluations(run_dir)
    return LoadedRun(
        path=path,
        inputs=inputs,
        record=document.get("record") or {},
        tuning=document.get("tuning"),
        result=run_dir.read_result(),
        selection=tuple(selection),
        final=final,
    )


def _evaluations(run_dir: RunDir) -> tuple[list[Evaluated], Evaluated | None]:
    selection, final = [], None
    for record in read_jsonl(run_dir.evaluations) if run_dir.evaluations.exists() else []:
        try:
            returns = tuple(float(value) for value in record["episode_returns"])
            evaluated = Evaluated(int(record["env_steps"]), float(record["train_seconds"]), returns)
            kind = record["kind"]
        except (KeyError, TypeError, ValueError) as error:
            raise ArenaError(f"{run_dir.evaluations} holds an evaluation that cannot be read: {error!r}") from error
        if kind == "selection":
            selection.append(evaluated)
        elif kind == "final":
            final = evaluated
    return selection, final


_SHARED = {"evaluation": "evaluation protocols", "experiment_seed": "experiment seeds, so other evaluation starts"}
_SHARED_BY_ENV = {
    "env": "arguments of the environment",
    "budget": "budgets",
    "checkpoint_period": "checkpoint periods, at which all environments are reset",
}
"""Inputs that all runs of a comparison must share, at least on one environment, and what they are called."""


def _refuse_incomparable(runs: list[LoadedRun]) -> None:
    of_env: dict[str, LoadedRun] = {}
    of_agent: dict[str, LoadedRun] = {}
    of_both: dict[tuple[str, str], LoadedRun] = {}
    for run in runs:
        _refusesides(runs[0], run, _SHARED)
        _refusesides(of_env.setdefault(run.env, run), run, _SHARED_BY_ENV)
        # One environment may have hyperparameters of its own; what the name stands for is the same everywhere.
        pairs = [(of_both.setdefault((run.agent, run.env), run), "hyperparameters"), (of_agent.setdefault(run.agent, run), "agent")]
        for other, key in pairs:
            there, here = sides(other.inputs["agent"].get(key), run.inputs["agent"].get(key))
            if there != here:
                raise ArenaError(
                    f"agent {run.agent!r} is two different agents: {other.path} has {there}, {run.path} has {here}; rename one"
                )


def _refusesides(other: LoadedRun, run: LoadedRun, shared: Mapping[str, str]) -> None:
    for key, what in shared.items():
        there, here = sides(other.inputs.get(key), run.inputs.get(key))
        if there != here:
            raise ArenaError(f"runs with other {what} cannot be compared: {other.path} has {there}, {run.path} has {here}")


def _distinct(runs: list[LoadedRun]) -> list[LoadedRun]:
    kept: dict[str, LoadedRun] = {}
    for run in runs:
        other = kept.setdefault(run.name, run)
        if other is run:
            continue
        if other.state == "unfinished" or run.state == "unfinished":  # an unfinished copy, left where the run was moved from
            kept[run.name] = other if run.state == "unfinished" else run
        elif _outcome(other) != _outcome(run):
            raise ArenaError(f"{run.name} was run twice with different outcomes: {other.path} and {run.path}; keep one of the folders")
    return list(kept.values())


def _outcome(run: LoadedRun) -> tuple[Any, ...]:
    evaluations = [(evaluated.env_steps, evaluated.episode_returns) for evaluated in run.selection]
    return run.state, evaluations, run.final and run.final.episode_returns
