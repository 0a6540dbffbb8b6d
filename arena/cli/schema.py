"""`arena schema`: the JSON Schema of experiment files, for editors."""

import json
import sys
from pathlib import Path
from typing import Any

from arena.agent.registry import agent_ids, agent_spec
from arena.experiment.file_schema import file_schema
from arena.formats.json_schema import schema_of
from arena.formats.system_errors import refuse_unwritable, write_output
from arena.tournament.tournament import Rules


def schema(output: Path | None) -> None:
    """Prints the schema of an experiment's file with every installed agent, or writes it to a file."""
    if output is not None:
        refuse_unwritable(output)
    specs = [agent_spec(agent_id) for agent_id in agent_ids()]
    text = json.dumps(file_schema(specs, {"tournament": _tournament(), "tune": {"type": "object"}}), indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        write_output(output, text.encode())


def _tournament() -> dict[str, Any]:
    rules = schema_of(Rules, "#/properties/tournament")
    envs = {"type": "array", "items": {"type": "string"}, "description": "Ids of what is played, instead of the experiment's environments."}
    return {**rules, "properties": {**rules["properties"], "envs": envs}}
