"""Runs arranged for statistics: by agent and environment, with failed runs at the floor and returns turned into scores."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.references import Catalogue, Reference
from arena.report.load import LoadedRun
from arena.statistics.estimate import Bounds
from arena.statistics.score_scale import UNBOUNDED

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvScale:
    """How returns on one environment become scores, and what a failed run counts there."""

    env: str
    """Name of the environment, as in the run folders."""
    env_id: str
    """The Gymnasium id."""
    reference: Reference | None
    """Reference scores; None if there are none, or if arguments of the environment were changed, so that they do not hold."""
    floor: float
    """Return that a failed run counts as: the random return or, without references, the worst return of any run."""

    @property
    def solved(self) -> float | None:
        """The return that scores 1; None without references."""
        return self.reference.scale.solved if self.reference else None

    @property
    def bounds(self) -> Bounds:
        """Smallest and largest possible return; infinite if not known."""
        return self.reference.scale.bounds if self.reference else UNBOUNDED

    def score(self, returns: Array) -> Array:
        """Returns the scores of `returns`, in their shape: 0 for random actions, 1 for solved."""
        assert self.reference is not None
        return self.reference.scale.score(returns)


class Samples:
    """The runs of a comparison, by agent and environment.

    Args:
        runs: runs from `load_runs`.
        catalogue: reference scores.
    """

    def __init__(self, runs: Sequence[LoadedRun], catalogue: Catalogue) -> None:
        self.runs = runs
        self.agents = sorted({run.agent for run in runs})
        self.scales = {env: _scale([run for run in runs if run.env == env], catalogue) for env in sorted({run.env for run in runs})}

    def ended(self, agent: str, env: str) -> list[LoadedRun]:
        """Returns the runs that have an outcome, failed ones included, by seed."""
        return [run for run in self.runs if run.agent == agent and run.env == env and run.state != "unfinished"]

    def returns(self, agent: str, env: str, *, with_failed: bool = True) -> Array:
        """Returns the final returns of each seed and episode `[S, E]`; a failed run counts as the floor in all episodes."""
        runs = [run for run in self.ended(agent, env) if with_failed or run.state == "finished"]
        num_episodes = next((len(run.final.episode_returns) for run in runs if run.state == "finished" and run.final), 1)
        floor = np.full(num_episodes, self.scales[env].floor)
        rows = [run.final.episode_returns if run.final and run.state == "finished" else floor for run in runs]
        return np.array(rows).reshape(len(runs), num_episodes)

    def scores(self, agent: str, env: str, *, with_failed: bool = True) -> Array:
        """Returns the scores of `returns` `[S, E]`; the environment must have references."""
        return self.scales[env].score(self.returns(agent, env, with_failed=with_failed))

    def mean_returns(self) -> dict[str, dict[str, Array]]:
        """Returns agent -> environment -> mean final return of each seed `[S]`, without environments where an agent has no outcome."""
        found = {agent: {env: self.returns(agent, env).mean(1) for env in self.scales} for agent in self.agents}
        return {agent: {env: returns for env, returns in by_env.items() if len(returns)} for agent, by_env in found.items()}

    def scored_envs(self, *, with_failed: bool = True) -> list[str]:
        """Returns the environments that have reference scores and on which every agent has an outcome."""
        return [
            env
            for env, scale in self.scales.items()
            if scale.solved is not None and all(len(self.returns(agent, env, with_failed=with_failed)) for agent in self.agents)
        ]


def _scale(runs: Sequence[LoadedRun], catalogue: Catalogue) -> EnvScale:
    env = runs[0].run.env
    reference = catalogue.reference_for(env.id, env.kwargs)
    if reference is not None:
        floor = reference.random.value
    else:
        evaluations = [evaluated for run in runs for evaluated in (*run.selection, *([run.final] if run.final else []))]
        floor = min((evaluated.episode_return_mean for evaluated in evaluations), default=0.0)
    return EnvScale(env=runs[0].env, env_id=env.id, reference=reference, floor=floor)
