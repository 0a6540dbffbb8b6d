import importlib
import json
import tomllib
from typing import Any

import pytest

from arena.agent.registry import agent_ids, agent_spec
from arena.errors import ArenaError
from arena.experiment.bundled import bundled_names, config_path
from arena.experiment.file import from_table
from arena.experiment.file_schema import file_schema

OTHER = {"tournament": {"type": "object"}, "tune": {"type": "object"}}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return file_schema([agent_spec(agent_id) for agent_id in agent_ids()], OTHER)


def test_the_schema_has_the_keys_that_a_file_may_have(schema: dict[str, Any]):
    with pytest.raises(ArenaError) as error:
        from_table({"no such key": 1})
    known = str(error.value).rpartition("known: ")[2].rstrip(")").split(", ")
    assert set(schema["properties"]) == {*known, "extends"} - {"from_run_folders"}


def test_keys_and_hyperparameters_are_described(schema: dict[str, Any]):
    assert schema["properties"]["seed"]["description"].startswith("Experiment seed")
    for name, definition in schema["$defs"].items():
        for key, field in definition["properties"].items():
            assert field.get("description"), f"{name}.{key}"
    assert schema["$defs"]["keras-dqn"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0.0


def test_every_reference_leads_somewhere(schema: dict[str, Any]):
    for part in json.dumps(schema).split('"$ref": "#/')[1:]:
        found: Any = schema
        for key in part.partition('"')[0].split("/"):
            found = found[key]


@pytest.mark.framework  # jsonschema is not in the core
def test_a_validator_accepts_every_bundled_experiment_and_finds_faults(schema: dict[str, Any]):
    jsonschema = importlib.import_module("jsonschema")
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for name in bundled_names():
        assert not list(validator.iter_errors(tomllib.loads(config_path(name).read_text()))), name
    good = {"agents": ["keras-dqn"], "envs": ["CartPole-v1"]}
    assert not list(validator.iter_errors({"extends": "other.toml", "seeds": 3}))
    assert list(validator.iter_errors({"agents": ["keras-dqn"]}))
    for change in (
        {"agnets": []},
        {"seeds": 0},
        {"seeds": "until-decidd"},
        {"budget": {"env_stepz": 1}},
        {"agents": [{"agent": "keras-dqn", "hyperparameters": {"learning_rat": 1}}]},
        {"hyperparameters": {"keras-ppo": {"discount": 2}}},
        {"envs": [{"kwargs": {}}]},
    ):
        assert list(validator.iter_errors({**good, **change})), change
