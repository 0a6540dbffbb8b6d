"""`arena list` and `arena doctor`."""

import importlib.util
from typing import Any

from rich.console import Console
from rich.table import Table

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_ids, agent_spec
from arena.agent.spec import AgentSpec
from arena.cli import doctor as doctor_module
from arena.environments.make import env_ids
from arena.formats.json import json_line


def list_(what: str, *, json_lines: bool) -> None:
    """Prints all agents or environments."""
    if what == "envs":
        for env_id in env_ids():
            print(json_line({"id": env_id}) if json_lines else env_id, end="" if json_lines else "\n")
        return
    specs = [agent_spec(agent_id) for agent_id in agent_ids()]
    if json_lines:
        for spec in specs:
            print(json_line(_describe(spec)), end="")
        return
    table = Table("agent", "framework", "algorithm", "actions", "observations", "masks", "installed", box=None, pad_edge=False)
    for spec in specs:
        row = _describe(spec)
        masks = "yes" if row["action_masks"] else "no"
        installed = "yes" if row["installed"] else spec.install_command(spec.config())
        table.add_row(spec.id, spec.framework, spec.algorithm, " ".join(row["actions"]), " ".join(row["observations"]), masks, installed)
    Console().print(table)


def doctor(*, json_lines: bool) -> int:
    """Prints what works here; returns 1 if some framework does not."""
    report = doctor_module.diagnose()
    if json_lines:
        print(json_line(report.to_dict()), end="")
    else:
        report.print(Console())
    return 0 if report.healthy else 1


def _describe(spec: AgentSpec) -> dict[str, Any]:
    modules = spec.modules_for(build_config(spec.config, {}, where=spec.id))
    return {
        "id": spec.id,
        "framework": spec.framework,
        "algorithm": spec.algorithm,
        "actions": sorted(spec.action_spaces),
        "observations": sorted(spec.observation_spaces),
        "action_masks": spec.action_masks,
        "determinism": spec.determinism,
        "installed": all(importlib.util.find_spec(module) is not None for module in modules),
    }
