"""Makes Gymnasium environments in the one form that all agents and policies see.

Observations: Discrete arrives one-hot, floats as float32; flat `[D]` or image-shaped `[H, W, C]`, everything else is refused.
Where not every action is always allowed, `Dict(observation, action_mask)` becomes `arena.environments.spaces.MaskedBox`. Actions:
Discrete counting
from zero, or a bounded Box with one axis.
"""

import dataclasses
import importlib.metadata
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from arena.environments.jax_functions import MeteredFunctionalEnv
from arena.environments.metering import Meter, MeteredEnv, MeteredVectorEnv
from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError, did_you_mean
from arena.machine.installation import install_command
from arena.seeding import reset_seed

Vectorize = Callable[[gym.Env[Any, Any], int, gym.Space[Any], gym.Space[Any]], VectorEnv[Any, Any, Any] | None]
"""`vectorize(env, num_envs, observation_space, action_space)` returns a vector environment of the arena's spaces that does what `num_envs`
copies of `env` do, or None where it knows none."""


def _register_plugins() -> list[Vectorize]:
    # Gymnasium stopped reading this entry point group in 1.0 (release notes, "Removing the plugin system"); we still do, so that
    # environments of installed packages are known by their id alone. What a plug-in returns, if anything, is a Vectorize.
    found = []
    for entry_point in importlib.metadata.entry_points(group="gymnasium.envs"):
        try:
            vectorize = entry_point.load()()
        except Exception as error:  # another package's code: its failure must not keep ours from working
            warnings.warn(f"environments of {entry_point.value!r} are missing: {error!r}", stacklevel=2)
        else:
            found += [vectorize] if callable(vectorize) else []
    return found


_VECTORIZERS = _register_plugins()


@dataclasses.dataclass(frozen=True)
class EnvConfig:
    """Which environment: a Gymnasium id and the keyword arguments of `gymnasium.make`."""

    id: str
    """A registered id, `CartPole-v1`, or `module:id`."""
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Passed to the environment."""

    @property
    def name(self) -> str:
        """Safe as a file name; tells apart environments that differ in arguments."""
        parts = [self.id.replace("/", "-").replace(":", "-")]
        parts += [f"{key}={value}".replace("/", "-") for key, value in sorted(self.kwargs.items())]
        return ",".join(parts)


class _Normalize(gym.Wrapper[Any, Any, Any, Any]):
    """Brings one environment's spaces into the common form."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space, self._observe = _normal_observation(env.observation_space)
        self.action_space, self._offset = _normal_action(env.action_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._observe(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action + self._offset if self._offset else action)
        return self._observe(observation), reward, terminated, truncated, info


def _normal_observation(space: gym.Space[Any]) -> tuple[gym.spaces.Box, Callable[[Any], Any]]:
    if isinstance(space, MaskedBox):
        return space, lambda observation: observation
    if isinstance(space, gym.spaces.Dict):
        return _normal_masked(space)
    if isinstance(space, gym.spaces.Discrete):
        identity, start = np.eye(int(space.n), dtype=np.float32), int(space.start)
        return gym.spaces.Box(0.0, 1.0, (int(space.n),), np.float32), lambda observation: identity[int(observation) - start]
    assert isinstance(space, gym.spaces.Box)
    if np.issubdtype(space.dtype, np.floating) or len(space.shape) == 1:
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return gym.spaces.Box(low, high, space.shape, np.float32), lambda observation: np.asarray(observation, np.float32)
    return space, lambda observation: observation


def _normal_masked(space: gym.spaces.Dict) -> tuple[MaskedBox, Callable[[Any], Any]]:
    features, observe = _normal_observation(space["observation"])
    (num_actions,) = space["action_mask"].shape or ()
    low, high = features.low.reshape(-1).astype(np.float32), features.high.reshape(-1).astype(np.float32)

    def join(observation: Any) -> Any:
        flat = np.asarray(observe(observation["observation"]), np.float32).reshape(-1)
        return np.concatenate([flat, np.asarray(observation["action_mask"], np.float32)])

    return MaskedBox(low, high, num_actions), join


def _normal_action(space: gym.Space[Any]) -> tuple[gym.Space[Any], int]:
    if isinstance(space, gym.spaces.Discrete):
        return gym.spaces.Discrete(int(space.n)), int(space.start)
    return space, 0


def observation_kind(space: gym.Space[Any]) -> str:
    """Returns `flat` or `image`, or why the arena cannot take such observations, in a sentence."""
    if isinstance(space, gym.spaces.Discrete) or (isinstance(space, gym.spaces.Box) and len(space.shape) == 1):
        return "flat"
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 3:
        return "image"
    if isinstance(space, gym.spaces.Dict) and _is_masked(space):
        return "flat"
    return f"observations are {space}; the arena takes Discrete and Box with one axis (flat) or three (image), or either with a mask: \
Dict(observation, action_mask)"


def _is_masked(space: gym.spaces.Dict) -> bool:
    if set(space.spaces) != {"observation", "action_mask"}:
        return False
    observation, mask = space["observation"], space["action_mask"]
    flags = isinstance(mask, gym.spaces.MultiBinary) or (isinstance(mask, gym.spaces.Box) and mask.low.min() >= 0 and mask.high.max() <= 1)
    return isinstance(observation, (gym.spaces.Box, gym.spaces.Discrete)) and flags and len(mask.shape or ()) == 1


def action_kind(space: gym.Space[Any]) -> str:
    """Returns `discrete` or `box`, or why the arena cannot take such actions, in a sentence."""
    if isinstance(space, gym.spaces.Discrete):
        return "discrete"
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return "box"
    return f"actions are {space}; the arena takes Discrete and bounded Box with one axis"


def make_env(config: EnvConfig, **kwargs: Any) -> gym.Env[Any, Any]:
    """Returns one environment in the common form.

    Raises:
        ArenaError: if it is unknown, cannot be made, or has spaces that the arena does not take; gives Gymnasium's reason.
    """
    try:
        env = gym.make(config.id, **{**config.kwargs, **kwargs})
    except gym.error.NameNotFound as error:
        raise ArenaError(f"no environment {config.id!r}{did_you_mean(config.id, env_ids())} (arena list envs)") from error
    except gym.error.Error as error:
        hint = f" ({install_command('box2d')})" if "box2d" in str(error).lower() else ""
        raise ArenaError(f"environment {config.id!r} cannot be made: {error}{hint}") from error
    except Exception as error:  # the constructor is another package's code
        hint = f" ({install_command('keras')})" if isinstance(error, ModuleNotFoundError) and error.name == "jax" else ""
        raise ArenaError(f"environment {config.id!r} cannot be made: {error}{hint}") from error
    for answer, kinds in (
        (observation_kind(env.observation_space), ("flat", "image")),
        (action_kind(env.action_space), ("discrete", "box")),
    ):
        if answer not in kinds:
            env.close()
            raise ArenaError(f"environment {config.id!r}: {answer}")
    normal = _Normalize(env)
    space, actions = normal.observation_space, normal.action_space
    if isinstance(space, MaskedBox) and not (isinstance(actions, gym.spaces.Discrete) and actions.n == space.num_actions):
        env.close()
        raise ArenaError(f"environment {config.id!r}: action_mask has {space.num_actions} flags, but actions are {actions}")
    return normal


def make_vec_env(config: EnvConfig, num_envs: int, *, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP) -> VectorEnv[Any, Any, Any]:
    """Returns `num_envs` environments in the common form behind one vector environment.

    Where a plug-in knows a quicker one, that is taken. Where Gymnasium has a vectorised implementation with the same spaces, and nothing is
    passed to it, that one is taken: it is several times quicker. Its autoreset mode is then its own, whatever was asked for.
    """
    env = make_env(config)  # what it refuses is refused here with the same words
    spec = env.spec
    quicker = _vectorized(env, num_envs)
    env.close()
    if quicker is not None:
        return quicker
    assert spec is not None
    if spec.vector_entry_point is not None and spec.entry_point is not None and not config.kwargs:
        vector_env = gym.make_vec(config.id, num_envs=num_envs, vectorization_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT)
        space = vector_env.single_observation_space
        if isinstance(space, gym.spaces.Box) and space.dtype == np.float32 and _normal_action(vector_env.single_action_space)[1] == 0:
            return vector_env
        vector_env.close()
    return SyncVectorEnv([lambda: make_env(config)] * num_envs, autoreset_mode=autoreset_mode)


def has_functions(env: gym.Env[Any, Any]) -> bool:
    """Returns whether an environment made by `make_env` can be stepped inside a compiled JAX program (see `jax_functions`)."""
    return hasattr(_vectorized(env, 1), "functions")


def _vectorized(env: gym.Env[Any, Any], num_envs: int) -> VectorEnv[Any, Any, Any] | None:
    assert isinstance(env, _Normalize)
    found = (vectorize(env.env, num_envs, env.observation_space, env.action_space) for vectorize in _VECTORIZERS)
    return next((vector_env for vector_env in found if vector_env is not None), None)


def env_ids() -> list[str]:
    """Returns the ids of all registered environments, sorted."""
    return sorted(gym.registry)


class ArenaEnvFactory:
    """Makes the metered environments of one run (an `arena.agent.interface.EnvFactory`).

    Args:
        config: the environment.
        meter: takes the counts.
        seed: of the resets: the one at the beginning, and one after every `cut_episodes`.
        snapshots: folder in which the run can keep policies of its own past. An environment with an attribute `wants_snapshots` that is
            true gets it as the keyword argument `snapshots`.
    """

    def __init__(self, config: EnvConfig, meter: Meter, seed: np.random.SeedSequence, *, snapshots: Path | None = None) -> None:
        self.config, self.meter = config, meter
        self.snapshots: Path | None = None
        """The folder, where the environment wants one: the training loop adds a policy at every selection evaluation."""
        env = make_env(config)
        if snapshots is not None and getattr(env.unwrapped, "wants_snapshots", False):
            self.snapshots = snapshots
            self.config = dataclasses.replace(config, kwargs={**config.kwargs, "snapshots": str(snapshots)})
        self.observation_space: gym.Space[Any] = env.observation_space
        self.action_space: gym.Space[Any] = env.action_space
        env.close()
        self.num_cuts = 0
        """Calls of `cut_episodes`; with the seed it decides all resets that follow."""
        self._seed = seed
        self._made: list[MeteredEnv | MeteredVectorEnv] = []

    def make_vec(self, num_envs: int) -> MeteredVectorEnv:
        """Returns `num_envs` environments behind one metered vector environment."""
        made = make_vec_env(self.config, num_envs)
        kind = MeteredFunctionalEnv if hasattr(made, "functions") else MeteredVectorEnv
        env = kind(made, self.meter, self._seed_source())
        self._made.append(env)
        return env

    def make(self) -> MeteredEnv:
        """Returns one metered environment."""
        env = MeteredEnv(make_env(self.config), self.meter, self._seed_source())
        self._made.append(env)
        return env

    def cut_episodes(self, num_cuts: int | None = None) -> None:
        """Ends all running episodes, and decides the seeds that follow by the number of cuts made so far."""
        self.num_cuts = self.num_cuts + 1 if num_cuts is None else num_cuts
        for env in self._made:
            env.cut_episodes()

    def _seed_source(self) -> Callable[[], int]:
        index = len(self._made)

        def next_seed() -> int:
            return reset_seed(self._seed, index, self.num_cuts)

        return next_seed
