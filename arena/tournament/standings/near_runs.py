"""The run folders that standings follow: those near a tournament, since its document may be a stranger's and name any path."""

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path

from arena.run_folder.record import RunRecord, readable
from arena.tournament.tournament import Tournament


def with_near_runs(tournament: Tournament, allow: Collection[str] = ()) -> tuple[Tournament, tuple[Path, ...]]:
    """Returns the tournament without the run folders that are far away, and those; nothing in them has been read.

    A run folder is near if it lies, links followed, below the folder that holds the tournament's, below the current directory, or below
    a folder of `allow`.

    Args:
        tournament: The tournament as its folder says.
        allow: Folders for which the user gives their word; other names in it, such as environments, mean nothing here.
    """
    roots = [_resolved(tournament.path).parent, Path.cwd(), *(_resolved(Path(path)) for path in allow)]
    far: list[Path] = []

    def is_near(run: Path) -> bool:
        resolved = _resolved(run)
        if any(resolved.is_relative_to(root) for root in roots):
            return True
        far.append(resolved)
        return False

    players = tuple(
        dataclasses.replace(player, runs={env: run for env, run in player.runs.items() if is_near(run)}) for player in tournament.players
    )
    return dataclasses.replace(tournament, players=players), tuple(dict.fromkeys(far))


def readable_runs(tournament: Tournament) -> tuple[dict[Path, RunRecord], tuple[str, ...]]:
    """Returns the records of the tournament's run folders, and a sentence for each folder that is there and cannot be read."""
    there = dict.fromkeys(run for player in tournament.players for run in player.runs.values() if run.is_dir())
    records, left_out = readable(there)
    notes = tuple(f"left out of costs and learning curves: {_resolved(each.path)}, because {each.reason}" for each in left_out)
    return {record.path: record for record in records}, notes


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike `Path.resolve`, takes links that lead to each other
