"""The report as plain data: what `arena report` prints, writes as CSV and JSON, and renders as HTML.

Tuples of numbers are in the order that each field names. Env steps are counts, durations wall seconds. A *score* is a normalised
return: 0 for uniformly random actions, 1 for a solved environment (`arena.environments.references`). Agents are named as in the
experiment's file.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from arena.statistics.comparison import Pair
from arena.statistics.estimate import Estimate

Axis = Literal["env_steps", "train_seconds"]
MetricName = Literal["iqm", "mean", "median", "optimality_gap"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentSummary:
    """One agent of the experiment."""

    name: str
    agent: str
    """Id or `package.module:SPEC`."""
    hyperparameters: Mapping[str, Any]
    """Resolved: every field of the agent's config that is the same on all environments."""
    env_hyperparameters: Mapping[str, Mapping[str, Any]]
    """Environment -> the fields that are not; empty where there are none."""
    versions: Mapping[str, str]
    """Distribution -> version; several versions of one are joined by ` | `."""
    devices: tuple[str, ...]
    num_runs: int
    num_finished: int
    num_failed: int
    num_unfinished: int
    """Runs without an outcome: still at work, or cut; they enter no statistic."""
    tuning: Mapping[str, Any] | None
    """What was spent on finding the hyperparameters, as recorded in `run.json`; None where nothing is recorded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvSummary:
    """One environment and the reference scores that normalise its returns."""

    name: str
    env_id: str
    random_return: float | None
    """Score 0: mean return of uniformly random actions; None where the environment has no references, and so no scores."""
    solved_return: float | None
    """Score 1: the return from which it counts as solved, or its bound where nobody set one."""
    sources: tuple[str, ...]
    """Of these numbers."""
    budget: Mapping[str, Any]
    """As in the experiment's file: `env_steps`, `seconds`, `target_return`, …"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvResult:
    """An agent's final evaluations on one environment."""

    agent: str
    env: str
    seeds: tuple[int, ...]
    """Training seeds, finished and failed; S of them."""
    returns: tuple[float, ...]
    """`[S]` mean final return of each seed; failed runs at the floor (`Report.notes` say which)."""
    failed: tuple[bool, ...]
    """`[S]` whether the run failed and stands at the floor."""
    return_mean: Estimate
    """Mean return over seeds."""
    score_iqm: Estimate | None
    """IQM of the scores over seeds; None without references."""
    num_solved: int
    """Seeds whose mean final return reaches `EnvSummary.solved_return`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One statistic of an agent's scores over all environments that have references and that every agent was trained on."""

    agent: str
    metric: MetricName
    estimate: Estimate
    without_failed: Estimate | None
    """The same without failed runs; None where none failed or nothing is left."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Performance profile (Dolan & Moré, 2002): the fraction of runs that score above each threshold."""

    agent: str
    thresholds: tuple[float, ...]
    """`[T]` scores, ascending; the same for every agent."""
    fractions: tuple[float, ...]
    """`[T]` in [0, 1]."""
    low: tuple[float, ...]
    """`[T]` pointwise interval."""
    high: tuple[float, ...]
    """`[T]` pointwise interval."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequentialVerdict:
    """What a sequential comparison says of two agents."""

    agent: str
    other: str
    verdict: str
    """Of `agent` against `other`: `better`, `worse` or `undecided`."""

    @property
    def claim(self) -> tuple[str, str] | None:
        """The better and the worse of the two; None where it is undecided."""
        return {"better": (self.agent, self.other), "worse": (self.other, self.agent)}.get(self.verdict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequentialComparison:
    """An experiment with `seeds = "until-decided"`: its rule, the seeds that it took, and what was decided (`decision.json`)."""

    experiment: str
    """Its folder."""
    group_size: int
    """Seeds added to every agent still compared, between two looks."""
    max_seeds: int
    """The most that an agent gets."""
    alpha: float
    """Bound on the probability of any wrong claim, over all its pairs and looks together."""
    envs: tuple[str, ...]
    look: int
    """Looks taken so far."""
    finished: bool
    """Whether no more seeds are to be added."""
    num_seeds: Mapping[str, int]
    """Agent -> seeds that it took."""
    verdicts: tuple[SequentialVerdict, ...]
    """Of every pair: one family, tested together."""

    @property
    def num_looks(self) -> int:
        """Looks that the rule allows."""
        return self.max_seeds // self.group_size


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve: the greedy policy as training left it at each point, with a pointwise interval over training seeds."""

    agent: str
    env: str | None
    """None: scores, mean over environments."""
    axis: Axis
    x: tuple[float, ...]
    """`[P]` env steps or seconds of training, ascending; the same grid for every agent of this env and axis."""
    values: tuple[float, ...]
    """`[P]` mean over seeds: returns, or scores where `env` is None. A run that ended earlier keeps its last value."""
    low: tuple[float | None, ...]
    """`[P]` None where no interval is given."""
    high: tuple[float | None, ...]
    """`[P]` None where no interval is given."""
    num_seeds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingRow:
    """An agent's place when all are given the same env steps, or the same seconds."""

    axis: Axis
    rank: int
    """From 1."""
    agent: str
    area: Estimate
    """Mean score over the axis up to `horizon`: area under the learning curve divided by its length."""
    horizon: float
    """The largest env steps or seconds of training of any run; a run that ended earlier keeps its last score."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeToThreshold:
    """When an agent's selection evaluations first reached the environment's solved return."""

    agent: str
    env: str
    threshold: float
    num_seeds: int
    num_reached: int
    """The others never did: they are censored, not left out."""
    reached_fraction: Estimate
    """With the exact interval of Clopper & Pearson (1934)."""
    env_steps_median: float | None
    """None where fewer than half of the seeds reached it."""
    env_steps_low: float | None
    """Interval of the median from order statistics; None where the seeds are too few."""
    env_steps_high: float | None
    """None where the seeds are too few, or the upper end is censored."""
    train_seconds_median: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published number, beside the best that this experiment reached on the same environment."""

    env: str
    who: str
    algorithm: str
    published: str
    """The number as published, with its spread: `488.7 ± 16.1`."""
    value: float
    budget_env_steps: int | None
    num_seeds: int | None
    protocol: str
    source: str
    ours: tuple[tuple[str, float, int], ...]
    """(agent, mean return over seeds, largest env steps of a run) of every agent whose algorithm has that name, else of all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CostRow:
    """What an agent's finished runs on one environment took; medians over seeds."""

    agent: str
    env: str
    num_runs: int
    env_steps: float
    env_steps_per_second: float | None
    """Of training, without compilation and evaluation."""
    learner_steps_per_second: float | None
    start_seconds: float
    """Import, build and compilation."""
    train_seconds: float
    env_seconds: float
    """Of `train_seconds`, inside the environments."""
    act_seconds: float
    """Of `train_seconds`, choosing actions."""
    learn_seconds: float
    """Of `train_seconds`, updating."""
    other_seconds: float
    """The rest of `train_seconds`."""
    evaluate_seconds: float
    checkpoint_seconds: float
    cpu_seconds: float | None
    """Of the worker process."""
    total_cpu_hours: float | None
    """Sum over all runs, failed ones included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run, as read from its folder."""

    agent: str
    env: str
    seed: int
    status: str
    """As in `RunResult.status`, or `unfinished`."""
    reason: str
    return_mean: float | None
    """Of the final evaluation; None where there is none."""
    return_std: float | None
    """Over its episodes."""
    num_episodes: int
    score: float | None
    env_steps: int
    train_seconds: float | None
    cpu_seconds: float | None
    device: str
    machine: int
    """Index into `Report.machines`."""
    path: str
    """The run folder, relative to where the report was made if below it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A hyperparameter that not all agents share."""

    name: str
    values: Mapping[str, Any]
    """Agent -> value, or -> {environment: value} where it differs between them; agents that have no such hyperparameter are missing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the report of one experiment says."""

    title: str
    arena_version: str
    confidence: float
    """Of every interval."""
    num_envs_in_aggregates: int
    budget: Mapping[str, Any]
    """What all environments share of their budgets."""
    evaluation: Mapping[str, Any]
    """The evaluation protocol."""
    experiment_seed: int
    agents: tuple[AgentSummary, ...]
    """In the order in which tables list them: by name."""
    envs: tuple[EnvSummary, ...]
    results: tuple[EnvResult, ...]
    aggregates: tuple[Aggregate, ...]
    profiles: tuple[Profile, ...]
    pairs: tuple[Pair, ...]
    """Every pair of agents once, x before y by name."""
    decisions: tuple[SequentialComparison, ...]
    """Of experiments that added seeds until the ranking was decided."""
    curves: tuple[Curve, ...]
    rankings: tuple[RankingRow, ...]
    """First at equal env steps, then at equal seconds; each by rank."""
    times_to_threshold: tuple[TimeToThreshold, ...]
    published: tuple[PublishedRow, ...]
    costs: tuple[CostRow, ...]
    differences: tuple[Difference, ...]
    runs: tuple[RunRow, ...]
    machines: tuple[Mapping[str, Any], ...]
    """Distinct machines, as `arena.machine.description.machine_info` describes them."""
    commits: tuple[str, ...]
    """Distinct git commits that the runs were made from, `+` behind those with uncommitted changes."""
    experiment_file: str
    """TOML from which `arena run` repeats the experiment, put together from the run folders; `arena report` writes it beside the page."""
    commands: tuple[str, ...]
    """What repeats the experiment with that file, and then this report."""
    notes: tuple[str, ...]
    """What a reader must know: failed runs and how they enter, missing runs, differing versions or machines, missing intervals."""
