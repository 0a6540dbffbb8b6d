"""How often the judges are wrong, measured on experiments with known answers.

Each experiment is made anew: agents of which it is known who is better, run folders of their training seeds, a report on them, a
tournament among them, and `seeds = "until-decided"`, which adds further seeds of the same agents. A claim is *wrong* if the first agent
is not better than the second; a difference is *missed* if nothing is claimed, or if the two are called equal.
"""

import dataclasses
import functools
import itertools
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import stats

from arena.calibration.fake_runs import fake_experiment, write_runs
from arena.calibration.judges import NUM_LOOKS, Judged, Pairs, by_looking, by_report, by_tournament
from arena.errors import ArenaError, did_you_mean
from arena.machine.process_pool import ProcessPool
from arena.seeding import simulation_rng
from arena.statistics.pair_tests import MAX_ERROR
from arena.statistics.proportions import standard_error
from arena.testing.seed_shapes import CRASHING, SHAPES, Design, Draw

JudgeName = Literal["report", "tournament", "until-decided"]
ALL_SHAPES: Mapping[str, Draw] = {**SHAPES, **CRASHING}
"""Distributions of what training seeds return, by name."""
ALARM = 0.001
"""Probability below which so many wrong claims are no chance, if the true share is 5%."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Experiments of one kind.

    Raises:
        ArenaError: if the shape is unknown, or a number is out of range.
    """

    shape: str
    """Name in `ALL_SHAPES`."""
    num_agents: int
    """Number of agents."""
    num_seeds: int
    """Training seeds of each agent; with until-decided, those between two looks."""
    difference: float
    """What each agent returns more than the one before, in standard deviations of steady seeds; 0 if all agents are equal."""

    def __post_init__(self) -> None:
        if self.shape not in ALL_SHAPES:
            raise ArenaError(f"no shape {self.shape!r}{did_you_mean(self.shape, ALL_SHAPES)} (there are: {', '.join(ALL_SHAPES)}; or all)")
        if self.num_agents < 2 or self.num_seeds < 2 or not 0.0 <= self.difference <= 100.0:
            raise ArenaError(
                f"{self.num_agents} agents, {self.num_seeds} seeds, a difference of {self.difference:g} standard deviations: a case needs "
                "at least 2 agents and 2 seeds, and a difference from 0 to 100"
            )

    def skills(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws the skill of each training seed, by agent: `agent-1` is better than `agent-0` if there is a difference.

        There are as many seeds as until-decided may ask for.
        """
        design = Design.even(self.num_agents, self.num_seeds * NUM_LOOKS, self.difference)
        return {f"agent-{place}": values for place, values in enumerate(design.draw(ALL_SHAPES[self.shape], rng))}

    @property
    def truth(self) -> Pairs:
        """The pairs (better, worse)."""
        agents = range(self.num_agents) if self.difference else ()
        return frozenset((f"agent-{better}", f"agent-{worse}") for worse, better in itertools.combinations(agents, 2))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What one judge claimed in all experiments of a case."""

    case: Case
    judge: JudgeName
    num_experiments: int
    wrong: float
    """Share of experiments with any wrong claim."""
    missed: float | None
    """Share of true differences of which nothing was claimed; None if all agents are equal."""
    equal: float | None
    """Share of pairs that were called equal; None for a judge that calls none so."""
    mean_seeds: float
    """Mean number of training seeds of an agent that the judge looked at."""

    @property
    def wrong_error(self) -> float:
        """Standard error of `wrong` by simulation."""
        return standard_error(self.wrong, self.num_experiments)

    @property
    def missed_error(self) -> float | None:
        """Standard error of `missed` by simulation, as if all pairs of an experiment were one."""
        return None if self.missed is None else standard_error(self.missed, self.num_experiments)

    @property
    def equal_error(self) -> float | None:
        """Standard error of `equal` by simulation, as if all pairs of an experiment were one."""
        return None if self.equal is None else standard_error(self.equal, self.num_experiments)

    @property
    def is_alarming(self) -> bool:
        """Whether there are more wrong claims than 5% would give by chance."""
        count = round(self.wrong * self.num_experiments)
        return bool(stats.binom.sf(count - 1, self.num_experiments, MAX_ERROR) < ALARM)


def judged(
    cases: Sequence[Case],
    num_experiments: int,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Row]:
    """Returns what a report, a tournament and until-decided claim in experiments of every case, a row for each.

    Args:
        cases: kinds of experiments.
        num_experiments: number of experiments of each case.
        seed: seed of all experiments; the same seed gives the same rows.
        workers: number of processes; one works in this process.
        progress: function told of the experiments that are done.

    Raises:
        ArenaError: if a process dies.
    """
    tasks = [(case, place) for case in cases for place in range(num_experiments)]
    judge = functools.partial(_judge, seed=seed)
    claims: list[dict[JudgeName, Judged]] = []
    if workers == 1:
        for each in map(judge, tasks):
            claims.append(each)
            progress(len(claims), len(tasks))
    else:
        with ProcessPool(workers) as pool:
            try:
                for each in pool.map(judge, tasks):
                    claims.append(each)
                    progress(len(claims), len(tasks))
            except BrokenProcessPool as error:
                raise ArenaError("a process that judged experiments died, perhaps for want of memory; try --workers 1") from error
    rows = []
    for place, case in enumerate(cases):
        own = claims[place * num_experiments : (place + 1) * num_experiments]
        rows += [_row(case, judge, [each[judge] for each in own]) for judge in own[0]]
    return rows


def _judge(task: tuple[Case, int], *, seed: int) -> dict[JudgeName, Judged]:
    """Makes one experiment, and returns what each judge claims of it."""
    case, place = task
    experiment_seed = int(simulation_rng(seed, place).integers(2**31))
    skills = case.skills(simulation_rng(seed, place, 1))
    with tempfile.TemporaryDirectory(prefix="arena-calibrate-") as root:
        folder = Path(root, "runs")
        write_runs(fake_experiment(folder, list(skills), case.num_seeds, experiment_seed=experiment_seed), skills)
        return {
            "report": by_report(folder),
            "tournament": by_tournament(folder, Path(root, "tournament"), seed=experiment_seed),
            "until-decided": by_looking(folder, skills, case.num_seeds, experiment_seed=experiment_seed),  # last, for it adds runs
        }


def _row(case: Case, judge: JudgeName, claims: Sequence[Judged]) -> Row:
    truth, num_pairs = case.truth, math.comb(case.num_agents, 2)
    equal = [len(each.equal) / num_pairs for each in claims if each.equal is not None]
    return Row(
        case=case,
        judge=judge,
        num_experiments=len(claims),
        wrong=float(np.mean([bool(each.better - truth) for each in claims])),
        missed=float(np.mean([len(truth - each.better) / len(truth) for each in claims])) if truth else None,
        equal=float(np.mean(equal)) if equal else None,
        mean_seeds=float(np.mean([each.num_seeds for each in claims])),
    )
