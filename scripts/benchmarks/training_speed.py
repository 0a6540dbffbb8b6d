"""Points of a curve: one agent trains for some seconds in a process of its own, which is `benchmarks.child.training_speed`."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.formats.json import json_line
from benchmarks.processes import child_environment, last_json_line, module_command

Point = Mapping[str, Any]
"""What to measure, fit for JSON: `agent`, `env`, `device`, `threads`, `seed`, `seconds`, `hyperparameters`, `warm_steps` (1 if missing),
`wrappers` (none if missing);
or, instead of `seconds`, what `benchmarks.child.training_speed.time_to_target` needs."""


def run_point(point: Point, timeout_seconds: float) -> dict[str, Any]:
    """Returns what the process measured, or a mapping with its `error`."""
    try:
        environment = child_environment(point["threads"], point["agent"], point["hyperparameters"])
        if point["device"] == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        command = module_command("benchmarks.child.training_speed", json.dumps(point))
        return last_json_line(command, environment, timeout_seconds, point["agent"])
    except ArenaError as error:
        return {"error": str(error)}


def append_point(file: Path | None, record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record with the load of the machine, and appends it to a file of JSON lines if one is given."""
    found = {**record, "load": os.getloadavg()[0]}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json_line(found))
    return found
