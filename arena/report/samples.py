"""Runs arranged for statistics: by agent and environment, with failed runs at the floor and returns turned into scores."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.references import Catalogue, Reference
from arena.report.load import LoadedRun

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """How returns on one environment become scores."""

    env: str
    env_id: str
    reference: Reference | None
    """None where there is none, or the environment's arguments were changed, so that it does not hold."""
    floor: float
    """Where a failed run stands: the random return, or the worst return of any run where there is no reference."""

    @property
    def solved(self) -> float | None:
        """The return that scores 1."""
        return self.reference.solved.value if self.reference and self.reference.solved else None

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest possible return; infinite where not known."""
        lower = self.reference.lower_bound if self.reference else None
        upper = self.reference.upper_bound if self.reference else None
        return (lower.value if lower else -math.inf, upper.value if upper else math.inf)

    def score(self, returns: Array) -> Array:
        """Returns scores of returns of any shape: 0 for random actions, 1 for solved."""
        assert self.reference is not None
        assert self.solved is not None
        random = self.reference.random.value
        return (returns - random) / (self.solved - random)


class Samples:
    """The runs of a comparison.

    Args:
        runs: as `load_runs` returns them.
        catalogue: of reference scores.
    """

    def __init__(self, runs: Sequence[LoadedRun], catalogue: Catalogue) -> None:
        self.runs = runs
        self.agents = sorted({run.agent for run in runs})
        self.scales = {env: _scale([run for run in runs if run.env == env], catalogue) for env in sorted({run.env for run in runs})}

    def ended(self, agent: str, env: str) -> list[LoadedRun]:
        """Returns the runs that have an outcome, failed ones included, by seed."""
        return [run for run in self.runs if run.agent == agent and run.env == env and run.state != "unfinished"]

    def returns(self, agent: str, env: str, *, with_failed: bool = True) -> Array:
        """Returns `[S, E]`: final returns of each seed and episode; a failed run has the floor in all episodes."""
        runs = [run for run in self.ended(agent, env) if with_failed or run.state == "finished"]
        num_episodes = next((len(run.final.episode_returns) for run in runs if run.state == "finished" and run.final), 1)
        floor = np.full(num_episodes, self.scales[env].floor)
        return np.array([run.final.episode_returns if run.final and run.state == "finished" else floor for run in runs]).reshape(
            len(runs), num_episodes
        )

    def scored_envs(self, *, with_failed: bool = True) -> list[str]:
        """Returns the environments that have reference scores and on which every agent has an outcome."""
        return [
            env
            for env, scale in self.scales.items()
            if scale.solved is not None and all(len(self.returns(agent, env, with_failed=with_failed)) for agent in self.agents)
        ]


def score_bounds(scales: Sequence[Scale]) -> tuple[float, float]:
    """Returns the least and the greatest possible mean score over environments."""
    bounds = np.array([scale.score(np.array(scale.bounds)) for scale in scales])  # [M, 2]
    return (float(bounds[:, 0].mean()), float(bounds[:, 1].mean()))


def _scale(runs: Sequence[LoadedRun], catalogue: Catalogue) -> Scale:
    env = runs[0].inputs["env"]
    reference = catalogue.reference_for(env["id"], env.get("kwargs") or {})
    if reference is not None:
        floor = reference.random.value
    else:
        evaluations = [evaluated for run in runs for evaluated in (*run.selection, *([run.final] if run.final else []))]
        floor = min((evaluated.episode_return_mean for evaluated in evaluations), default=0.0)
    return Scale(env=runs[0].env, env_id=env["id"], reference=reference, floor=floor)
