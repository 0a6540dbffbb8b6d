"""Reads experiments from TOML. `docs/experiments.md` describes the keys."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from arena.environments.config import EnvConfig
from arena.environments.user_modules import full_id, import_modules
from arena.errors import ArenaError, did_you_mean
from arena.experiment.entries import Blocks, FileEntry, asks_for_tuned, read_blocks, read_entries, table_at
from arena.experiment.experiment import EnvSettings, Experiment, UntilDecided
from arena.experiment.inheritance import load_table, merged
from arena.experiment.names import check_distinct, check_name
from arena.formats.validation import check_keys, checked
from arena.run_folder.inputs import Budget

UNTIL_DECIDED = "until-decided"
"""Value of `seeds` that adds seeds until the ranking is settled, and name of the table that says how."""
OTHER_TABLES = ("tournament", "tune")
"""Tables that belong to other commands; they read them with `load_table`."""
MAX_SEEDS = 10_000
"""Largest value accepted for `seeds = N`."""
FROM_FOLDERS = "from_run_folders"
"""Key of a file that `arena report` put together from run folders that name code; such a file is nobody's word yet."""
_OF_ENV = ("kwargs", "wrappers", "train_wrappers", "text_encoder", "action_mask_key")
"""Keys of a member of `envs` that are fields of `EnvConfig` as they stand."""
_PLAIN = ("name", "output", "seed", "checkpoint_period", "log_period", "budget", "evaluation", "resources", "executor")
"""Keys of the file that are fields of `Experiment` as they stand."""


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


def from_table(table: Mapping[str, Any], *, inherited: Mapping[str, Any] | None = None) -> Experiment:
    """Returns the experiment that a table describes.

    An agent's hyperparameters come from these places, and each overrides the one before: the defaults; `hyperparameters.<algorithm>`;
    `hyperparameters.<agent id>`; `hyperparameters.<entry name>`; the same three of the environment; the entry itself. Tuned settings
    (`hyperparameters = "tuned"` of the file or of an entry) take the place of all that stands outside of the environment and the entry.

    Args:
        table: the parsed file.
        inherited: the part that comes from files which this one extends; its settings may be for agents that are not in this one.

    Raises:
        ArenaError: on the first thing that is unknown or wrong.
    """
    if table.get(FROM_FOLDERS):
        raise ArenaError(
            f"{FROM_FOLDERS}: this file was put together from run folders and names code that isn't installed as a plug-in; read what it "
            "names, and remove this line if you trust it"
        )
    check_keys(
        table, {*_PLAIN, FROM_FOLDERS, *OTHER_TABLES, "agents", "envs", "modules", "seeds", UNTIL_DECIDED, "hyperparameters", "tuning"}, ""
    )
    for required in ("agents", "envs"):
        if not isinstance(table.get(required), list) or not table[required]:
            raise ArenaError(f"{required} must be a list with at least one member")
    for other in OTHER_TABLES:
        table_at(table, other)
    kinds = get_type_hints(Experiment, include_extras=True)
    plain = {key: checked(kinds[key], table[key], key) for key in _PLAIN if key in table}
    entries = [entry for value in table["agents"] for entry in read_entries(value)]
    if asks_for_tuned(table):
        entries = [dataclasses.replace(entry, is_tuned=True) for entry in entries]
        table = {key: value for key, value in table.items() if key != "hyperparameters"}
    inherited = inherited or {}
    blocks, tuning = (read_blocks(table, key, entries, inherited) for key in ("hyperparameters", "tuning"))
    agents = tuple(entry.resolve(blocks, tuning) for entry in entries)
    modules = checked(tuple[str, ...], table.get("modules", []), "modules")
    import_modules(modules)
    envs = [_env(value, table, entries, blocks, inherited, modules) for value in table["envs"]]
    seeds, until_decided = _seeds(table)
    experiment = Experiment(
        **{"name": "experiment", **plain},
        agents=agents,
        envs=tuple(env for env, _ in envs),
        seeds=seeds,
        until_decided=until_decided,
        env_settings={env.name: settings for env, settings in envs if settings != EnvSettings()},
    )
    check_name(experiment.name, "experiment name")
    check_distinct([agent.name for agent in agents], "agents")
    check_distinct([env.name for env in experiment.envs], "envs")
    if experiment.seed < 0:
        raise ArenaError(f"seed={experiment.seed}: must not be negative")
    return experiment


def _env(
    value: Any,
    table: Mapping[str, Any],
    entries: Sequence[FileEntry],
    blocks: Blocks,
    inherited: Mapping[str, Any],
    modules: Sequence[str],
) -> tuple[EnvConfig, EnvSettings]:
    """Returns the environment that one member of the list `envs` stands for, and its settings."""
    given = {"id": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("id"), str):
        raise ArenaError(f"envs: {value!r} must be an id or a table with the key 'id'")
    check_keys(given, {"id", "name", *_OF_ENV, "frameworks", "budget", "hyperparameters"}, "envs: ")
    named: dict[str, Any] = {
        "id": full_id(given["id"], modules),
        "label": given.get("name"),
        **{key: given[key] for key in _OF_ENV if key in given},
    }
    for key in ("wrappers", "train_wrappers"):
        if isinstance(given.get(key), list):
            members = [{"wrapper": each} if isinstance(each, str) else each for each in given[key]]
            named[key] = members
            for each in members:
                check_keys(each if isinstance(each, Mapping) else {}, ("wrapper", "kwargs"), f"envs: {given['id']}: {key}: ")
    env = checked(EnvConfig, named, f"envs: {given['id']}")
    if env.label is not None:
        check_name(env.label, "environment name")
    where = f"envs: {given['id']}: "
    budget = None
    if "budget" in given:
        budget = checked(Budget, merged(table.get("budget", {}), table_at(given, "budget", "envs: ")), f"{where}budget")
    own = read_blocks(given, "hyperparameters", entries, given if value in inherited.get("envs", []) else {}, where)
    affected = [entry for entry in entries if not entry.is_tuned and any(name in own for name in entry.block_names)]
    tuned = [(entry, entry.tuned(env)) for entry in entries if entry.is_tuned]
    return env, EnvSettings(
        budget=budget,
        hyperparameters={
            **{entry.name: entry.hyperparameters(blocks, own) for entry in affected},
            **{entry.name: entry.hyperparameters(own, base=settings.hyperparameters) for entry, settings in tuned},
        },
        tuning={entry.name: settings.record for entry, settings in tuned},
        frameworks=checked(tuple[str, ...], given.get("frameworks", []), f"{where}frameworks"),
    )


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
        raise ArenaError(f"seeds={value}: a count may be at most {MAX_SEEDS:,}; give a list of the seeds that you mean")
    seeds: tuple[int, ...] = checked(tuple[int, ...], list(range(value)) if counted else value, "seeds")
    if not seeds or min(seeds) < 0:
        raise ArenaError(f"seeds={value!r}: give a count of at least 1, or a list of numbers from 0")
    check_distinct([str(seed) for seed in seeds], "seeds")
    return seeds, None
