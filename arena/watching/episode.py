"""One episode of one policy, as it is watched."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.own_errors import errors_of
from arena.environments.rendering import picture

Array = npt.NDArray[Any]


class WatchedPolicy(Protocol):
    """What a policy must do to be watched."""

    def act(self, observations: Array) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`."""

    def scores(self, observations: Array) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """What is seen at one env step."""

    picture: npt.NDArray[np.uint8]
    """Picture of the state, `uint8 [H, W, 3]`."""
    env_step: int
    """Env steps so far."""
    episode_return: float
    """Sum of rewards so far."""
    scores: Array
    """Action scores of the policy in this state, `float32 [A]`."""
    action: Array
    """Action that it chooses here, `[*act]`."""
    ending: str = ""
    """Way in which the episode ended: `terminated`, `truncated` or `cut`; empty while it goes on."""


def watch_episode(policy: WatchedPolicy, env: gym.Env[Any, Any], *, seed: int, max_steps: int) -> Iterator[Moment]:
    """Plays one episode, and yields each of its moments, the initial state first; closes nothing.

    Args:
        policy: Policy that acts.
        env: Environment that gives pictures (`arena.environments.rendering.make_renderer`).
        seed: Seed of the initial state; policies that are watched side by side have the same.
        max_steps: Env steps after which the episode is cut.

    Raises:
        CannotRender: If the environment gives no picture.
        EnvironmentRaised: If the environment's own code fails; says at which env step.
    """
    name, place = env.spec.id if env.spec else "", f"the episode of seed {seed}"
    with errors_of(name, 0, place):
        observation, _ = env.reset(seed=seed)
    episode_return, ending = 0.0, ""
    for env_step in range(max_steps + 1):
        observations = np.asarray(observation)[np.newaxis]
        action, scores = policy.act(observations)[0], policy.scores(observations)[0]
        with errors_of(name, env_step, f"{place}, while it was drawn"):
            frame: Any = env.render()
        yield Moment(picture(frame), env_step, episode_return, scores, np.asarray(action), ending)
        if ending:
            return
        with errors_of(name, env_step + 1, place):
            observation, reward, terminated, truncated, _ = env.step(action)
        episode_return += float(reward)
        if terminated or truncated:
            ending = "terminated" if terminated else "truncated"
        elif env_step == max_steps - 1:
            ending = "cut"
