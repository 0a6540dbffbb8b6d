"""Outcome of a run: what `result.json` holds."""

import dataclasses
from typing import ClassVar, Literal, get_args

import pydantic

from arena.formats.validation import Finite, Whole
from arena.run_folder.timings import Timings

Status = Literal["finished", "crashed", "timed_out", "killed", "diverged", "env_failed", "pruned"]
"""How a run ended. `env_failed` means that the environment gave NaN, infinity or None, and `pruned` that a search gave the run up for
better ones. An interrupted run has no result: it can be resumed."""

Unreadable = Literal["damaged", "lost"]
"""State of a run that cannot be told how it ended: its record cannot be read, or its folder was deleted or renamed while it was at work.
No file says so; it is what those are told who asked for the run. It is no outcome of the agent, and counts nowhere."""
UNREADABLE: tuple[str, ...] = get_args(Unreadable)
"""All values of `Unreadable`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """The outcome of one run. The counts of a run that crashed, hung or was killed are the last that it wrote down."""

    __pydantic_config__: ClassVar = pydantic.ConfigDict(extra="forbid")

    status: Literal[Status, Unreadable]
    agent: str
    """The agent's name in the experiment."""
    env: str
    """The environment's name, as in the run folder."""
    seed: Whole
    """Training seed."""
    path: str
    """The run folder."""
    reason: str = ""
    """Cause of the end: the budget that was used up, the target that was held, or the error."""
    env_steps: Whole = 0
    """Env steps of training."""
    num_episodes: Whole = 0
    """Number of training episodes that the environment ended."""
    num_cut_episodes: Whole = 0
    """Number of training episodes cut by the resets at checkpoints; they are in no statistic."""
    learner_steps: Whole = 0
    """Optimizer steps of the agent."""
    score_mean: Finite | None = None
    """Mean return of `policy.onnx` over the final evaluation episodes, on seeds used for nothing else."""
    score_std: Finite | None = None
    """Standard deviation of the return over the final evaluation episodes."""
    score_episodes: Whole = 0
    """Number of final evaluation episodes."""
    score_num_cut: Whole = 0
    """Number of final evaluation episodes that were cut at `evaluation.max_episode_steps`; their returns so far count."""
    policy_env_steps: Whole | None = None
    """Env steps after which the judged policy was taken."""
    seconds: Timings = dataclasses.field(default_factory=Timings)
    """Wall seconds of each part of the run, over all its attempts."""
    cpu_seconds: Finite | None = None
    """CPU seconds of the worker process, over all its attempts."""
    device: str = "cpu"
    """Device that the agent used."""
    parity: Finite | None = None
    """Fraction of observations on which `policy.onnx` acts as the agent does; checked whenever a policy is kept."""
    num_outside_observations: Whole = 0
    """Number of observations that the environment gave outside of their space, in training and in evaluations."""
    follows_seed: bool = True
    """Whether resets of the environment with one seed gave one initial observation; if not, runs are not judged from the same states."""
    num_attempts: Whole = 1
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
