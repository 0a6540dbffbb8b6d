"""`KnownSkill-v0`: an environment in which a policy returns what it was made to return, so that it is known who is better."""

import math
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from arena.policies.onnx_network import Dense, PolicyNetwork

Array = npt.NDArray[Any]

ENV_ID = "KnownSkill-v0"
"""Id of the environment, which is registered when this module is imported."""
LARGEST_SKILL = 500.0
"""Largest magnitude of an action that is rewarded."""
WORST_RETURN = -1_000.0
"""Reward of every larger action."""
_LARGEST_ACTION = 1e6
_SLOPE = 0.5
"""Largest factor by which a player's actions depend on the observation."""


_OBSERVATIONS = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
_ACTIONS = gym.spaces.Box(-_LARGEST_ACTION, _LARGEST_ACTION, (1,), np.float32)


class KnownSkill(gym.Env[Array, Array]):
    """One step, whose reward is the action plus the luck of the initial state.

    Observation: `float32 [1]`, standard normal. Action: `float32 [1]` in ±1,000,000. Reward: action plus observation, and `WORST_RETURN`
    for an action beyond ±500, as random play nearly always takes. Episode: terminated after one step.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]
    observation_space, action_space = _OBSERVATIONS, _ACTIONS

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._luck = self.np_random.standard_normal(1).astype(np.float32)
        return self._luck.copy(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Ends the episode."""
        return self._luck, float(_rewards(action[None], self._luck[None])[0]), True, False, {}


class KnownSkills(VectorEnv[Array, Array, Array]):
    """Many of `KnownSkill`, stepped together.

    Args:
        num_envs: number of environments.
    """

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # type: ignore[misc]

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = _OBSERVATIONS, _ACTIONS
        self.observation_space, self.action_space = (batch_space(space, num_envs) for space in (_OBSERVATIONS, _ACTIONS))
        self._over = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begins all episodes."""
        super().reset(seed=seed, options=options)
        self._luck, self._over = self.np_random.standard_normal((self.num_envs, 1)).astype(np.float32), False
        return self._luck, {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Ends all episodes, or begins the next ones."""
        never, self._over = np.zeros(self.num_envs, np.bool_), not self._over
        if not self._over:
            return self.reset()[0], np.zeros(self.num_envs), never, never, {}
        return self._luck, _rewards(actions, self._luck), ~never, never, {}


def _rewards(actions: Array, luck: Array) -> Array:
    """Returns the rewards `float64 [N]` of `actions` `[N, 1]` in initial states `luck` `[N, 1]`."""
    return np.where(np.abs(actions) <= LARGEST_SKILL, np.add(actions, luck, dtype=np.float64), WORST_RETURN)[:, 0]


def policy_of(skill: float) -> PolicyNetwork:
    """Returns the policy that takes the action `skill` plus a multiple of the observation, another one for every skill.

    So a pair of players does not end alike on all initial states. The multiple is an odd function of the skill: policies of skills that
    are distributed evenly around zero are equally likely to win and to lose against each other.
    """
    slope = _SLOPE * math.sin(1_000.0 * skill)
    layer = Dense(np.array([[slope]], np.float32), np.array([skill], np.float32))
    return PolicyNetwork([layer], _OBSERVATIONS, _ACTIONS)


if ENV_ID not in gym.registry:
    gym.register(ENV_ID, entry_point=f"{__name__}:KnownSkill", vector_entry_point=f"{__name__}:KnownSkills")
