"""The runs that can take part in a tournament, finished and failed ones.

No policy is opened, and no module that a folder names is imported.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.word import names_without_word, refuse_without_word, with_word
from arena.errors import ArenaError
from arena.formats.readable import one_line
from arena.run_folder.copies import find_copies
from arena.run_folder.record import RunRecord, readable, run_folders
from arena.statistics.outcomes import is_failure
from arena.tournament.entry.entrants import checked_entrant
from arena.tournament.entry.env_spaces import Spaces, env_spaces
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.player_arguments import folders


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunPlayer:
    """One run as a part of a player: its policy plays one environment, or it failed and has none."""

    player: str
    """Name of the player: entrant and training seed."""
    entrant: str
    """Name of the entrant: the agent's name in its experiment, or the name that the user gave."""
    env_name: str
    """Name of the environment that the policy plays in the tournament."""
    policy: Path | None
    """The run's `policy.onnx`, not yet admitted; None for a run that failed, whatever it left."""
    failure: str
    """Status and reason of a run that failed; empty for a finished one."""
    run: Path
    """The run folder."""
    origin: Mapping[str, Any]
    """What was trained, as in `Player.origins`."""


def run_players(
    folder: Path, name: str | None, spaces: Mapping[str, Spaces], allow: Collection[str] = ()
) -> tuple[list[RunPlayer], list[str]]:
    """Returns the runs below a folder that take part, and a sentence for each run that cannot, or that cannot be read.

    Args:
        folder: A run folder, or a folder of runs.
        name: Name of the entrant; None takes the agents' names. Several agents get their own names behind it.
        spaces: Environment name -> spaces of everything that is played.
        allow: Import paths and files that the runs may name (`arena.environments.word`).

    Raises:
        ArenaError: If no run can play, or an agent's name cannot name an entrant.
    """
    found, damaged = readable(run_folders(folder))
    runs = [run for run in map(_read_run, found) if run.agent != RANDOM]  # the random player takes part in any case
    num_agents = len({run.name for run in runs})
    players: list[RunPlayer] = []
    left_out = [f"{each.path}, because {each.reason}" for each in damaged]
    other_envs: set[str] = set()
    records = {record.path: record for record in found}
    copies = {copy.path: original.path for copy, original in find_copies(records.values()).items()}
    for run in runs:
        env_name = _played_env(with_word(run.env, allow), spaces)
        if env_name is None:
            other_envs.add(run.env.name)
            continue
        record = records[run.path]
        if run.path in copies:
            left_out.append(f"{run.path}: the same training episodes and evaluations as {copies[run.path]}, so it is no further seed")
            continue
        failure = _failure(record)
        if not failure and (reason := _unfit(record)):
            left_out.append(f"{run.path}: {reason}")
            continue
        entrant = checked_entrant(_entrant(run.name, name, num_agents), run.path)
        players.append(
            RunPlayer(
                player=f"{entrant}/seed-{run.seed}",
                entrant=entrant,
                env_name=env_name,
                policy=None if failure else record.files.policy,
                failure=failure,
                run=run.path,
                origin=run.origin,
            )
        )
    if not players:
        raise ArenaError(f"{folder} holds no player for {', '.join(spaces)}: {_why_none(other_envs, left_out)}")
    return players, left_out


def envs_of(arguments: Sequence[str], allow: Collection[str] = ()) -> list[EnvConfig]:
    """Returns the environments of all runs in the folders that `arguments` name, in the order of their names.

    Args:
        arguments: Players, as for `find_players`.
        allow: Import paths and files that the runs may name.

    Raises:
        ArenaError: If a path is missing, or a run is of an environment that needs the user's word, since making it could load code.
    """
    envs: dict[str, EnvConfig] = {}
    for run in sorted((run for folder in folders(arguments) for run in _runs(folder)), key=lambda run: run.env.name):
        env = with_word(run.env, allow)
        refuse_without_word(env, run.path / "run.json")
        envs[env.name] = env
    return list(envs.values())


def episode_limit(arguments: Sequence[str]) -> int | None:
    """Returns the length at which evaluations of the runs in folders cut episodes: the largest, if there are several; None for no limit.

    Args:
        arguments: Players, as for `find_players`.
    """
    return max((run.limit for folder in folders(arguments) for run in _runs(folder) if run.limit is not None), default=None)


@dataclasses.dataclass(frozen=True)
class _Run:
    """What a tournament must know of a run."""

    path: Path
    """The run folder."""
    agent: str
    """Id of the agent."""
    name: str
    """Name of the agent in its experiment."""
    env: EnvConfig
    """Environment that the agent was trained on."""
    seed: int
    """Training seed."""
    origin: Mapping[str, Any]
    """What was trained, as in `Player.origins`."""
    limit: int | None
    """Length at which the run's evaluations cut episodes."""


def _runs(folder: Path) -> list[_Run]:
    """Returns the runs below a folder whose inputs can be read; `run_players` names the others."""
    found = []
    for path in run_folders(folder):
        with contextlib.suppress(ArenaError):
            found.append(_read_run(RunRecord(path)))
    return found


def _read_run(record: RunRecord) -> _Run:
    run = record.run
    inputs = run.inputs()
    origin = {key: inputs["agent"][key] for key in ("agent", "hyperparameters", "init") if key in inputs["agent"]} | {
        key: inputs[key] for key in ("budget", "env")
    }
    return _Run(record.path, run.agent.agent, run.agent.name, run.env, run.seed, origin, run.evaluation.max_episode_steps)


def _entrant(agent_name: str, given_name: str | None, num_agents: int) -> str:
    if given_name is None:
        return agent_name
    return given_name if num_agents == 1 else f"{given_name}-{agent_name}"


def _played_env(env: EnvConfig, spaces: Mapping[str, Spaces]) -> str | None:
    """Returns the name of the played environment that a run's policy is for: its own, or the game that its own teaches."""
    if env.name in spaces:
        return env.name
    games = [name for name in spaces if is_game(name)]
    if not games or names_without_word(env):
        return None
    trained_on = env_spaces(env)
    return next((name for name in games if spaces[name] == trained_on), None)


def _failure(record: RunRecord) -> str:
    """Returns the status and reason of a run that failed, on one line; empty for any other run."""
    result = record.result
    if result is None or not is_failure(result.status):
        return ""
    return one_line(f"{result.status}: {result.reason}") if result.reason else result.status


def _unfit(record: RunRecord) -> str:
    """Returns the reason that keeps a run out; empty for a run that can play."""
    result = record.result
    if result is None:
        return "the run has not ended; resume it first"
    if result.status != "finished":
        return f"the run {result.status}: {result.reason}"
    return "" if record.files.policy.exists() else "policy.onnx is missing"


def _why_none(other_envs: set[str], left_out: Sequence[str]) -> str:
    if other_envs:
        return f"it was trained on {', '.join(sorted(other_envs))}"
    return "; ".join(left_out[:3]) or "no run folder (run.json) is in it"
