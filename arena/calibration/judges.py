"""What a report, a tournament and a sequential comparison claim of an experiment with a known answer.

They are the same code by which real experiments are judged.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from arena.calibration.fake_runs import fake_experiment, write_runs
from arena.calibration.known_skill import ENV_ID
from arena.environments.config import EnvConfig
from arena.environments.references import Catalogue
from arena.experiment.experiment import UntilDecided
from arena.experiment.until_decided import run_until_decided
from arena.report.build import EQUAL_WITHIN, build_report
from arena.report.load import load_runs
from arena.report.verdict import judge
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.find_players import find_players
from arena.tournament.entry.player import RANDOM
from arena.tournament.play.play_tournament import play
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules, Tournament

Pairs = frozenset[tuple[str, str]]
"""Pairs of agents."""
NUM_DUELS = 10
"""Duels of each pair of players in a tournament."""
NUM_LOOKS = 4
"""Looks of a sequential comparison at most."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What is claimed of the agents of one experiment."""

    better: Pairs
    """Pairs (better, worse) that are claimed."""
    equal: Pairs | None
    """Pairs, by name, that are called equal; None for a judge that calls none so."""
    num_seeds: float
    """Mean number of training seeds of an agent that the judge looked at."""


def by_report(folder: Path) -> Judged:
    """Returns what a report on the runs below `folder` claims."""
    runs = load_runs([folder]).runs
    verdict = judge(build_report(runs, Catalogue(references={}, published=()), title="calibration", command="arena calibrate"))
    return Judged(better=verdict.better, equal=verdict.equal, num_seeds=len(runs) / len({run.run.agent.name for run in runs}))


def by_tournament(folder: Path, path: Path, *, seed: int) -> Judged:
    """Plays a tournament of the runs below `folder`, and returns what its leaderboard claims.

    Args:
        folder: folder of the experiment.
        path: folder of the tournament.
        seed: seed of the initial states.
    """
    envs = (EnvConfig(ENV_ID),)
    with Admission(trusted=True) as admission:
        found = find_players([str(folder)], envs, admission)
        rules = Rules(episodes=NUM_DUELS, seed=seed)
        play(Tournament(path=path, players=found.players, envs=envs, rules=rules, left_out=found.left_out), workers=1, trusted=True)
    standings = compute_standings(path)
    rows = [row for row in standings.rows if row.entrant != RANDOM]
    better = frozenset(pair for pair in standings.better if RANDOM not in pair)
    return Judged(better=better, equal=None, num_seeds=sum(len(row.members) for row in rows) / len(rows))


def by_looking(folder: Path, skills: Mapping[str, np.ndarray], group_size: int, *, experiment_seed: int) -> Judged:
    """Runs `seeds = "until-decided"` among fake agents, and returns what the report on it claims.

    Pairs may also be decided to be equal.

    Args:
        folder: folder of the experiment; runs that it holds are not made again.
        skills: agent -> skill of each training seed, `float64 [S]`, with S of at least `NUM_LOOKS` groups; NaN for a run that crashes.
        group_size: seeds of every agent that is still compared, between two looks.
        experiment_seed: seed of the initial states of all evaluations.
    """
    rule = UntilDecided(group_size=group_size, max_seeds=NUM_LOOKS * group_size, equal_within=EQUAL_WITHIN)
    if all(np.isnan(values[:group_size]).all() for values in skills.values()):
        return Judged(better=frozenset(), equal=frozenset(), num_seeds=float(group_size))  # an error: nobody finished
    experiment = fake_experiment(folder, list(skills), group_size, experiment_seed=experiment_seed, until_decided=rule)
    run_until_decided(experiment, lambda group: write_runs(group, skills))
    return by_report(folder)
