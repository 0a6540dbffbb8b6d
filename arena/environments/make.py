"""Makes one Gymnasium environment in the form that all agents and policies see."""

import contextlib
import importlib.util
import inspect
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from arena.environments.action_form import CHOICES, action_kind
from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.images import is_frame_stack, looks_channels_first
from arena.environments.observation_form import IMAGE_AND_NUMBERS, is_masked, observation_kind
from arena.environments.plugins import prepare, registered_ids, registering_package
from arena.environments.requirements import install_package
from arena.environments.spaces import MaskedBox
from arena.environments.word import refuse_without_word
from arena.environments.wrappers import wrapped
from arena.errors import ArenaError, EnvironmentUnavailable, HiddenModule, did_you_mean, how_to_find
from arena.machine.installation import install_command


def make_env(config: EnvConfig, *, info_metrics: Sequence[str] = (), **kwargs: Any) -> gym.Env[Any, Any]:
    """Returns one environment in the common form (`arena.environments.common_form`).

    Args:
        config: The environment.
        info_metrics: Keys of the `info` of a step whose values are kept, as floats.
        **kwargs: Further keyword arguments of `gymnasium.make`, `render_mode` say.

    Raises:
        ArenaError: if the environment is unknown, cannot be made, or has spaces that the arena does not take; gives Gymnasium's reason.
            Also if a folder names it and it needs the user's word (`arena.environments.word`).
    """
    refuse_without_word(config)
    try:
        prepare(config.id)
        env = gym.make(config.id, **{**config.kwargs, **kwargs})
    except gym.error.NameNotFound as error:
        if (package := registering_package(config.id)) and importlib.util.find_spec(package) is None:
            raise EnvironmentUnavailable(f"environment {config.id!r} cannot be made: {install_package(package)}") from error
        near = did_you_mean(config.id, registered_ids())
        raise ArenaError(
            f"no environment {config.id!r}{near} (arena list envs); one that a script or notebook has registered is known there alone: put "
            f"it in a module, my_envs say, and name that, as 'my_envs:{config.id}' or by modules = [\"my_envs\"]"
        ) from error
    except gym.error.Error as error:
        hint = f" ({install_command('box2d')})" if "box2d" in str(error).lower() else _import_hint(config.id, error)
        raise EnvironmentUnavailable(f"environment {config.id!r} cannot be made: {str(error).rstrip('.')}{hint}") from error
    except Exception as error:  # the constructor is another package's code
        hint = _import_hint(config.id, error) + _arguments_hint(config.id, error)
        if isinstance(error, ModuleNotFoundError) and not isinstance(error, HiddenModule) and error.name == "jax":
            hint = f" ({install_command('keras')})"
        raise EnvironmentUnavailable(f"environment {config.id!r} cannot be made: {error}{hint}") from error
    try:
        return _in_common_form(wrapped(env, config.wrappers), config, info_metrics)
    except ArenaError as error:
        env.close()
        raise ArenaError(f"environment {config.id!r}: {error}") from error


def _refuse_own_normalization(env: gym.Env[Any, Any]) -> None:
    """Refuses an environment that normalises by itself: its scores would be in no unit, and no policy file would have its statistics."""
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        for wrapper, option in (
            (gym.wrappers.NormalizeObservation, "normalize_observations"),
            (gym.wrappers.NormalizeReward, "normalize_rewards"),
        ):
            if isinstance(layer, wrapper):
                raise ArenaError(
                    f"it has {wrapper.__name__} inside; leave that wrapper out and set {option}=true in the agent's hyperparameters, so "
                    "that scores keep their unit and the policy file has the statistics"
                )
        layer = layer.env


def _in_common_form(env: gym.Env[Any, Any], config: EnvConfig, info_metrics: Sequence[str]) -> CommonForm:
    """Returns an environment with its wrappers in the common form.

    Raises:
        ArenaError: says which space or wrapper is not taken, and why.
    """
    _refuse_own_normalization(env)
    for answer, kinds in (
        (observation_kind(env.observation_space), ("flat", "image", IMAGE_AND_NUMBERS)),
        (action_kind(env.action_space), ("discrete", CHOICES, "box")),
    ):
        if answer not in kinds:
            raise ArenaError(answer)
    shape = env.observation_space.shape or ()
    channels_first = is_frame_stack(env)
    if len(shape) == 3 and not channels_first and looks_channels_first(shape):
        raise ArenaError(
            f"images are {shape}, which looks like channels first; the arena takes [height, width, channels]: "
            "wrap the environment in gymnasium.wrappers.TransformObservation with numpy.moveaxis(image, 0, -1)"
        )
    if (key := config.action_mask_key) is not None:
        if isinstance(env.action_space, gym.spaces.Box):
            raise ArenaError(f"action_mask_key={key!r} needs Discrete, MultiDiscrete or MultiBinary actions; they are {env.action_space}")
        if isinstance(env.observation_space, MaskedBox) or is_masked(env.observation_space):
            raise ArenaError(f"action_mask_key={key!r}: the observations hold a mask already; leave out the key")
    if config.action_mask_key is not None and observation_kind(env.observation_space) == IMAGE_AND_NUMBERS:
        raise ArenaError(f"action_mask_key={config.action_mask_key!r}: the arena takes no mask beside an image with other parts")
    return CommonForm(
        env,
        channels_first=channels_first,
        text_encoder=config.text_encoder,
        action_mask_key=key,
        info_metrics=info_metrics,
    )


def _import_hint(env_id: str, error: Exception) -> str:
    """Returns what to do where the module of `module:Id`, or the package of a namespace, is not found."""
    module, colon, _ = env_id.rpartition(":")
    if isinstance(error, gym.error.NamespaceNotFound) and (package := registering_package(env_id)):
        return f" ({install_package(package)})"
    if isinstance(error, gym.error.UnregisteredEnv) or "Malformed" in str(error):
        return f"{did_you_mean(env_id, registered_ids())} (arena list envs)"
    return how_to_find(module) if colon else ""


def _arguments_hint(env_id: str, error: Exception) -> str:
    """Returns which arguments an environment takes, after an error about one that it does not take."""
    if not (isinstance(error, TypeError) and "unexpected keyword argument" in str(error)):
        return ""
    with contextlib.suppress(Exception):  # the constructor is another package's code
        spec = gym.spec(env_id)
        make = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
        if names := [name for name in inspect.signature(make).parameters if name != "kwargs"]:  # type: ignore[arg-type]  # not None here
            return f"; it takes {', '.join(names)}"
    return ""


def own_time_limit(env: gym.Env[Any, Any]) -> int | None:
    """Returns the env steps after which an environment truncates an episode; None if no spec, `TimeLimit` or `time_limit` says so."""
    limits = [env.spec.max_episode_steps if env.spec is not None else None]
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.TimeLimit):
            limits.append(env._max_episode_steps)
        limits.append(getattr(env, "time_limit", None))
        env = env.env
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None
