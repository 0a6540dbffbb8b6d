"""Outcome of a run: what `result.json` holds."""

import dataclasses
from typing import ClassVar, Literal

import pydantic

from arena.run_folder.timings import Timings

Status = Literal["finished", "crashed", "timed_out", "killed", "diverged", "env_failed", "pruned"]
"""How a run ended. `env_failed` means that the environment gave NaN, infinity or None, and `pruned` that a search gave the run up for
better ones. An interrupted run has no result: it can be resumed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """The outcome of one run. The counts of a run that crashed, hung or was killed are the last that it wrote down."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    status: Status
    agent: str
    """The agent's name in the experiment."""
    env: str
    """The environment's name, as in the run folder."""
    seed: int
    """Training seed."""
    path: str
    """The run folder."""
    reason: str = ""
    """Cause of the end: the budget that was used up, the target that was held, or the error."""
    env_steps: int = 0
    """Env steps of training."""
    num_episodes: int = 0
    """Number of training episodes that the environment ended."""
    num_cut_episodes: int = 0
    """Number of training episodes cut by the resets at checkpoints; they are in no statistic."""
    learner_steps: int = 0
    """Optimizer steps of the agent."""
    score_mean: float | None = None
    """Mean return of `policy.onnx` over the final evaluation episodes, on seeds used for nothing else."""
    score_std: float | None = None
    """Standard deviation of the return over the final evaluation episodes."""
    score_episodes: int = 0
    """Number of final evaluation episodes."""
    policy_env_steps: int | None = None
    """Env steps after which the judged policy was taken."""
    seconds: Timings = dataclasses.field(default_factory=Timings)
    """Wall seconds of each part of the run, over all its attempts."""
    cpu_seconds: float | None = None
    """CPU seconds of the worker process, over all its attempts."""
    device: str = "cpu"
    """Device that the agent used."""
    parity: float | None = None
    """Fraction of observations on which `policy.onnx` acts as the agent does; checked whenever a policy is kept."""
    num_outside_observations: int = 0
    """Number of observations that the environment gave outside of their space, in training and in evaluations."""
    num_attempts: int = 1
    """Number of worker processes that this run took: more than one after a resume."""
    log_tail: tuple[str, ...] = ()
    """Last lines of `worker.log` if the run failed."""

    @property
    def run_name(self) -> str:
        """The run's name: `agent/env/seed-0`."""
        return f"{self.agent}/{self.env}/seed-{self.seed}"

    @property
    def env_steps_per_second(self) -> float | None:
        """Env steps per wall second of training, without compilation and evaluation; None if nothing was trained."""
        return self.env_steps / self.seconds.train if self.seconds.train else None
