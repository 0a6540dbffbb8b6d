"""Outcome of a run: what `result.json` holds."""

import dataclasses
from typing import ClassVar, Literal

import pydantic

Status = Literal["finished", "crashed", "timed_out", "killed", "diverged", "pruned"]
"""How a run ended. `pruned` means that a search gave it up for better ones. An interrupted run has no result: it can be resumed."""

START_PARTS = ("start", "import", "build")
"""Keys of `RunResult.seconds` that come before training."""
WORK_PARTS = ("train", "evaluate", "checkpoint", "log")
"""Keys of `RunResult.seconds` that come after the start; no second is in two of them."""


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
    path: str
    """The run folder."""
    reason: str = ""
    """Cause of the end: the budget that was used up, the target that was held, or the error."""
    env_steps: int = 0
    num_episodes: int = 0
    num_cut_episodes: int = 0
    """Number of training episodes that a checkpoint or the end cut short."""
    learner_steps: int = 0
    score_mean: float | None = None
    """Mean return of `policy.onnx` over the final evaluation episodes, on seeds used for nothing else."""
    score_std: float | None = None
    """Standard deviation of the return over the final evaluation episodes."""
    score_episodes: int = 0
    """Number of final evaluation episodes."""
    policy_env_steps: int | None = None
    """Env steps after which the judged policy was taken."""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Wall seconds: `start` (of the process, with the arena's own imports), `import` (the framework), `build` (with compilation), `train`,
    `evaluate`, `checkpoint`, `log`; parts of `train`: `env`, `act`, `learn`; part of `evaluate`: `play` (the episodes). CPU seconds of
    `train`, `log` and `checkpoint` together: `train_cpu`."""
    cpu_seconds: float | None = None
    """CPU seconds of the worker process, over all its attempts."""
    device: str = "cpu"
    parity: float | None = None
    """Fraction of observations on which `policy.onnx` acts as the agent does; checked whenever a policy is kept."""
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
        """Env steps per wall second of training, without compilation and evaluation."""
        seconds = self.seconds.get("train")
        return self.env_steps / seconds if seconds else None

    @property
    def start_seconds(self) -> float:
        """Wall seconds until training began: process, imports, building and compilation, over all attempts."""
        return sum(self.seconds.get(part, 0.0) for part in START_PARTS)

    @property
    def whole_seconds(self) -> float:
        """Wall seconds of everything that is accounted for; the end of the process is not."""
        return self.start_seconds + sum(self.seconds.get(part, 0.0) for part in WORK_PARTS)
