"""Policies as the command line names them: a policy file, a run folder, or a folder of runs; `NAME=PATH` names one."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord, readable, run_folders
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.player_arguments import split_argument


@dataclasses.dataclass(frozen=True)
class GivenPolicy:
    """A policy that the command line names."""

    name: str
    """Name for tables, unlike that of any other policy of the command."""
    path: Path
    """The policy file, which may be a stranger's."""
    record: RunRecord | None = None
    """Run that it comes from; None for a file of its own."""


def given_policies(arguments: Sequence[str]) -> list[GivenPolicy]:
    """Returns the policies that arguments name: for a folder, those of all runs below it that have one.

    Args:
        arguments: Policy files, run folders, or folders of runs; `NAME=PATH` names the policy, or begins the names of several.

    Raises:
        ArenaError: If a path is missing, a folder holds no policy, or its only run is damaged; says which and why.
    """
    found: list[GivenPolicy] = []
    for argument in arguments:
        if argument == RANDOM:
            raise ArenaError(f"{RANDOM!r} is no policy file; name a policy file, or a folder of runs")
        name, path = split_argument(argument)
        found += _of_folder(path, name) if path.is_dir() else [GivenPolicy(name or path.stem, path)]
    counts = collections.Counter(policy.name for policy in found)
    return [policy if counts[policy.name] == 1 else dataclasses.replace(policy, name=str(policy.path)) for policy in found]


def _of_folder(folder: Path, name: str | None) -> list[GivenPolicy]:
    records, damaged = readable(run_folders(folder))
    with_policy = [record for record in records if RunDir(record.path).folder.kind(record.files.policy.name) == "file"]
    if not with_policy:
        reasons = [str(each) for each in damaged] + [f"{record.path} has no policy.onnx yet" for record in records]
        raise ArenaError(f"{folder} holds no policy: {'; '.join(reasons[:3]) or 'no run folder (run.json) is in it'}")
    names = [record.run.name for record in with_policy]
    if name is not None:
        names = [name] if len(names) == 1 else [f"{name}/{each}" for each in names]
    return [GivenPolicy(each, record.files.policy, record) for each, record in zip(names, with_policy, strict=True)]


def one_policy(argument: str) -> GivenPolicy:
    """Returns the policy that an argument names; raises as `given_policies`, and where there are several."""
    found = given_policies([argument])
    if len(found) > 1:
        raise ArenaError(f"{argument} holds {len(found)} policies; name one of them, {found[0].path} say")
    return found[0]
