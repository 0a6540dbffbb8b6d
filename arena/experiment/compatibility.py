"""Whether an agent can play an environment: decided from its spec and the environment's spaces, before anything is trained."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import gymnasium as gym

from arena.agent.isolation import FRAMEWORK_MODULES
from arena.agent.spec import AgentSpec
from arena.environments.common_form import action_kind, observation_kind
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.plugins import declared_frameworks, registered_spec
from arena.environments.spaces import MaskedBox
from arena.environments.vectorize import has_functions
from arena.errors import ArenaError, did_you_mean


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvTraits:
    """Properties of an environment that decide which agents can play it."""

    observation_space: gym.Space[Any]
    """Observation space in the common form."""
    action_space: gym.Space[Any]
    """Action space in the common form."""
    has_functions: bool
    """Whether the environment consists of JAX functions, so that an agent can step it on the device."""


def env_traits(config: EnvConfig) -> EnvTraits:
    """Makes an environment and returns its traits.

    Raises:
        ArenaError: if the environment cannot be made.
    """
    env = make_env(config)
    try:
        return EnvTraits(observation_space=env.observation_space, action_space=env.action_space, has_functions=has_functions(env))
    finally:
        env.close()


def check_pair(spec: AgentSpec, config: EnvConfig, agent_config: Any = None, *, traits: EnvTraits | None = None) -> None:
    """Refuses an agent that cannot play an environment.

    Args:
        spec: the agent's spec.
        config: the environment.
        agent_config: the agent's hyperparameters; None means its defaults.
        traits: the environment's traits, if they are known; None makes the environment.

    Raises:
        ArenaError: if the environment cannot be made, the agent does not take its spaces, or would step it on the device and cannot.
    """
    traits = env_traits(config) if traits is None else traits
    on_device = spec.device_iteration(spec.config() if agent_config is None else agent_config) > 0
    observations, actions = observation_kind(traits.observation_space), action_kind(traits.action_space)
    if actions not in spec.action_spaces:
        raise ArenaError(f"{spec.id} takes {_join(spec.action_spaces)} actions; {config.id} has {actions} ({traits.action_space})")
    if observations not in spec.observation_spaces:
        raise ArenaError(
            f"{spec.id} takes {_join(spec.observation_spaces)} observations; {config.id} has {observations} ({traits.observation_space})"
        )
    if isinstance(traits.observation_space, MaskedBox) and not spec.action_masks:
        raise ArenaError(
            f"{spec.framework} has no action masks: {spec.id} cannot play {config.id}, where not every action is always allowed"
        )
    if on_device and not traits.has_functions:
        twin = f"phys2d/{config.id}"
        other = f" (try {twin!r})" if registered_spec(twin) is not None else ""
        raise ArenaError(
            f"{spec.id} with on_device=true needs an environment of JAX functions, which {config.id} is not{other}; or set it to false"
        )


def _join(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))


def env_frameworks(config: EnvConfig, named: Iterable[str] = ()) -> frozenset[str]:
    """Returns the framework modules that a worker may import for an environment: its plug-in declares them, or the experiment names them.

    Args:
        config: the environment.
        named: modules that the experiment names for it.

    Raises:
        ArenaError: if a named module isn't one of `FRAMEWORK_MODULES`; any other module can be imported anyway.
    """
    for module in named:
        if module not in FRAMEWORK_MODULES:
            known = ", ".join(sorted(FRAMEWORK_MODULES))
            hint = did_you_mean(module, FRAMEWORK_MODULES)
            raise ArenaError(f"environment {config.id!r}: frameworks = [{module!r}] isn't a framework's module{hint} (known: {known})")
    return frozenset(named) | declared_frameworks(config.id)
