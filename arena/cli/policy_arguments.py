"""Policies as the command line names them: a policy file, a run folder, or a folder of runs; `NAME=PATH` names one."""

import collections
import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

from arena.agent.registry import agent_ids
from arena.environments.config import EnvConfig
from arena.environments.user_modules import full_id
from arena.errors import ArenaError, did_you_mean
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord, readable, run_folders
from arena.terminal.output import complain
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.player_arguments import split_argument
from arena.tournament.entry.run_players import envs_of


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
        _check_exists(argument)
        name, path = split_argument(argument)
        found += _of_folder(path, name) if path.is_dir() else [GivenPolicy(name or path.stem, path)]
    counts = collections.Counter(policy.name for policy in found)
    return [policy if counts[policy.name] == 1 else dataclasses.replace(policy, name=str(policy.path)) for policy in found]


def split_env(arguments: Sequence[str], allow: Collection[str] = ()) -> tuple[list[str], EnvConfig]:
    """Returns the policies and the environment that arguments name: the last is its id, or it is that of all runs.

    Args:
        arguments: Policies, and perhaps the id of an environment.
        allow: Import paths and files that run folders may name.

    Raises:
        ArenaError: If no environment is named, runs are of several, or a run's needs the user's word.
    """
    *paths, last = arguments
    if not paths:
        _check_exists(last)
    if paths and not _is_policy(last):
        return paths, EnvConfig(full_id(last))
    envs = envs_of([argument for argument in arguments if _is_policy(argument)], allow)
    if len(envs) != 1:
        named = f"; the runs are of {', '.join(env.name for env in envs)}" if envs else ""
        raise ArenaError(f"say on which environment: its id comes last, CartPole-v1 say{named}")
    return list(arguments), envs[0]


def _is_policy(argument: str) -> bool:
    return Path(argument).exists() or ("=" in argument and Path(argument.partition("=")[2]).exists())


def _check_exists(argument: str) -> None:
    """Refuses what is no path; the players of tournaments, which have other names too, are named in other words."""
    if argument == RANDOM or not _is_policy(argument):
        path = argument.partition("=")[2] if "=" in argument else argument
        if path in agent_ids() and path != RANDOM:
            raise ArenaError(f"{path} is an agent, which has no policy before it is trained: arena train {path} CartPole-v1")
        near = did_you_mean(Path(path).name, (found.name for found in Path(path).absolute().parent.glob("*.onnx")))
        raise ArenaError(f"no policy {path!r}{near} (a policy file, or the folder of a run or of an experiment)")


def _of_folder(folder: Path, name: str | None) -> list[GivenPolicy]:
    records, damaged = readable(run_folders(folder))
    with_policy = [record for record in records if RunDir(record.path).folder.kind(record.files.policy.name) == "file"]
    missing = [record for record in records if record not in with_policy]
    reasons = [str(each) for each in damaged] + [f"{record.path} has no policy.onnx yet" for record in missing]
    if not with_policy:
        raise ArenaError(f"{folder} holds no policy: {'; '.join(reasons[:3]) or 'no run folder (run.json) is in it'}")
    if reasons:
        more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        complain(f"arena: left out of {folder}: {'; '.join(reasons[:3])}{more}")
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
