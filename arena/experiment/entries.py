"""Agents of an experiment's file: variants, grids, and the blocks of settings that apply to each."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.errors import ArenaError, did_you_mean
from arena.experiment.names import check_name
from arena.experiment.tuned import TUNED, TunedSettings, tuned_settings
from arena.formats.validation import check_keys, checked
from arena.run_folder.inputs import AgentEntry, Resources

OWN_RESOURCES = ("threads", "env_workers", "device", "gpu_share", "timeout_seconds", "stall_seconds")
"""Keys of `[resources]` that an agent entry may override."""

Blocks = Mapping[str, Mapping[str, Any]]
"""Settings by algorithm, agent id or entry name."""


@dataclasses.dataclass(frozen=True)
class FileEntry:
    """One agent of the file; each point of a grid is an entry of its own."""

    name: str
    """Name of the entry, unique in the experiment."""
    agent: str
    """Agent id, or `package.module:SPEC`."""
    own: Mapping[str, Any]
    """Hyperparameters that the entry itself gives."""
    resources: Mapping[str, Any]
    """Resources that the entry itself gives."""
    init: str | None
    """Folder of the run that the agent begins from."""
    block_names: tuple[str, ...]
    """Names of the blocks that apply to the entry; a later one overrides an earlier one."""
    is_tuned: bool = False
    """Whether the entry has on each environment the settings that were tuned for it."""

    def tuned(self, env: EnvConfig) -> TunedSettings:
        """Returns the settings that were tuned for the agent on an environment; raises as `tuned_settings`."""
        return tuned_settings(agent_spec(self.agent).id, env)

    def resolve(self, blocks: Blocks, tuning: Blocks) -> AgentEntry:
        """Returns the agent with the value of every hyperparameter.

        Args:
            blocks: hyperparameters by block name.
            tuning: cost of a search by block name; that of the last block that applies is recorded.
        """
        costs = [tuning[name] for name in self.block_names if name in tuning]
        return AgentEntry(
            name=self.name,
            agent=self.agent,
            hyperparameters=self.hyperparameters(blocks),
            resources=self.resources,
            tuning=costs[-1] if costs else None,
            init=self.init,
        )

    def hyperparameters(self, *layers: Blocks, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Returns the value of every hyperparameter.

        Args:
            layers: blocks; a later layer overrides an earlier one, and the entry's own values override all.
            base: values that every layer overrides; None means the defaults alone.
        """
        values = dict(base or {})
        for layer in layers:
            for name in self.block_names:
                values |= layer.get(name, {})
        return dataclasses.asdict(AgentEntry(name=self.name, agent=self.agent, hyperparameters={**values, **self.own}).config())


def read_entries(value: Any) -> Iterator[FileEntry]:
    """Yields the entries that one member of the list `agents` stands for: one, or one for each point of its grid.

    Raises:
        ArenaError: if anything in the member is unknown or wrong.
    """
    given = {"agent": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("agent"), str):
        raise ArenaError(f"agents: {value!r} must be an id or a table with the key 'agent'")
    check_keys(given, {"agent", "name", "hyperparameters", "grid", "resources", "init"}, "agents: ")
    spec = agent_spec(given["agent"])
    name = given.get("name", spec.id)
    if not isinstance(name, str):
        raise ArenaError(f"agents: name={name!r} must be a string")
    check_name(name, "agent name")
    where = f"agent {name!r}: "
    init = checked(str | None, given.get("init"), f"{where}init")
    is_tuned = asks_for_tuned(given, where)
    own = {} if is_tuned else table_at(given, "hyperparameters", where)
    resources = _resources(table_at(given, "resources", where), where)
    for point in _points(table_at(given, "grid", where), own, name):
        full_name = ",".join([name, *(f"{key}={_word(part)}" for key, part in point.items())])
        check_name(full_name, "agent name")
        block_names = tuple(dict.fromkeys((spec.algorithm, spec.id, name, full_name)))
        yield FileEntry(full_name, given["agent"], {**own, **point}, resources, init, block_names, is_tuned)


def read_blocks(table: Mapping[str, Any], key: str, entries: Sequence[FileEntry], inherited: Mapping[str, Any], where: str = "") -> Blocks:
    """Returns the blocks of settings in `table[key]`.

    Args:
        table: the file's table, or that of one environment.
        key: `hyperparameters` or `tuning`.
        entries: the experiment's agents.
        inherited: the part of `table` that comes from other files; its blocks may be for agents that are not in this experiment.
        where: begins the error.

    Raises:
        ArenaError: if a block names nothing in this experiment, or is not a table.
    """
    blocks = table_at(table, key, where)
    known = {name for entry in entries for name in entry.block_names}
    for name, block in blocks.items():
        if not isinstance(block, Mapping):
            raise ArenaError(f"{where}{key}={dict(blocks)!r} must be a table of tables, one for each algorithm or agent")
        if name not in known and name not in inherited.get(key, {}):
            raise ArenaError(f"{where}{key}.{name} names no algorithm or agent of this experiment{did_you_mean(name, known)}")
    return blocks


def asks_for_tuned(table: Mapping[str, Any], where: str = "") -> bool:
    """Returns whether a table has `hyperparameters = "tuned"`; refuses any other word, and `where` begins the error."""
    value = table.get("hyperparameters")
    if isinstance(value, str) and value != TUNED:
        raise ArenaError(f"{where}hyperparameters={value!r} must be a table or {TUNED!r}{did_you_mean(value, [TUNED])}")
    return value == TUNED


def table_at(table: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    """Returns the table `table[key]`, empty if it is missing; refuses anything else, and `where` begins the error."""
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ArenaError(f"{where}{key}={value!r} must be a table")
    return value


def _resources(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    check_keys(given, OWN_RESOURCES, f"{where}resources: ")
    validated = checked(Resources, given, f"{where}resources")
    return {key: getattr(validated, key) for key in given}


def _points(grid: Mapping[str, Any], own: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
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
