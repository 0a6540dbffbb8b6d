"""Who takes part: policy files, run folders, whole experiments, and the uniformly random player.

A *player* is one policy for each environment it plays; an *entrant* is what is ranked: one agent, whose players are its training seeds, or
a single policy. A player of several environments is the same agent trained with the same seed on each.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from arena.agent.registry import agent_ids
from arena.environments.config import EnvConfig
from arena.environments.games import Game, is_game
from arena.environments.make import make_env
from arena.environments.plugins import registered_spec
from arena.errors import ArenaError, did_you_mean
from arena.formats.differences import sides
from arena.policies.policy import OnnxPolicy, Policy, UniformPolicy
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord, run_folders
from arena.tournament.faults import short

RANDOM = "random"
"""The player that draws uniformly from the allowed actions; its rating is the zero of the scale."""

RESERVED = frozenset("/~[]")
"""Characters that separate names in the ids of matches, or mark text up on the terminal; entrants have none in their names."""

Spaces = tuple[gym.Space[Any], gym.Space[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Player:
    """Someone who plays."""

    name: str
    """Unique: `keras-dqn/seed-0`, or the entrant's where that has one policy."""
    entrant: str
    """What is ranked."""
    policies: Mapping[str, Path]
    """Environment name -> `policy.onnx`; empty for the random player, who plays everywhere."""
    runs: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    """Environment name -> run folder, where there is one."""
    origins: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Environment name -> what was trained: `agent` (its id), `hyperparameters`, `budget` and `env` of the run."""

    def plays(self, env_name: str) -> bool:
        """Returns whether the player has a policy for the environment."""
        return self.entrant == RANDOM or env_name in self.policies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """Everyone who takes part."""

    players: tuple[Player, ...]
    left_out: tuple[str, ...] = ()
    """Runs of given folders that cannot take part, each with the reason."""


def env_spaces(env: EnvConfig) -> Spaces:
    """Returns the observation and action space that policies meet on an environment or in a game."""
    if is_game(env.id):
        if env.kwargs:
            raise ArenaError(f"game {env.id!r} takes no arguments; got {dict(env.kwargs)}")
        try:
            game = Game(env.id)
            game.close()
        except ArenaError:
            raise
        except Exception as error:  # of another package's code
            raise ArenaError(f"game {env.id} failed when it was made: {type(error).__name__}: {short(error)}") from error
        return game.observation_space, game.action_space
    made = make_env(env)
    made.close()
    return made.observation_space, made.action_space


def make_policy(path: Path | None, spaces: Spaces, rng: np.random.Generator) -> Policy:
    """Returns the policy of a file, or the uniformly random one, drawing from `rng`, where there is none."""
    return UniformPolicy(spaces[1], rng, spaces[0]) if path is None else _onnx_policy(path)


@functools.lru_cache(maxsize=256)
def _onnx_policy(path: Path) -> OnnxPolicy:
    return OnnxPolicy(path)


def find_players(arguments: Sequence[str], envs: Sequence[EnvConfig]) -> Field:
    """Returns the players that `arguments` name, and the random one.

    Args:
        arguments: a policy file, a run folder, a folder of runs, or `random`; `NAME=PATH` names the entrant.
        envs: what is played.

    Raises:
        ArenaError: if a path is missing, a policy does not fit, a run is of another environment or has no policy, a name cannot
            stand in the ids of matches, two players have one name, or an entrant would be two things.
    """
    spaces = {env.name: env_spaces(env) for env in envs}
    players = {RANDOM: Player(name=RANDOM, entrant=RANDOM, policies={})}
    left_out: list[str] = []
    for argument in arguments:
        if argument == RANDOM:
            continue
        name, path = _split(argument)
        if path.is_dir():
            found, reasons = _from_folder(path, name, spaces)
            left_out += reasons
        else:
            found = [_from_file(path, checked_entrant(name or path.stem, path), spaces)]
        for player in found:
            other = players.get(player.name)
            players[player.name] = player if other is None else _joined(other, player)
    entrants = {player.entrant for player in players.values()}
    if len(entrants) < 2:
        raise ArenaError("a tournament needs at least one player besides the random one")
    check_entrants(players.values())
    return Field(players=tuple(players.values()), left_out=tuple(left_out))


def policy_files(arguments: Sequence[str]) -> list[Path]:
    """Returns the policies of all players that `arguments` name, as `find_players` would read them; none of them is opened.

    Raises:
        ArenaError: if a path is missing or a run folder cannot be read.
    """
    files = []
    for path in (_split(argument)[1] for argument in arguments if argument != RANDOM):
        runs = [RunDir(run.path) for run in _runs(path) if run.agent != RANDOM] if path.is_dir() else []
        files += [run.policy for run in runs if not _unfit(run)] if path.is_dir() else [path]
    return files


def checked_entrant(name: str, where: Path) -> str:
    """Returns the name of an entrant; ids of matches are built of such names, and tables print them.

    Raises:
        ArenaError: if matches of two pairs could get one id by it, or it cannot be printed; begins with `where`.
    """
    if name == RANDOM:
        raise ArenaError(f"{where}: {RANDOM!r} is the name of the uniformly random player; give NAME=PATH")
    if not name or name != name.strip() or not name.isprintable() or not RESERVED.isdisjoint(name):
        reserved = ", ".join(map(repr, sorted(RESERVED)))
        raise ArenaError(
            f"{where}: {name!r} cannot name an entrant; give NAME=PATH, the name without {reserved} and unprintable characters"
        )
    return name


def check_entrants(players: Iterable[Player]) -> None:
    """Refuses an entrant that would be two things: a policy file and runs, or runs of different agents, settings or environments.

    Raises:
        ArenaError: naming both and what differs.
    """
    firsts: dict[str, Player] = {}
    trained: dict[tuple[str, str], tuple[Path, Mapping[str, Any]]] = {}
    for player in players:
        other = firsts.setdefault(player.entrant, player)
        if bool(other.runs) != bool(player.runs):
            file, run = (other, player) if player.runs else (player, other)
            paths = next(iter(file.policies.values())), next(iter(run.runs.values()))
            raise ArenaError(f"entrant {player.entrant!r} would be both policy file {paths[0]} and run {paths[1]}; give one as NAME=PATH")
        for env, origin in player.origins.items():
            path = player.runs[env]
            # An environment may have settings of its own; what the name stands for is the same everywhere.
            for key, here in ((env, origin), ("", {"agent": origin["agent"]})):
                other_path, there = trained.setdefault((player.entrant, key), (path, here))
                for part in (part for part in here if here[part] != there.get(part)):
                    one, two = sides(there.get(part), here[part])
                    raise ArenaError(
                        f"entrant {player.entrant!r} would be two agents: {other_path} has {part} {one}, {path} has {two}; "
                        "give one as NAME=PATH"
                    )


def envs_of(arguments: Sequence[str]) -> list[EnvConfig]:
    """Returns the environments of all runs in the folders that `arguments` name, in the order of their names."""
    folders = [path for _, path in map(_split, arguments) if path.is_dir()]
    envs = [run.env for folder in folders for run in _runs(folder)]
    for env in envs:
        if not _is_registered(env):
            raise ArenaError(
                f"runs say that they are of {env.id!r}, which is not a registered environment; if you trust it, say --env {env.id}"
            )
    return list({env.name: env for env in sorted(envs, key=lambda env: env.name)}.values())


def _split(argument: str) -> tuple[str | None, Path]:
    name, equals, path = argument.partition("=")
    if equals and not Path(argument).exists():  # '=' may stand in a path: run folders of environments with arguments have it
        return checked_entrant(name, Path(argument)), _existing(path)
    return None, _existing(argument)


def _existing(path: str) -> Path:
    if path != RANDOM and not Path(path).exists():
        known = did_you_mean(path, agent_ids())
        raise ArenaError(f"no player {path!r}{known} (a policy file, a run's or an experiment's folder, an agent's id, or '{RANDOM}')")
    return Path(path)


def _from_file(path: Path, name: str, spaces: Mapping[str, Spaces]) -> Player:
    for env_name in spaces:
        _check(path, env_name, spaces)
    return Player(name=name, entrant=name, policies=dict.fromkeys(spaces, path))


def _check(path: Path, env_name: str, spaces: Mapping[str, Spaces]) -> None:
    OnnxPolicy(path).signature.check(*spaces[env_name], where=f"{env_name}: policy {path}")


def _from_folder(folder: Path, name: str | None, spaces: Mapping[str, Spaces]) -> tuple[list[Player], list[str]]:
    runs = [run for run in _runs(folder) if run.agent != RANDOM]  # the random player itself takes part anyway
    num_agents = len({run.name for run in runs})
    players: dict[str, Player] = {}
    left_out, others = [], set()
    for run in runs:
        env_name = _played_env(run.env, spaces)
        if env_name is None:
            others.add(run.env.name)
            continue
        if reason := _unfit(RunDir(run.path)):
            left_out.append(f"{run.path}: {reason}")
            continue
        policy = RunDir(run.path).policy
        _check(policy, env_name, spaces)
        entrant = checked_entrant(run.name if name is None else name if num_agents == 1 else f"{name}-{run.name}", run.path)
        player = Player(
            name=f"{entrant}/seed-{run.seed}",
            entrant=entrant,
            policies={env_name: policy},
            runs={env_name: run.path},
            origins={env_name: run.origin},
        )
        players[player.name] = _joined(players[player.name], player) if player.name in players else player
    if not players:
        trained = f"it was trained on {', '.join(sorted(others))}" if others else "; ".join(left_out[:3])
        raise ArenaError(f"{folder} holds no player for {', '.join(spaces)}: {trained or 'there is no run folder (run.json) in it'}")
    return list(players.values()), left_out


@dataclasses.dataclass(frozen=True)
class _Run:
    """What a tournament must know of a run."""

    path: Path
    agent: str
    """The agent's id."""
    name: str
    """Its name in the experiment."""
    env: EnvConfig
    seed: int
    origin: Mapping[str, Any]
    """As in `Player.origins`."""


def _runs(folder: Path) -> list[_Run]:
    return [_read_run(path) for path in run_folders(folder)]


def _read_run(folder: Path) -> _Run:
    run = RunRecord(folder).run
    inputs = run.inputs()
    origin = {key: inputs["agent"][key] for key in ("agent", "hyperparameters")} | {key: inputs[key] for key in ("budget", "env")}
    return _Run(folder, run.agent.agent, run.agent.name, run.env, run.seed, origin)


def _played_env(env: EnvConfig, spaces: Mapping[str, Spaces]) -> str | None:
    """Returns which of the played environments a run's policy is for: its own, or the game that its own teaches."""
    if env.name in spaces:
        return env.name
    games = [name for name in spaces if is_game(name)]
    if not games or not _is_registered(env):
        return None
    trained_on = env_spaces(env)
    return next((name for name in games if spaces[name] == trained_on), None)


def _is_registered(env: EnvConfig) -> bool:
    """Returns whether making the environment imports no module that a run folder names: the folder may be a stranger's."""
    return registered_spec(env.id) is not None


def _unfit(run_dir: RunDir) -> str:
    result = RunRecord(run_dir.path).result
    if result is None:
        return "the run has not ended; go on with it first"
    if result.status != "finished":
        return f"the run {result.status}: {result.reason}"
    return "" if run_dir.policy.exists() else "policy.onnx is missing"


def _joined(one: Player, other: Player) -> Player:
    for env_name in one.policies.keys() & other.policies.keys():
        raise ArenaError(
            f"two players are called {one.name!r}: {one.policies[env_name]} and {other.policies[env_name]}; give one as NAME=PATH"
        )
    return dataclasses.replace(
        one,
        policies={**one.policies, **other.policies},
        runs={**one.runs, **other.runs},
        origins={**one.origins, **other.origins},
    )
