"""The report as plain data: what `arena report` prints, writes as CSV and JSON, and renders as HTML.

Tuples of numbers are in the order that each field names. Env steps are counts, durations wall seconds. A *score* is a normalised
return: 0 for uniformly random actions, 1 for a solved environment (`arena.environments.references`). Agents are named as in the
experiment's file.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from arena.report.listings import AgentSummary, CostRow, Difference, EnvSummary, PublishedRow, RunRow
from arena.statistics.comparison import AgentPair
from arena.statistics.estimate import Estimate
from arena.statistics.ties import Rank

Axis = Literal["env_steps", "train_seconds"]
"""Axis of learning curves and rankings."""
MetricName = Literal["iqm", "mean", "median", "optimality_gap"]
"""Name in `arena.statistics.metrics.METRICS`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvResult:
    """An agent's final evaluations on one environment."""

    agent: str
    """Name of the agent."""
    env: str
    """Name of the environment."""
    seeds: tuple[int, ...]
    """The S training seeds whose runs finished or failed."""
    returns: tuple[float, ...]
    """`[S]`, mean final return of each seed; a failed run takes `EnvSummary.failed_return`."""
    failed: tuple[bool, ...]
    """`[S]`, whether the run failed."""
    return_mean: Estimate
    """Mean return over seeds."""
    score_iqm: Estimate | None
    """IQM of the scores over seeds; None without references."""
    num_solved: int
    """Number of seeds whose mean final return reaches `EnvSummary.solved_return`."""
    metrics: Mapping[str, Estimate] = dataclasses.field(default_factory=dict)
    """Mean over the seeds that finished of each metric from `info` (`evaluation.info_metrics`), in the final evaluation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One metric of an agent's scores over all environments that have references and that every agent was trained on."""

    agent: str
    """Name of the agent."""
    metric: MetricName
    """Name of the metric."""
    estimate: Estimate
    """The metric over all runs, failed ones included."""
    without_failed: Estimate | None
    """The metric without failed runs; None if none failed or nothing is left."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Performance profile (Dolan and Moré, 2002): the fraction of runs that score above each threshold."""

    agent: str
    """Name of the agent."""
    thresholds: tuple[float, ...]
    """`[T]`, scores in ascending order; the same for every agent."""
    fractions: tuple[float, ...]
    """`[T]`, fraction of runs above each threshold, in [0, 1]."""
    low: tuple[float, ...]
    """`[T]`, lower ends of the pointwise intervals."""
    high: tuple[float, ...]
    """`[T]`, upper ends of the pointwise intervals."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreDifference:
    """How much more one agent scores than another, over the environments that `Aggregate` is over; each interval holds by itself."""

    x: str
    """Name of the first agent."""
    y: str
    """Name of the second agent, after `x` in the alphabet."""
    mean: Estimate
    """Mean score of x minus that of y."""
    iqm: Estimate
    """IQM of x minus that of y."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvPair:
    """Two agents on one environment."""

    env: str
    """Name of the environment."""
    pair: AgentPair
    """Test of the two there; `p_value_joint` is corrected for all pairs on all environments."""
    return_difference: Estimate
    """Mean return of `pair.x` minus that of `pair.y`, failed runs included; the interval holds by itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequentialVerdict:
    """What a sequential comparison says of two agents."""

    agent: str
    """Name of the first agent."""
    other: str
    """Name of the second agent."""
    verdict: str
    """`better` or `worse` if `agent` is better or worse than `other`, `equal` if neither is by much; else `undecided`."""

    @property
    def claim(self) -> tuple[str, str] | None:
        """The better and the worse of the two agents; None if it is undecided."""
        return {"better": (self.agent, self.other), "worse": (self.other, self.agent)}.get(self.verdict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequentialComparison:
    """An experiment with `seeds = "until-decided"`: its rule, the seeds that it took, and what was decided (`decision.json`)."""

    experiment: str
    """Folder of the experiment."""
    group_size: int
    """Seeds added to every agent still compared, between two looks."""
    max_seeds: int
    """Largest number of seeds of an agent."""
    alpha: float
    """Largest probability of any wrong claim, over all its pairs and looks together."""
    equal_within: float | None = None
    """Distance of P(improvement) from an even chance within which two agents count as equal; None if no pair is declared equal."""
    envs: tuple[str, ...]
    """Names of the environments."""
    look: int
    """Looks taken so far."""
    finished: bool
    """Whether no more seeds are to be added."""
    num_seeds: Mapping[str, int]
    """Agent -> seeds that it took."""
    verdicts: tuple[SequentialVerdict, ...]
    """Verdicts on all pairs: one family, tested together."""

    @property
    def num_looks(self) -> int:
        """Looks that the rule allows."""
        return self.max_seeds // self.group_size


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanCurve:
    """A learning curve, mean over training seeds with pointwise intervals: the greedy policy as training left it at each point."""

    agent: str
    """Name of the agent."""
    env: str | None
    """Name of the environment; None for the mean score over environments."""
    axis: Axis
    """Axis of `x`."""
    x: tuple[float, ...]
    """`[P]`, env steps or seconds of training, ascending; the same grid for every agent on this environment and axis."""
    values: tuple[float, ...]
    """`[P]`, mean over seeds: returns, or scores if `env` is None. A run that ended earlier keeps its last value."""
    low: tuple[float | None, ...]
    """`[P]`, lower ends of the intervals; None at points without one."""
    high: tuple[float | None, ...]
    """`[P]`, upper ends of the intervals; None at points without one."""
    num_seeds: int
    """Smallest number of seeds on any environment."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingRow:
    """An agent's place when all are given the same env steps, or the same seconds."""

    axis: Axis
    """What all agents are given the same amount of."""
    rank: Rank
    """Rank by `area`, with the ranks that are not excluded: intervals that hold at once for all agents of the axis decide."""
    agent: str
    """Name of the agent."""
    area: Estimate
    """Mean score over the axis up to `horizon`: area under the learning curve divided by its length. A failed run takes
    `EnvSummary.failed_return` all along, whatever it had reached before."""
    horizon: float
    """Largest env steps or seconds of training of any run; a run that ended earlier keeps its last score."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeToThreshold:
    """When an agent's selection evaluations first reached the environment's solved return."""

    agent: str
    """Name of the agent."""
    env: str
    """Name of the environment."""
    threshold: float
    """The solved return."""
    num_seeds: int
    """Training seeds with an outcome."""
    num_reached: int
    """Seeds that reached the threshold and did not fail. The others are censored, not left out."""
    reached_fraction: Estimate
    """Fraction of seeds that reached the threshold, with the exact interval of Clopper and Pearson (1934)."""
    env_steps_median: float | None
    """Median env steps until the threshold; None if fewer than half of the seeds reached it."""
    env_steps_low: float | None
    """Lower end of the median's interval, from order statistics; None if the seeds are too few."""
    env_steps_high: float | None
    """Upper end of the median's interval; None if the seeds are too few, or if it is censored."""
    train_seconds_median: float | None
    """Median seconds of training until the threshold; None if fewer than half of the seeds reached it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeedRow:
    """How soon an agent was there, on an environment whose best possible return most reach."""

    agent: str
    """Name of the agent."""
    rank: Rank
    """Rank by the median of env steps until the threshold, with the ranks that the tests of pairs do not exclude."""
    num_at_bound: int
    """Seeds whose mean final return is the best possible one, or within 1% of the way from random play to it."""
    time: TimeToThreshold
    """Env steps until the threshold, with their interval."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SaturatedEnv:
    """An environment that cannot tell these agents apart by their returns."""

    env: str
    """Name of the environment."""
    bound: float
    """The best possible return."""
    threshold: float
    """The solved return, to which speed is measured."""
    rows: tuple[SpeedRow, ...]
    """The agents, by rank."""
    faster: tuple[tuple[str, str], ...]
    """Pairs (faster, slower) that are decided, all together at 5%."""

    def sentence(self) -> str:
        """Returns what the environment cannot show, in words."""
        num_agents = sum(row.num_at_bound > row.time.num_seeds / 2 for row in self.rows)
        return (
            f"{self.env} cannot tell these agents apart: most seeds of {num_agents} of {len(self.rows)} agents stand at the best possible "
            f"return there, {self.bound:g}."
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentReport:
    """Everything that the report of one experiment says."""

    title: str
    """Title of the page, and name of the experiment that repeats this one."""
    arena_version: str
    """Version of the arena that made the report."""
    confidence: float
    """Confidence of every interval, such as 0.95."""
    equal_within: float
    """Distance of P(improvement) from an even chance within which two agents count as equal."""
    num_envs_in_aggregates: int
    """Number of environments that `aggregates` are over."""
    budget: Mapping[str, Any]
    """Parts of the budget that all environments share."""
    evaluation: Mapping[str, Any]
    """The evaluation protocol."""
    circumstances: str
    """Sentence about the load of the machine and the number of runs at a time, which change what equal seconds mean; empty if neither was
    recorded."""
    experiment_seed: int
    """Seed of the experiment, from which evaluation starts are derived."""
    agents: tuple[AgentSummary, ...]
    """The agents, by name: the order of all tables."""
    envs: tuple[EnvSummary, ...]
    """The environments, by name."""
    results: tuple[EnvResult, ...]
    """Final evaluations, by agent and environment."""
    aggregates: tuple[Aggregate, ...]
    """Metrics of scores over environments, by agent."""
    profiles: tuple[Profile, ...]
    """Performance profiles, by agent."""
    pairs: tuple[AgentPair, ...]
    """Every pair of agents once, x before y by name."""
    score_differences: tuple[ScoreDifference, ...]
    """Differences of scores of every pair of agents, in the order of `pairs`; none without references."""
    env_pairs: tuple[EnvPair, ...]
    """Every pair of agents on each environment, by environment."""
    decisions: tuple[SequentialComparison, ...]
    """Sequential comparisons: experiments that added seeds until the ranking was decided."""
    curves: tuple[MeanCurve, ...]
    """Learning curves, by axis, environment and agent."""
    rankings: tuple[RankingRow, ...]
    """Two rankings: first at equal env steps, then at equal seconds; each by rank."""
    times_to_threshold: tuple[TimeToThreshold, ...]
    """When agents reached the solved return, by environment and agent."""
    saturated: tuple[SaturatedEnv, ...]
    """Environments on which most seeds of most agents reach the best possible return."""
    published: tuple[PublishedRow, ...]
    """Published numbers on the same environments."""
    costs: tuple[CostRow, ...]
    """What runs took, by agent and environment."""
    differences: tuple[Difference, ...]
    """Hyperparameters that not all agents share."""
    runs: tuple[RunRow, ...]
    """All runs, by agent, environment and seed."""
    machines: tuple[Mapping[str, Any], ...]
    """Distinct machines, as `arena.machine.description.machine_info` describes them."""
    commits: tuple[str, ...]
    """Distinct git commits that the runs were made from, with `+` after those with uncommitted changes."""
    experiment_file: str
    """TOML from which `arena run` repeats the experiment, put together from the run folders; `arena report` writes it beside the page."""
    commands: tuple[str, ...]
    """Commands that repeat the experiment with `experiment_file`, and then this report."""
    left_out: tuple[str, ...]
    """Sentences that name what could not be read, each with the reason; they are among the notes too."""
    notes: tuple[str, ...]
    """What a reader must know: failed runs and how they count, missing runs, differing versions or machines, missing intervals."""
