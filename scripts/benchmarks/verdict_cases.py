"""Judges small experiments on which verdicts once misled: what was said then, and what is said now. Prints a table of docs/verdicts.md.

benchmark.py verdict-cases
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from arena.calibration.fake_runs import fake_experiment, write_runs
from arena.calibration.judges import by_tournament
from arena.environments.references import Catalogue
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.terminal import rank_words
from arena.report.verdict import ReportVerdict, judge
from arena.statistics.bootstrap import estimate
from arena.statistics.pair_tests import pair_tests
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.standings.standings import Standings
from benchmarks.options import option_parser

Case = Callable[[], tuple[str, str]]
"""Function that judges an experiment; returns what was said before, and what is said now."""


def judged(**skills: Sequence[float]) -> tuple[ReportVerdict, Standings]:
    """Returns what a report and a tournament say of agents whose training seeds have these skills; NaN crashes."""
    arrays: Mapping[str, np.ndarray] = {agent: np.asarray(values, np.float64) for agent, values in skills.items()}
    with tempfile.TemporaryDirectory() as root:
        folder, path = Path(root, "runs"), Path(root, "tournament")
        write_runs(fake_experiment(folder, list(arrays), len(next(iter(arrays.values()))), experiment_seed=0), arrays)
        runs = load_runs([folder]).runs
        verdict = judge(build_report(runs, Catalogue(references={}, published=()), title="cases", command="verdict-cases"))
        by_tournament(folder, path, seed=0)
        return verdict, compute_standings(path)


def crashes() -> tuple[str, str]:
    """Ten runs of which five crash and five are the best, against ten in the middle."""
    rng = np.random.default_rng(0)
    verdict, standings = judged(half=[*[np.nan] * 5, *rng.normal(10.0, 1.0, 5)], middle=rng.normal(0.0, 1.0, 10).tolist())
    return "report undecided, tournament: ahead of all others", (
        f"report: chance {verdict.chances['half']:.2f}, {verdict.claim('half', 'middle')}; tournament: {table_of(standings)}"
    )


def ties() -> tuple[str, str]:
    """Two agents whose runs return the same to the last digit."""
    skills = np.random.default_rng(0).normal(0.0, 1.0, 5).tolist()
    verdict, standings = judged(one=skills, two=skills)
    ranks = ", ".join(f"{agent} {rank_words(verdict.ranks[agent])}" for agent in verdict.order)
    return "one of them leads", f"report: {ranks}; tournament: {table_of(standings)}"


def three_seeds() -> tuple[str, str]:
    """Three agents of three seeds, 50 standard deviations apart."""
    rng = np.random.default_rng(0)
    verdict, _ = judged(**{f"agent-{place}": rng.normal(50.0 * place, 1.0, 3).tolist() for place in range(3)})
    return "ranks 1, 2, 3", ", ".join(rank_words(verdict.ranks[agent]) for agent in verdict.order)


def five_by_five() -> tuple[str, str]:
    """Five agents of five seeds, 80 points apart with a spread of 3."""
    rng = np.random.default_rng(0)
    agents = [rng.normal(80.0 * place, 3.0, 5) for place in range(5)]
    tests = pair_tests([[(x, y)] for place, x in enumerate(agents) for y in agents[place + 1 :]])
    _, standings = judged(**{f"agent-{place}": values.tolist() for place, values in enumerate(agents)})
    places = ", ".join(f"{row.rank_low}-{row.rank_high}" for row in standings.rows)
    return (
        "each pair p = 0.076",
        f"each pair p <= {max(test.p_value_joint for test in tests):.3f}; possible ranks in the tournament {places}",
    )


def above_the_bound() -> tuple[str, str]:
    """Intervals of IQMs near a ceiling of 1, of 200 agents with 10 seeds."""
    rng = np.random.default_rng(0)
    scores = np.minimum(rng.normal(0.97, 0.04, (200, 10, 1)), 1.0)
    ends = [estimate([each], "iqm", bounds=(0.0, 1.0)).high for each in scores]
    given = [end for end in ends if end is not None]
    return "163 of 197 end above 1", f"{sum(end > 1.0 for end in given)} of {len(given)} end above 1"


def table_of(standings: Standings) -> str:
    """Returns the ranks of all entrants but the random player, with the ranks that are not excluded, and their points."""
    rows = [row for row in standings.rows if row.entrant != "random"]
    return ", ".join(
        f"{row.entrant} {row.rank}{'=' if row.is_tied else ''} ({row.rank_low}-{row.rank_high}) {row.points.value:.0%}" for row in rows
    )


CASES: tuple[Case, ...] = (crashes, ties, three_seeds, five_by_five, above_the_bound)


def main(options: Sequence[str]) -> None:
    """Prints the table."""
    option_parser(__name__, __doc__).parse_args(options)
    print("| experiment | before | now |\n|---|---|---|")
    for case in CASES:
        before, now = case()
        print(f"| {(case.__doc__ or '').rstrip('.')} | {before} | {now} |", flush=True)
