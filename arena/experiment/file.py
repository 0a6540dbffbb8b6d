"""Reads experiments from TOML: files that extend each other, variants and grids of agents, settings by algorithm, agent and env."""

import dataclasses
import itertools
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from arena.agent.registry import agent_spec
from arena.environments.make import EnvConfig
from arena.errors import ArenaError, did_you_mean
from arena.experiment.experiment import EnvSettings, Experiment, UntilDecided
from arena.formats.validation import check_keys, checked
from arena.run_folder.inputs import AgentEntry, Budget, Resources

UNTIL_DECIDED = "until-decided"
OTHER_TABLES = ("tournament", "tune")
"""Tables that belong to other commands; they read them with `load_table`."""
OWN_RESOURCES = ("threads", "device", "gpu_share", "timeout_seconds")
"""What an agent may have otherwise than the experiment."""
_PLAIN = ("name", "output", "seed", "checkpoint_period", "log_period", "budget", "evaluation", "resources", "executor")


MAX_SEEDS = 10_000
"""Of a count."""


def from_toml(path: Path) -> Experiment:
    """Returns the experiment that a TOML file describes; its name is the file's unless the file gives one.

    Raises:
        ArenaError: if the file cannot be read or parsed (with the line), or anything in it is unknown or wrong.
    """
    table, inherited = load_table(path)
    try:
        return from_table({"name": path.stem, **table}, inherited=inherited)
    except ArenaError as error:
        raise ArenaError(f"{path}: {error}") from error


def load_table(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the table in a file, merged over those that it extends, and the part that it inherits.

    `extends = "other.toml"` (or a list, later ones winning) is relative to the file. Tables are merged key by key; everything else,
    lists too, is replaced. The name of an experiment is not inherited.

    Raises:
        ArenaError: if a file cannot be read or parsed, or extends itself.
    """
    return _load(path, ())


def _load(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    if "\0" in str(path):
        raise ArenaError(f"{str(path)!r} is no path: it has a NUL character")
    if path.resolve() in children:
        raise ArenaError(f"{children[-1]} extends {path.name}, which extends it in turn")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        by = f", which {children[-1].name} extends" if children else ""
        raise ArenaError(f"cannot read {path}{by}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArenaError(f"{path} is not valid TOML: {error}") from error
    extended = table.pop("extends", [])
    names = [extended] if isinstance(extended, str) else extended
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ArenaError(f"{path}: extends={extended!r} must be the path of a file, or a list of such")
    inherited: dict[str, Any] = {}
    for name in names:
        inherited = merged(inherited, _load(path.parent / name, (*children, path.resolve()))[0])
    inherited.pop("name", None)
    return merged(inherited, table), inherited


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `changes`: tables key by key, everything else replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def from_table(table: Mapping[str, Any], *, inherited: Mapping[str, Any] | None = None) -> Experiment:
    """Returns the experiment that a table describes.

    Its keys are those of `docs/experiments.md`. Hyperparameters of an agent come from, each over the one before: the defaults;
    `hyperparameters.<algorithm>`; `hyperparameters.<agent id>`; `hyperparameters.<entry name>`; the same three of the env; the entry.

    Args:
        table: as from TOML.
        inherited: the part that comes from files which this one extends; its settings may be for agents that are not in this one.

    Raises:
        ArenaError: on the first thing that is unknown or wrong.
    """
    check_keys(table, {*_PLAIN, *OTHER_TABLES, "agents", "envs", "seeds", UNTIL_DECIDED, "hyperparameters", "tuning"}, "")
    for required in ("agents", "envs"):
        if not isinstance(table.get(required), list) or not table[required]:
            raise ArenaError(f"{required} must be a list with at least one member")
    for other in OTHER_TABLES:
        _table(table, other)
    kinds = get_type_hints(Experiment, include_extras=True)
    plain = {key: checked(kinds[key], table[key], key) for key in _PLAIN if key in table}
    entries = [entry for value in table["agents"] for entry in _entries(value)]
    inherited = inherited or {}
    blocks = _blocks(table, "hyperparameters", entries, inherited)
    tuning = _blocks(table, "tuning", entries, inherited)
    envs, env_settings = [], {}
    agents = tuple(entry.resolve(blocks, tuning) for entry in entries)
    for value in table["envs"]:
        given = {"id": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not isinstance(given.get("id"), str):
            raise ArenaError(f"envs: {value!r} must be an id or a table with the key 'id'")
        check_keys(given, {"id", "kwargs", "budget", "hyperparameters"}, "envs: ")
        env = checked(EnvConfig, {key: given[key] for key in ("id", "kwargs") if key in given}, "envs")
        envs.append(env)
        env_settings[env.name] = _env_settings(given, table, entries, blocks, given if value in inherited.get("envs", []) else {})
    seeds, until_decided = _seeds(table)
    experiment = Experiment(
        **{"name": "experiment", **plain},
        agents=agents,
        envs=tuple(envs),
        seeds=seeds,
        until_decided=until_decided,
        env_settings={name: settings for name, settings in env_settings.items() if settings != EnvSettings()},
    )
    check_name(experiment.name, "experiment name")
    _check_distinct([agent.name for agent in agents], "agents")
    _check_distinct([env.name for env in envs], "envs")
    if experiment.seed < 0:
        raise ArenaError(f"seed={experiment.seed}: must not be negative")
    return experiment


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One member of `agents`, a grid's point taken on its own."""

    name: str
    agent: str
    own: Mapping[str, Any]
    resources: Mapping[str, Any]
    blocks: tuple[str, ...]
    """Names of the tables that apply to it, later ones over earlier."""

    def resolve(self, blocks: Mapping[str, Any], tuning: Mapping[str, Any]) -> AgentEntry:
        record = [tuning[name] for name in self.blocks if name in tuning]
        return AgentEntry(
            name=self.name,
            agent=self.agent,
            hyperparameters=self.hyperparameters(blocks),
            resources=self.resources,
            tuning=record[-1] if record else None,
        )

    def hyperparameters(self, *layers: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all of them, from `layers` of tables by block name, later ones over earlier, and its own."""
        values: dict[str, Any] = {}
        for layer in layers:
            for name in self.blocks:
                values |= layer.get(name, {})
        return dataclasses.asdict(AgentEntry(name=self.name, agent=self.agent, hyperparameters={**values, **self.own}).config())


def _entries(value: Any) -> Iterator[_Entry]:
    given = {"agent": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("agent"), str):
        raise ArenaError(f"agents: {value!r} must be an id or a table with the key 'agent'")
    check_keys(given, {"agent", "name", "hyperparameters", "grid", "resources"}, "agents: ")
    spec = agent_spec(given["agent"])
    name = given.get("name", spec.id)
    if not isinstance(name, str):
        raise ArenaError(f"agents: name={name!r} must be a string")
    check_name(name, "agent name")
    own, where = _table(given, "hyperparameters", f"agent {name!r}: "), f"agent {name!r}: resources"
    resources = _table(given, "resources", f"agent {name!r}: ")
    check_keys(resources, OWN_RESOURCES, f"{where}: ")
    validated = checked(Resources, resources, where)
    resources = {key: getattr(validated, key) for key in resources}
    for point in _grid(_table(given, "grid", f"agent {name!r}: "), own, name):
        full_name = ",".join([name, *(f"{key}={_word(part)}" for key, part in point.items())])
        check_name(full_name, "agent name")
        blocks = tuple(dict.fromkeys((spec.algorithm, spec.id, name, full_name)))
        yield _Entry(full_name, given["agent"], {**own, **point}, resources, blocks)


def _grid(grid: Mapping[str, Any], own: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ArenaError(f"agent {name!r}: grid.{key}={values!r} must be a list of values")
        if key in own:
            raise ArenaError(f"agent {name!r}: {key!r} stands in grid and in hyperparameters; leave one out")
    for point in itertools.product(*grid.values()):
        yield dict(zip(grid, point, strict=True))


def _word(value: Any) -> str:
    """Returns a value in characters that may stand in a folder's name: `0.001`, `true`, `64+64`."""
    if isinstance(value, list):
        return "+".join(_word(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _env_settings(
    given: Mapping[str, Any], table: Mapping[str, Any], entries: list[_Entry], blocks: Mapping[str, Any], inherited: Mapping[str, Any]
) -> EnvSettings:
    budget = None
    if "budget" in given:
        budget = checked(Budget, merged(table.get("budget", {}), _table(given, "budget", "envs: ")), f"envs: {given['id']}: budget")
    own = _blocks(given, "hyperparameters", entries, inherited, f"envs: {given['id']}: ")
    affected = [entry for entry in entries if any(name in own for name in entry.blocks)]
    return EnvSettings(budget=budget, hyperparameters={entry.name: entry.hyperparameters(blocks, own) for entry in affected})


def _seeds(table: Mapping[str, Any]) -> tuple[tuple[int, ...], UntilDecided | None]:
    value = table.get("seeds", 1)
    if value == UNTIL_DECIDED:
        rule: UntilDecided = checked(UntilDecided, table.get(UNTIL_DECIDED, {}), UNTIL_DECIDED)
        return tuple(range(rule.group_size)), rule
    if UNTIL_DECIDED in table:
        raise ArenaError(f'the table {UNTIL_DECIDED!r} needs seeds = "{UNTIL_DECIDED}"')
    if isinstance(value, str):
        raise ArenaError(f"seeds={value!r}: give a count, a list, or {UNTIL_DECIDED!r}{did_you_mean(value, [UNTIL_DECIDED])}")
    counted = isinstance(value, int) and not isinstance(value, bool)
    if counted and value > MAX_SEEDS:
        raise ArenaError(f"seeds={value}: at most {MAX_SEEDS:,} can be counted; give a list of those that you mean")
    seeds: tuple[int, ...] = checked(tuple[int, ...], list(range(value)) if counted else value, "seeds")
    if not seeds or min(seeds) < 0:
        raise ArenaError(f"seeds={value!r}: give a count of at least 1, or a list of numbers from 0")
    _check_distinct([str(seed) for seed in seeds], "seeds")
    return seeds, None


def _blocks(
    table: Mapping[str, Any], key: str, entries: list[_Entry], inherited: Mapping[str, Any], where: str = ""
) -> Mapping[str, Mapping[str, Any]]:
    """Returns a table of tables by algorithm, agent id or entry name, refusing names that nothing here has."""
    blocks = _table(table, key, where)
    known = {name for entry in entries for name in entry.blocks}
    for name, block in blocks.items():
        if not isinstance(block, Mapping):
            raise ArenaError(f"{where}{key}={dict(blocks)!r} must be a table of tables, one for each algorithm or agent")
        if name not in known and name not in inherited.get(key, {}):
            raise ArenaError(f"{where}{key}.{name} names no algorithm or agent of this experiment{did_you_mean(name, known)}")
    return blocks


def _table(table: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ArenaError(f"{where}{key}={value!r} must be a table")
    return value


def check_name(name: str, what: str) -> str:
    """Returns `name` if it can name a folder; `what` it names begins the error."""
    if not name or name.startswith((".", "-")) or not all(character.isalnum() or character in "-_.+=," for character in name):
        raise ArenaError(f"{what} {name!r} must be letters, digits and '-_.+=,', so that it can name a folder")
    return name


def _check_distinct(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ArenaError(f"{what}: {name!r} appears twice; give each a name of its own")
