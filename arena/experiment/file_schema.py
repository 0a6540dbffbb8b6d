"""JSON Schema of an experiment's file, by which an editor completes keys, explains them, and marks what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from arena.agent.spec import AgentSpec
from arena.environments.config import EnvConfig, WrapperConfig
from arena.executors.base import ExecutorConfig
from arena.experiment.entries import OWN_RESOURCES
from arena.experiment.experiment import Experiment, UntilDecided
from arena.experiment.file import MAX_SEEDS, UNTIL_DECIDED
from arena.experiment.tuned import TUNED
from arena.formats.json_schema import field_docs, schema_of
from arena.run_folder.inputs import Budget, EvaluationProtocol, Resources

DRAFT = "http://json-schema.org/draft-07/schema#"
"""Version of JSON Schema that editors of TOML read."""
_NAME = {"type": "string", "minLength": 1}
_TABLE = {"type": "object"}
_TUNED = {"const": TUNED, "description": "The settings that `arena list tuned` shows, on each environment its own."}


def file_schema(specs: Sequence[AgentSpec], other_tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the schema of an experiment's file.

    A schema cannot say everything that `arena run` checks, so that a file which an editor accepts may still be refused.

    Args:
        specs: agents whose ids and hyperparameters are completed.
        other_tables: schemas of the tables that other commands read, by name.
    """
    tables = {"Budget": Budget, "EvaluationProtocol": EvaluationProtocol, "Resources": Resources, "ExecutorConfig": ExecutorConfig}
    kinds = {**tables, "UntilDecided": UntilDecided, **{spec.id: spec.config for spec in specs}}
    docs = field_docs(Experiment)
    ids = [spec.id for spec in specs]
    settings = {key: _settings(ids, specs, key) for key in ("hyperparameters", "tuning")}
    settings["hyperparameters"] = {"anyOf": [settings["hyperparameters"], _TUNED]}
    return {
        "$schema": DRAFT,
        "title": "Experiment of arena-rl",
        "description": "Agents x environments x seeds under one budget and one evaluation protocol; docs/experiments.md explains the keys.",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["agents", "envs"]}, {"required": ["extends"]}],  # what a file extends may name both
        "properties": {
            "extends": {**_one_or_more(_NAME), "description": "Files whose tables this one extends, relative to it; later ones win."},
            "name": {**_NAME, "description": docs["name"]},
            "output": {**_NAME, "description": docs["output"]},
            "seed": {"type": "integer", "minimum": 0, "description": docs["seed"]},
            "checkpoint_period": {"type": "integer", "minimum": 1, "description": docs["checkpoint_period"]},
            "log_period": {"type": "integer", "minimum": 1, "description": docs["log_period"]},
            "agents": {"type": "array", "minItems": 1, "items": _agent(ids), "description": "Agents: ids, or tables with settings."},
            "envs": {"type": "array", "minItems": 1, "items": _env(ids, specs), "description": "Environments: ids, or tables."},
            "modules": {"type": "array", "items": _NAME, "description": "Modules of your own that register environments when imported."},
            "seeds": _seeds(),
            UNTIL_DECIDED: _ref("UntilDecided"),
            "budget": _ref("Budget"),
            "evaluation": _ref("EvaluationProtocol"),
            "resources": _ref("Resources"),
            "executor": _ref("ExecutorConfig"),
            **settings,
            **other_tables,
        },
        "$defs": {name: schema_of(kind, f"#/$defs/{name}") for name, kind in kinds.items()},
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _one_or_more(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _seeds() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS}
    seeds = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer", "minimum": 0}}
    choices = [count, seeds, {"const": UNTIL_DECIDED}]
    return {"anyOf": choices, "description": f'Training seeds: a count, a list, or "{UNTIL_DECIDED}", which adds seeds as it needs them.'}


def _agent(ids: Sequence[str]) -> dict[str, Any]:
    """Returns the schema of one member of `agents`; the settings of a known id are completed."""
    agent_id = {"anyOf": [{"enum": list(ids)}, _NAME], "description": "Agent id (arena list agents), or package.module:SPEC."}
    properties = {
        "agent": agent_id,
        "name": {**_NAME, "description": "Name of the entry in folders and tables; the agent's id by default."},
        "hyperparameters": {"anyOf": [_TABLE, _TUNED], "description": "Values that differ from the agent's defaults, or tuned ones."},
        "grid": {
            "type": "object",
            "additionalProperties": {"type": "array", "minItems": 1},
            "description": "Values to combine: one agent each.",
        },
        "init": {**_NAME, "description": "Folder of a run, or of its seeds, whose latest checkpoint the agent begins from."},
        "resources": {"type": "object", "propertyNames": {"enum": list(OWN_RESOURCES)}, "description": "Resources of this agent's runs."},
    }
    known = [
        {
            "if": {"properties": {"agent": {"const": name}}, "required": ["agent"]},
            "then": {"properties": {"hyperparameters": {"anyOf": [_ref(name), _TUNED]}}},
        }
        for name in ids
    ]
    table = {"type": "object", "required": ["agent"], "properties": properties, "additionalProperties": False, "allOf": known}
    return {"anyOf": [agent_id, table]}


def _wrapper() -> dict[str, Any]:
    path = {**_NAME, "description": field_docs(WrapperConfig)["wrapper"]}
    table = {"type": "object", "required": ["wrapper"], "properties": {"wrapper": path, "kwargs": _TABLE}, "additionalProperties": False}
    return {"anyOf": [path, table]}


def _env(ids: Sequence[str], specs: Sequence[AgentSpec]) -> dict[str, Any]:
    docs = field_docs(EnvConfig)
    properties = {
        "id": {**_NAME, "description": "Gymnasium id, such as CartPole-v1."},
        "kwargs": {**_TABLE, "description": "Keyword arguments of the environment."},
        **{key: {"type": "array", "items": _wrapper(), "description": docs[key]} for key in ("wrappers", "train_wrappers")},
        **{key: {**_NAME, "description": docs[key]} for key in ("text_encoder", "action_mask_key")},
        "name": {**_NAME, "description": "Name of the environment in folders and tables; made of id and arguments by default."},
        "frameworks": {"type": "array", "items": _NAME, "description": "Top-level modules of frameworks that the environment imports."},
        "budget": _ref("Budget"),
        "hyperparameters": _settings(ids, specs, "hyperparameters"),
    }
    return {"anyOf": [_NAME, {"type": "object", "required": ["id"], "properties": properties}]}


def _settings(ids: Sequence[str], specs: Sequence[AgentSpec], key: str) -> dict[str, Any]:
    """Returns the schema of `hyperparameters` or `tuning`: a table for each algorithm, agent id or name."""
    if key == "tuning":
        return {"type": "object", "additionalProperties": _TABLE, "description": "What the search for an agent's settings has cost."}
    algorithms = {spec.algorithm: _TABLE for spec in specs}
    known = {**algorithms, **{name: _ref(name) for name in ids}}
    what = "Hyperparameters by algorithm, agent id or the name of an entry; a later one of these three overrides an earlier one."
    return {"type": "object", "properties": known, "additionalProperties": _TABLE, "description": what}
