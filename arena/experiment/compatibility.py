"""Whether an agent can play an environment: decided from its spec and the environment's spaces, before anything is trained."""

import ast
import importlib.machinery
from pathlib import Path
from typing import Any

import gymnasium as gym

from arena.agent.isolation import FRAMEWORK_MODULES
from arena.agent.spec import AgentSpec
from arena.environments.make import EnvConfig, action_kind, has_functions, make_env, observation_kind
from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError


def check_pair(spec: AgentSpec, config: EnvConfig, agent_config: Any = None) -> None:
    """Refuses an agent that cannot play an environment, with its default hyperparameters or those of `agent_config`.

    Raises:
        ArenaError: if the environment cannot be made, the agent does not take its spaces, or would step it on the device and cannot.
    """
    on_device = spec.device_iteration(spec.config() if agent_config is None else agent_config) > 0
    env = make_env(config)
    try:
        observations, actions = observation_kind(env.observation_space), action_kind(env.action_space)
        masked = isinstance(env.observation_space, MaskedBox)
        functions = on_device and has_functions(env)
    finally:
        env.close()
    if actions not in spec.action_spaces:
        raise ArenaError(f"{spec.id} takes {_join(spec.action_spaces)} actions; {config.id} has {actions} ({env.action_space})")
    if observations not in spec.observation_spaces:
        raise ArenaError(
            f"{spec.id} takes {_join(spec.observation_spaces)} observations; {config.id} has {observations} ({env.observation_space})"
        )
    if masked and not spec.action_masks:
        raise ArenaError(
            f"{spec.framework} has no action masks: {spec.id} cannot play {config.id}, where not every action is always allowed"
        )
    if on_device and not functions:
        twin = f"phys2d/{config.id}"
        other = f" (try {twin!r})" if twin in gym.registry else ""
        raise ArenaError(
            f"{spec.id} with on_device=true needs an environment of JAX functions, which {config.id} is not{other}; or set it to false"
        )


def _join(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))


def env_modules(config: EnvConfig) -> frozenset[str]:
    """Returns the members of `FRAMEWORK_MODULES` that the module of the environment imports: what a worker needs besides its agent's.

    The module's source is read for it. It is not run, since it would import the framework.
    """
    spec = gym.registry.get(config.id)
    if spec is None or not isinstance(spec.entry_point, str):
        return frozenset()
    path, found = None, None
    for part in spec.entry_point.partition(":")[0].split("."):
        found = importlib.machinery.PathFinder.find_spec(part, path)
        if found is None:
            return frozenset()
        path = found.submodule_search_locations
    assert found is not None
    if found.origin is None or not found.origin.endswith(".py"):
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(ast.parse(Path(found.origin).read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return FRAMEWORK_MODULES & {name.partition(".")[0] for name in names}
