"""Whether an agent can play an environment: decided from its spec and the environment's spaces, before anything is trained."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import gymnasium as gym
import numpy as np

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.isolation import FRAMEWORK_MODULES
from arena.agent.networks import NETWORKS, fitting_network, misfit, network_sizes
from arena.agent.spec import AgentSpec
from arena.environments.action_form import CHOICES, MAX_COMBINATIONS, action_kind
from arena.environments.config import EnvConfig
from arena.environments.follows_seed import follows_seed
from arena.environments.images import are_stacks, may_be_stack
from arena.environments.make import make_env, own_time_limit
from arena.environments.observation_form import IMAGE_AND_NUMBERS, observation_kind
from arena.environments.plugins import declared_frameworks, registered_spec
from arena.environments.spaces import MaskedBox, network_shape
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
    time_limit: int | None = None
    """Env steps after which the environment truncates an episode; None if nothing is known of it."""
    follows_seed: bool = True
    """Whether resets with one seed give one initial observation."""
    stacks_frames: bool = False
    """Whether observations are stacks of frames, of which a replay buffer holds each frame once."""


def env_traits(config: EnvConfig) -> EnvTraits:
    """Makes an environment and returns its traits.

    Raises:
        ArenaError: if the environment cannot be made.
    """
    _refuse_main(config)
    env = make_env(config)
    if config.train_wrappers:
        _refuse_other_spaces(config, env)
    try:
        is_of_functions = has_functions(env)
        return EnvTraits(
            observation_space=env.observation_space,
            action_space=env.action_space,
            has_functions=is_of_functions,
            time_limit=own_time_limit(env),
            follows_seed=is_of_functions or follows_seed(env),  # functions have no other source of chance
            stacks_frames=_stacks_frames(env),
        )
    finally:
        env.close()


def _stacks_frames(env: gym.Env[Any, Any]) -> bool:
    """Returns whether one step moves a stack of frames on; an environment that fails says nothing, and counts as one without stacks."""
    if not may_be_stack(env.observation_space):
        return False
    env.action_space.seed(0)
    try:
        first, _ = env.reset(seed=0)
        following, *_ = env.step(env.action_space.sample())
    except Exception:  # the environment's own code: whoever plays it will say what is wrong
        return False
    return are_stacks(first, following)


def _refuse_other_spaces(config: EnvConfig, env: gym.Env[Any, Any]) -> None:
    """Refuses wrappers of training that change a space: the policy could not be evaluated without them."""
    trained_on = make_env(config.in_training())
    trained_on.close()
    for kind in ("observation_space", "action_space"):
        one, other = getattr(env, kind), getattr(trained_on, kind)
        if one != other:
            env.close()
            raise ArenaError(
                f"environment {config.id!r}: train_wrappers change its {kind} from {one} to {other}, so a policy could not be evaluated "
                "without them; put what changes a space into wrappers"
            )


def _refuse_main(config: EnvConfig) -> None:
    """Refuses an environment whose class is defined in a script or notebook: a run's worker is another process and does not know it."""
    spec = registered_spec(config.id)
    entry_point = spec.entry_point if spec is not None else None
    source = entry_point.partition(":")[0] if isinstance(entry_point, str) else getattr(entry_point, "__module__", None)
    if source == "__main__":
        raise ArenaError(
            f"environment {config.id!r} is registered by this script or notebook alone, and a run's worker, another process, does not "
            f"know it: put the class and its register() into a file my_envs.py, and name it as 'my_envs:{config.id}' or by "
            'modules = ["my_envs"]'
        )


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
    if actions == CHOICES and actions not in spec.action_spaces and "discrete" in spec.action_spaces:
        raise ArenaError(
            f"{spec.id} makes several choices at once as one of all their combinations, and those of {config.id} are more than "
            f"{MAX_COMBINATIONS:,} ({traits.action_space}): choose an agent that makes each choice for itself (arena list "
            f"agents: one that takes {CHOICES!r}), or leave out choices by a wrapper (gymnasium.ActionWrapper)"
        )
    if actions not in spec.action_spaces:
        raise ArenaError(f"{spec.id} takes {_join(spec.action_spaces)} actions; {config.id} has {actions} ({traits.action_space})")
    if observations == IMAGE_AND_NUMBERS and observations not in spec.observation_spaces:
        raise ArenaError(
            f"{spec.id} takes {_join(spec.observation_spaces)} observations, and {config.id} has an image beside other parts: choose a "
            "wrapper, 'flat' for a vector of everything, or gymnasium.wrappers:FilterObservation for the image alone, or another agent "
            "(arena list agents)"
        )
    if observations not in spec.observation_spaces:
        raise ArenaError(
            f"{spec.id} takes {_join(spec.observation_spaces)} observations; {config.id} has {observations} ({traits.observation_space})"
        )
    if isinstance(traits.observation_space, MaskedBox) and not spec.action_masks:
        raise ArenaError(
            f"{spec.framework} has no action masks: {spec.id} cannot play {config.id}, where not every action is always allowed"
        )
    if observations in ("image", IMAGE_AND_NUMBERS) and isinstance(agent_config, NetworkConfig):
        check_network(traits.observation_space, agent_config, where=f"{spec.id} on {config.name}")
    if getattr(agent_config, "normalize_observations", False) and observations != "flat":
        raise ArenaError(f"{spec.id} on {config.name}: normalize_observations is for flat observations; images are scaled by their bounds")
    if on_device and (getattr(agent_config, "normalize_observations", False) or getattr(agent_config, "normalize_rewards", False)):
        raise ArenaError(
            f"{spec.id} with on_device=true steps the environment inside its own program, where normalize_observations and "
            "normalize_rewards have no place; set on_device=false"
        )
    if on_device and not traits.has_functions:
        twin = f"phys2d/{config.id}"
        other = f" (try {twin!r})" if registered_spec(twin) is not None else ""
        raise ArenaError(
            f"{spec.id} with on_device=true needs an environment of JAX functions, which {config.id} is not{other}; or set it to false"
        )


def check_network(space: gym.Space[Any], config: NetworkConfig, *, where: str) -> None:
    """Refuses convolutions that are larger than what they would look at.

    Args:
        space: space of images `[H, W, C]`, perhaps with numbers behind them.
        config: the agent's hyperparameters.
        where: agent and environment; begins the error.

    Raises:
        ArenaError: naming the layer that does not fit, and layers that would.
    """
    assert isinstance(space, gym.spaces.Box)
    shape = network_shape(space)
    layers = network_sizes(config, shape).conv_layers
    wrong = misfit(shape, layers)
    if wrong is None:
        return
    shown, size = [list(layer) for layer in layers], layers[wrong.layer - 1][1]
    name = f"network={config.network!r}, " if not config.conv_layers else ""
    largest, smallest = fitting_network(shape), min(shape[:2])
    remedy = f"network = {largest!r}" if misfit(shape, NETWORKS[largest].conv_layers) is None else f"conv_layers to [[16, {smallest}, 1]]"
    raise ArenaError(
        f"{where}: {name}conv_layers={shown} do not fit images of {shape}: layer {wrong.layer} looks at {size}x{size} pixels, and "
        f"{wrong.height}x{wrong.width} are left; set {remedy} for example"
    )


def check_replay(space: gym.Space[Any], capacity: int, memory_bytes: int, *, where: str, stacks_frames: bool = False) -> None:
    """Refuses a replay buffer that does not fit into the machine's memory.

    Args:
        space: observation space, of which every transition holds two observations, or one frame.
        capacity: number of transitions.
        memory_bytes: the machine's memory.
        where: agent and environment; begins the error.
        stacks_frames: whether each frame of a stack is stored once.

    Raises:
        ArenaError: with the number of transitions that would fit into half of the memory.
    """
    assert isinstance(space, gym.spaces.Box)
    row_bytes = 2 * space.low.nbytes
    if stacks_frames:
        frame_bytes, depth = space.low.nbytes // space.shape[-1], space.shape[-1]
        row_bytes = frame_bytes + frame_bytes // 8 + 2 * depth * np.dtype(np.int64).itemsize  # and an eighth for the starts of episodes
    if capacity * row_bytes > memory_bytes:
        raise ArenaError(
            f"{where}: replay_capacity={capacity:,} of observations {space.shape} ({space.dtype}) takes "
            f"{capacity * row_bytes / 2**30:,.1f} GiB, and this machine has {memory_bytes / 2**30:,.1f} GiB; set replay_capacity to "
            f"{memory_bytes // 2 // row_bytes:,} at most"
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
