"""Whole episodes in a policy's process, where known code steps the environment: a message for each step costs more than the step.

Only ids that are registered for Gymnasium's own classic control and toy text environments qualify, without arguments of the experiment's
and without wrappers: they are stepped by the array form that comes with the arena, by Gymnasium's vector environment, or one by one, and
nobody else's code is loaded beside the policy. The loop is that of `arena.policies.evaluation`, so the episodes are those of a policy that
is asked step by step. Whatever goes wrong in it is an error without a judgement: the user of the policy
then asks step by step, which tells what it was.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import gymnasium.envs.classic_control  # imported once by the fork server, and not by each policy's process
import gymnasium.envs.toy_text
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.choices import are_in_space
from arena.environments.common_form import CommonForm
from arena.environments.plugins import own_plugin
from arena.policies.evaluation import episode_batches, evaluate_in

Array = npt.NDArray[Any]

PACKAGES = (f"{gymnasium.envs.classic_control.__name__}.", f"{gymnasium.envs.toy_text.__name__}.")
"""Packages whose environments may be stepped in a policy's process."""
SIGN_SECONDS = 0.5
"""Seconds of play after which the process gives a sign of life: only a call that takes longer than its bound is silent for longer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WholeEpisodes:
    """Episodes that a policy's process is to play by itself."""

    env_id: str
    """Gymnasium id."""
    spec: str
    """Registration of the id as JSON; the process plays only if its own is the same."""
    num_episodes: int
    """Number of episodes to play."""
    seed: int
    """Seed of the initial states."""
    action_seconds: float
    """Longest time for an action: the time of a call divided by the observations in it."""

    @property
    def max_episode_steps(self) -> int:
        """Env steps after which the environment cuts an episode."""
        return int(json.loads(self.spec)["max_episode_steps"])

    @property
    def max_calls(self) -> int:
        """Max number of calls of the policy."""
        return len(list(episode_batches(self.num_episodes, self.seed))) * self.max_episode_steps

    @property
    def num_bytes(self) -> int:
        """Size of the answer: a return and a length for each episode."""
        return 16 * self.num_episodes


def own_registration(env_id: str) -> str | None:
    """Returns the registration of an id as JSON, if Gymnasium's own classic control or toy text is behind it; None otherwise.

    Args:
        env_id: Gymnasium id, whose package has registered it.
    """
    spec = gym.registry.get(env_id)
    if spec is None or spec.namespace is not None or spec.additional_wrappers or not spec.max_episode_steps:
        return None
    if spec.vector_entry_point is not None and spec.kwargs:
        return None
    points = [point for point in (spec.entry_point, spec.vector_entry_point) if point is not None]
    if not points or not all(isinstance(point, str) and point.startswith(PACKAGES) for point in points):
        return None
    try:
        return str(spec.to_json())
    except (TypeError, ValueError):  # arguments that JSON cannot name
        return None


def play_whole(act: Callable[[Array], Array], asked: WholeEpisodes, call_seconds: float, give_sign: Callable[[], None]) -> bytes:
    """Plays episodes in this process, and returns `float64 [E]` returns followed by `int64 [E]` lengths.

    Args:
        act: Returns actions `[N]` for observations `[N, *obs]`.
        asked: Episodes to play.
        call_seconds: Longest time for a call of `act`.
        give_sign: Called about every `SIGN_SECONDS` of play, between two calls of `act`.

    Raises:
        Exception: If the episodes cannot be played to their ends; the step-by-step way tells why.
    """
    if own_registration(asked.env_id) != asked.spec:
        raise ValueError(f"{asked.env_id} is registered differently here")
    policy = _TimedPolicy(act, CommonForm(gym.make(asked.env_id)).action_space, asked.action_seconds, call_seconds)
    played = evaluate_in(
        lambda num_envs: _make_envs(asked.env_id, num_envs),
        policy,
        num_episodes=asked.num_episodes,
        seed=asked.seed,
        on_step=_Signs(give_sign).on_step,
    )
    return played.episode_returns.astype(np.float64).tobytes() + played.episode_lengths.astype(np.int64).tobytes()


def read_episodes(content: memoryview, asked: WholeEpisodes) -> tuple[Array, Array] | None:
    """Returns returns and lengths that `play_whole` sent; None if they are none of the environment's, whoever sent them.

    Args:
        content: Bytes that a policy's process sent.
        asked: Episodes that it was to play.
    """
    if content.nbytes != asked.num_bytes:
        return None
    half = content.nbytes // 2
    returns, lengths = np.frombuffer(content[:half], np.float64).copy(), np.frombuffer(content[half:], np.int64).copy()
    if not np.isfinite(returns).all() or lengths.min() < 1 or lengths.max() > asked.max_episode_steps:
        return None
    return returns, lengths


def _make_envs(env_id: str, num_envs: int) -> gym.vector.VectorEnv[Any, Any, Any]:
    plugin, env = own_plugin(), CommonForm(gym.make(env_id))
    if plugin is not None and plugin.vectorize is not None:
        arrays = plugin.vectorize(env.env, num_envs, env.observation_space, env.action_space)
        if arrays is not None:
            return arrays
    if gym.spec(env_id).vector_entry_point is not None:
        return gym.make_vec(env_id, num_envs=num_envs, vectorization_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT)
    return SyncVectorEnv([lambda: CommonForm(gym.make(env_id))] * num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)


class _TimedPolicy:
    """The policy, which fails where it is late or chooses an action that isn't there."""

    def __init__(self, act: Callable[[Array], Array], action_space: gym.Space[Any], action_seconds: float, call_seconds: float) -> None:
        self._act, self._space = act, action_space
        self._action_seconds, self._call_seconds = action_seconds, call_seconds

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns actions `[N]` for `observations` `[N, *obs]`; there are no masks here."""
        assert action_masks is None
        start = time.perf_counter()
        actions = self._act(observations)
        if time.perf_counter() - start > min(self._call_seconds, self._action_seconds * len(observations)):
            raise TimeoutError("it was late")
        space = self._space
        if actions.shape != (len(observations), *(space.shape or ())):
            raise ValueError("it chose an action that isn't there")
        allowed = (
            are_in_space(actions, space) if isinstance(space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)) else np.isfinite(actions)
        )
        if not allowed.all():
            raise ValueError("it chose an action that isn't there")
        return actions


class _Signs:
    """The signs of life of a process that plays."""

    def __init__(self, give: Callable[[], None]) -> None:
        self._give, self._last = give, time.monotonic()

    def on_step(self) -> None:
        """Gives a sign if it is time."""
        if (now := time.monotonic()) - self._last >= SIGN_SECONDS:
            self._last = now
            self._give()
