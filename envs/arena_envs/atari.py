"""Atari games in the usual form, by ALE's own vector environment: `wrappers = ["atari"]` around `ALE/<Game>-v5`.

The form is that of Machado et al. (2018, doi:10.1613/jair.5699): grey images of 84 x 84, a stack of the last four, one action for four
frames of which the last two are maximised, and up to 30 actions without effect at the beginning. Rewards are the game's; `atari-training`
among `train_wrappers` clips them to -1, 0 and 1 and ends episodes with a life (Mnih et al., 2015, doi:10.1038/nature14236). How often an
action is repeated by chance, and which actions there are, is the id's own (`ALE/Pong-v5`: 0.25).

One environment and many are both `ale_py.vector_env.AtariVectorEnv`, whose preprocessing is in C++: 2.6 times as fast as Gymnasium's
`AtariPreprocessing`, and without OpenCV.
"""

import os
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode

Array = npt.NDArray[Any]

SEED_RANGE = 2**30
"""Number of different seeds; ALE takes 32 bits."""


class Atari(gym.Wrapper[Array, np.int64, Any, Any]):
    """One game in the usual form, `uint8 [size, size, stack_size]`, the oldest frame first.

    Args:
        env: environment of `ALE/<Game>-v5`; it says which game is played and by which rules.
        size: height and width of images.
        stack_size: number of frames in an observation.
        noop_max: largest number of actions without effect at the beginning of an episode.
        fire_reset: whether episodes begin with the button that starts the game, where there is one.

    Raises:
        ValueError: if `env` is no game of ALE, or has rules that ALE's vector environment cannot follow.
    """

    is_training = False
    """Whether rewards are clipped and episodes end with a life."""

    def __init__(
        self, env: gym.Env[Any, Any], size: int = 84, stack_size: int = 4, noop_max: int = 30, *, fire_reset: bool = False
    ) -> None:
        super().__init__(env)
        self.options = {
            **_rules(env),
            "img_height": size,
            "img_width": size,
            "stack_num": stack_size,
            "noop_max": noop_max,
            "use_fire_reset": fire_reset,
        }
        """Keyword arguments of `AtariVectorEnv`, but for the number of environments and what is for training alone."""
        self.time_limit: int = self.options["max_num_frames_per_episode"] // self.options["frameskip"]
        """Env steps after which an episode is truncated."""
        self.games = AtariGames(self, 1)
        """The game that is played."""
        self.observation_space = self.games.single_observation_space
        self.action_space = self.games.single_action_space
        self._image: Array | None = None
        self._first: Array | None = None  # first image of the next episode, which ALE has begun in the step that ended the last one

    def make_games(self, num_envs: int) -> "AtariGames":
        """Returns as many games in this form behind one vector environment."""
        return AtariGames(self, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begins an episode."""
        first, self._first = self._first, None
        if first is None or seed is not None:
            first = self.games.reset(seed=seed, options=options)[0][0]
        self._image = first
        return first, {}

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Takes one action for `frameskip` frames."""
        observations, rewards, terminated, truncated, info = self.games.step(np.array([action], np.int64))
        self._image, self._first = observations[0], None
        if info:
            self._image, self._first = info["final_obs"][0], observations[0]
        return self._image, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """Returns the newest frame as the agent sees it, `uint8 [size, size, 3]`."""
        return None if self._image is None else np.repeat(self._image[..., -1:], 3, axis=-1)

    def close(self) -> None:
        """Closes both environments."""
        self.games.close()
        self.env.close()


class AtariTraining(Atari):
    """The same game for training: rewards are -1, 0 and 1, and an episode ends with a life.

    Args:
        env: an environment inside `Atari`, whose options it takes.

    Raises:
        ValueError: if `env` is none.
    """

    is_training = True

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        if not isinstance(env, Atari):
            raise ValueError("it goes directly around the wrapper 'atari'")
        gym.Wrapper.__init__(self, env)
        self.options, self.time_limit = env.options, env.time_limit
        self.games = AtariGames(self, 1)
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self._image = self._first = None


class AtariGames(gym.vector.VectorWrapper):
    """N games at once in the form of `Atari`, with autoreset in the same step.

    Args:
        form: one game with its options.
        num_envs: N.
    """

    def __init__(self, form: Atari, num_envs: int) -> None:
        env = AtariVectorEnv(
            num_envs=num_envs,
            num_threads=min(num_envs, _num_cores()),
            autoreset_mode=AutoresetMode.SAME_STEP,
            reward_clipping=form.is_training,
            episodic_life=form.is_training,
            **form.options,
        )
        super().__init__(env)
        self.time_limit = form.time_limit
        """Env steps after which an episode is truncated."""
        shape = (form.options["img_height"], form.options["img_width"], form.options["stack_num"])
        self.single_observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.metadata = {**env.metadata, "autoreset_mode": AutoresetMode.SAME_STEP}

    def reset(  # type: ignore[override]  # Gymnasium's own environments take None among the seeds; its wrapper's annotation does not
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begins N episodes."""
        assert not isinstance(seed, list), "ALE takes one seed for all"
        observations, _ = self.env.reset(seed=None if seed is None else seed % SEED_RANGE, options=options)
        return _channels_last(observations), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:  # type: ignore[override]  # its types are unbound
        """Takes one action in each game; where an episode ends, the next one begins."""
        observations, rewards, terminated, truncated, info = self.env.step(np.array(actions, np.int64))
        ended = terminated | truncated
        finals = {"final_obs": _channels_last(info["final_obs"]), "_final_obs": ended} if ended.any() else {}
        return _channels_last(observations), np.asarray(rewards, np.float64), terminated, truncated, finals


def _channels_last(stacks: Any) -> Array:
    return np.ascontiguousarray(np.moveaxis(stacks, 1, -1))


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _rules(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """Returns the rules of an environment as keyword arguments of `AtariVectorEnv`."""
    spec = env.unwrapped.spec
    if spec is None or "game" not in spec.kwargs:
        raise ValueError("it goes around an environment of ALE, such as ALE/Pong-v5")
    kwargs = dict(spec.kwargs)
    taken = ("game", "repeat_action_probability", "full_action_space", "frameskip", "max_num_frames_per_episode")
    rules = {key: kwargs.pop(key) for key in taken if key in kwargs}
    allowed = {"obs_type": "rgb", "mode": None, "difficulty": None, "continuous": False}
    foreign = [key for key, value in kwargs.items() if key not in ("render_mode", "sound_obs") and value != allowed.get(key, value)]
    if foreign:
        raise ValueError(f"ALE's vector environment cannot follow {', '.join(foreign)}")
    if env.spec is not None and env.spec.max_episode_steps is not None:
        raise ValueError("a time limit goes outside of it, as the wrapper gymnasium.wrappers:TimeLimit")
    return {"max_num_frames_per_episode": 108_000, **rules}
