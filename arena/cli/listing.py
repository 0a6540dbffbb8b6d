"""`arena list`: the agents, environments and experiments that can be used here."""

import importlib.util
import itertools
import re
from typing import Any

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_ids, agent_spec
from arena.agent.spec import AgentSpec
from arena.environments.plugins import registered_ids
from arena.environments.requirements import missing_for
from arena.experiment.bundled import bundled_names, config_path
from arena.experiment.tuned import all_tuned
from arena.terminal.output import Mode, Output, make_table


def list_envs(*, mode: Mode) -> None:
    """Prints the ids of all environments, and for those that cannot be made here the package that is missing."""
    output, ids = Output(mode), registered_ids(everything=True)
    width = max(map(len, ids), default=0)
    for env_id in ids:
        missing = missing_for(env_id)
        output.say(f"{env_id:{width}}  {missing}" if missing else env_id)
        output.record({"id": env_id, "installed": not missing, "needs": missing})


def list_configs(*, mode: Mode) -> None:
    """Prints the names of the experiments that come with the arena, with the first sentence that each says about itself."""
    output, rows = Output(mode), []
    for name in bundled_names():
        path = config_path(name)
        about = _first_sentence(path.read_text(encoding="utf-8"))
        output.record({"name": name, "about": about, "path": str(path)})
        rows.append((name, about))
    output.show(make_table(("name", "about"), rows))


def list_agents(*, mode: Mode) -> None:
    """Prints all agents, with the command that installs the framework of those that lack it."""
    output, rows = Output(mode), []
    for agent_id in agent_ids():
        spec = agent_spec(agent_id)
        row = _describe(spec)
        output.record(row)
        masks = "yes" if row["action_masks"] else "no"
        installed = "yes" if row["installed"] else spec.install_command(spec.config())
        rows.append((spec.id, spec.framework, spec.algorithm, " ".join(row["actions"]), " ".join(row["observations"]), masks, installed))
    output.show(make_table(("agent", "framework", "algorithm", "actions", "observations", "masks", "installed"), rows))


def list_tuned(*, mode: Mode) -> None:
    """Prints the tuned settings that come with the arena: what agents reached with them, over which seeds and budget, and their origin."""
    output, rows = Output(mode), []
    for settings in all_tuned():
        scores = settings.measured.scores
        output.record({**settings.record, "agent": settings.agent, "env": settings.env, "hyperparameters": dict(settings.hyperparameters)})
        spread = f"{min(scores):.4g} to {max(scores):.4g}"
        budget = f"{settings.entry.env_steps:,}"
        rows.append((settings.env, settings.agent, f"{settings.measured.mean:.4g}", spread, str(len(scores)), budget, settings.entry.found))
    output.show(make_table(("env", "agent", "score", "of seeds", "seeds", "env steps", "found"), rows))


def _first_sentence(text: str) -> str:
    """Returns the first sentence of the comment at the top of a file in TOML."""
    comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return re.split(r"(?<=[.?]) ", " ".join(line.removeprefix("#").strip() for line in comment))[0]


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
