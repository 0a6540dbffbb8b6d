"""The parts of a report that list what was run: agents, environments, runs, costs, differing settings, published numbers.

Env steps are counts, durations wall seconds. Agents are named as in the experiment's file.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentSummary:
    """One agent of the experiment."""

    name: str
    """Name of the agent in the experiment's file."""
    agent: str
    """Id of the agent, or `package.module:SPEC`."""
    hyperparameters: Mapping[str, Any]
    """Fields of the agent's config that are the same on all environments, with defaults filled in."""
    env_hyperparameters: Mapping[str, Mapping[str, Any]]
    """Environment -> fields of the config that differ between environments; empty if there are none."""
    versions: Mapping[str, str]
    """Distribution -> version; several versions of one are joined by ` | `."""
    devices: tuple[str, ...]
    """Devices that its runs used, such as `cpu`."""
    num_runs: int
    """Runs of the agent, over all environments and seeds."""
    num_finished: int
    """Runs that finished."""
    num_failed: int
    """Runs that failed; each loses to every run that finished."""
    num_unfinished: int
    """Runs without an outcome: still at work, or cut off; they enter no statistic."""
    tuning: Mapping[str, Any] | None
    """Origin of the hyperparameters and the budget spent on finding them, as recorded in `run.json`; by environment if that differs between
    environments; None if nothing is recorded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvSummary:
    """One environment and the reference scores that normalise its returns."""

    name: str
    """Name of the environment, as in the run folders."""
    env_id: str
    """The Gymnasium id."""
    random_return: float | None
    """Mean return of uniformly random actions, which scores 0; None if the environment has no references, and so no scores."""
    solved_return: float | None
    """Return from which the environment counts as solved, or its upper bound if nobody set one; it scores 1."""
    sources: tuple[str, ...]
    """Sources of `random_return` and `solved_return`."""
    failed_return: float
    """Return that a failed run takes in tables: the worse of random play and the worst return that anyone finished with."""
    budget: Mapping[str, Any]
    """Budget of a run here, as in the experiment's file: `env_steps`, `seconds`, `target_return`, …"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run, as read from its folder."""

    agent: str
    """Name of the agent."""
    env: str
    """Name of the environment."""
    seed: int
    """Training seed."""
    status: str
    """Status of the run's result, such as `finished` or `crashed`, or `unfinished`."""
    reason: str
    """Reason for which the run ended, in words."""
    return_mean: float | None
    """Mean return of the final evaluation; None if there is none."""
    return_std: float | None
    """Standard deviation of the return over the episodes of the final evaluation."""
    num_episodes: int
    """Episodes of the final evaluation."""
    score: float | None
    """Score of `return_mean`; None without references."""
    env_steps: int
    """Env steps of training."""
    train_seconds: float | None
    """Seconds of training."""
    cpu_seconds: float | None
    """CPU seconds of the worker process."""
    device: str
    """Device that the agent used, such as `cpu`."""
    machine: int
    """Index into `ExperimentReport.machines`."""
    path: str
    """The run folder, relative to where the report was made if below it."""
    failed_attempts: tuple[str, ...] = ()
    """Status and reason of each earlier attempt that failed before the run was tried again (`--retry-failed`)."""
    attempt_starts: tuple[int, ...] = ()
    """Env steps from which each worker process of the run went on, in their order; 0 where it began anew."""
    attempt_ends: tuple[str, ...] = ()
    """How each attempt ended, if the run took more than one: those that failed, those that were interrupted, and the last one."""
    workers: int | None = None
    """Runs that were at work at a time; None if that was not recorded."""
    load: float | None = None
    """Load average of the machine at the end of the run, or at its start if it did not get to its end; None if not recorded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CostRow:
    """What an agent's finished runs on one environment took; medians over seeds unless a field says otherwise."""

    agent: str
    """Name of the agent."""
    env: str
    """Name of the environment."""
    num_runs: int
    """Number of finished runs."""
    env_steps: float
    """Env steps of training."""
    env_steps_per_second: float | None
    """Env steps per second of training, without compilation and evaluation."""
    learner_steps_per_second: float | None
    """Learner steps per second of training."""
    start_seconds: float
    """Seconds until training began: import, build and compilation."""
    train_seconds: float
    """Seconds of training."""
    env_seconds: float
    """Seconds of training inside the environments."""
    act_seconds: float
    """Seconds of training spent on choosing actions."""
    learn_seconds: float
    """Seconds of training spent on updates."""
    other_seconds: float
    """Seconds of training spent on anything else."""
    evaluate_seconds: float
    """Seconds of evaluation."""
    checkpoint_seconds: float
    """Seconds of writing checkpoints."""
    cpu_seconds: float | None
    """CPU seconds of the worker process."""
    total_cpu_hours: float | None
    """CPU hours of all runs together, failed ones included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A hyperparameter that not all agents share."""

    name: str
    """Name of the hyperparameter."""
    values: Mapping[str, Any]
    """Agent -> value, or -> {environment: value} if it differs between environments; agents without the hyperparameter are missing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published number, beside what agents of the same algorithm reached here on the same environment."""

    env: str
    """Name of the environment."""
    who: str
    """Project or paper that published the number."""
    algorithm: str
    """Name of the algorithm, such as `dqn`."""
    published: str
    """The number as published, with its spread: `488.7 ± 16.1`."""
    value: float
    """The number: a mean episode return."""
    budget_env_steps: int | None
    """Env steps of training behind the number; None if the source doesn't say."""
    num_seeds: int | None
    """Training seeds behind the number; None if the source doesn't say."""
    protocol: str
    """How the policy was evaluated."""
    source: str
    """File or page that the number was read from."""
    url: str = ""
    """Address of the source; empty if it has none."""
    ours: tuple[tuple[str, float, int], ...]
    """(agent, mean return over seeds, largest env steps of a run) for every agent whose algorithm has that name."""
