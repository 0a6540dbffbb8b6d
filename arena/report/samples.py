"""Runs arranged for statistics: by agent and environment, with failed runs as outcomes and returns turned into scores."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.references import Catalogue, Reference
from arena.report.load import LoadedRun
from arena.statistics.estimate import Bounds
from arena.statistics.outcomes import comparable_returns, failed_return
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
    start: float
    """Return with which learning curves begin: that of random play or, without references, the worst of any evaluation."""
    failed: float
    """Return that a failed run takes (`arena.statistics.outcomes.failed_return`)."""

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
        """Returns the final returns of each seed and episode `[S, E]`; a failed run takes `EnvScale.failed` in all."""
        runs = [run for run in self.ended(agent, env) if with_failed or run.state == "finished"]
        num_episodes = next((len(run.final.episode_returns) for run in runs if run.state == "finished" and run.final), 1)
        failed = np.full(num_episodes, self.scales[env].failed)
        rows = [run.final.episode_returns if run.final and run.state == "finished" else failed for run in runs]
        return np.array(rows).reshape(len(runs), num_episodes)

    def scores(self, agent: str, env: str, *, with_failed: bool = True) -> Array:
        """Returns the scores of `returns` `[S, E]`; the environment must have references."""
        return self.scales[env].score(self.returns(agent, env, with_failed=with_failed))

    def num_failed(self, agent: str, env: str) -> int:
        """Returns the number of failed runs of an agent on an environment."""
        return sum(run.state == "failed" for run in self.ended(agent, env))

    def comparable(self) -> dict[str, dict[str, Array]]:
        """Returns agent -> environment -> the number of each seed `[S]` by which pairs of runs are compared.

        It is the mean final return, a failed run below all others (`arena.statistics.outcomes.comparable_returns`). Environments where an
        agent has no outcome are missing from its table.
        """
        found: dict[str, dict[str, Array]] = {agent: {} for agent in self.agents}
        for env, scale in self.scales.items():
            runs = {agent: self.ended(agent, env) for agent in self.agents}
            failed = [run.state == "failed" for of_agent in runs.values() for run in of_agent]
            means = np.concatenate([self.returns(agent, env).mean(1) for agent in runs])
            values = np.split(
                comparable_returns(means, np.array(failed, np.bool_), scale.failed), np.cumsum([*map(len, runs.values())])[:-1]
            )
            for agent, own in zip(runs, values, strict=True):
                if len(own):
                    found[agent][env] = own
        return found

    def scored_envs(self, *, with_failed: bool = True) -> list[str]:
        """Returns the environments that have reference scores and on which every agent has an outcome."""
        return [
            env
            for env, scale in self.scales.items()
            if scale.solved is not None and all(len(self.returns(agent, env, with_failed=with_failed)) for agent in self.agents)
        ]


def _scale(runs: Sequence[LoadedRun], catalogue: Catalogue) -> EnvScale:
    env = runs[0].run.env
    reference = catalogue.reference_for(env)
    random = reference.random.value if reference else None
    worst = min(
        (evaluated.episode_return_mean for run in runs for evaluated in (*run.selection, *([run.final] if run.final else []))), default=0.0
    )
    failed = failed_return([run.final.episode_return_mean for run in runs if run.final and run.state == "finished"], random)
    return EnvScale(
        env=runs[0].env,
        env_id=env.id,
        reference=reference,
        start=worst if random is None else random,
        failed=worst if failed is None else failed,
    )
