"""What a report and a tournament claim of an experiment with a known answer: the same code by which real ones are judged."""

from pathlib import Path

from arena.calibration.known_skill import ENV_ID
from arena.environments.config import EnvConfig
from arena.environments.references import Catalogue
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.verdict import judge
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.find_players import find_players
from arena.tournament.entry.player import RANDOM
from arena.tournament.play.play_tournament import play
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules, Tournament

Claims = frozenset[tuple[str, str]]
"""Pairs (better, worse) that are claimed."""
NUM_DUELS = 10
"""Duels of each pair of players in a tournament."""


def report_claims(folder: Path) -> Claims:
    """Returns the pairs of agents of which a report on the runs below `folder` says that the first beats the second."""
    runs = load_runs([folder]).runs
    return judge(build_report(runs, Catalogue(references={}, published=()), title="calibration", command="arena calibrate")).better


def tournament_claims(folder: Path, path: Path, *, seed: int) -> Claims:
    """Plays a tournament of the runs below `folder`; returns the pairs of agents of which it says that the first is ahead of the second.

    One is ahead if every rank that is not excluded for it is above every one of the other.

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
    rows = [row for row in compute_standings(path).rows if row.entrant != RANDOM]
    return frozenset((one.entrant, other.entrant) for one in rows for other in rows if one.rank_high < other.rank_low)
