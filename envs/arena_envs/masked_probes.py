"""Probe environments whose actions are not always allowed. A forbidden action is an error, so an agent that ignores the mask fails at once.

Values below are discounted by g; returns are undiscounted (see `probes`).
"""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

Info = dict[str, Any]
Observation = dict[str, Any]


class MaskedIdentity(gym.Env[Observation, np.int64]):
    """Reward 1 for repeating the observation, where that is allowed; 0.5 for the answer after it.

    Catches: a mask that is ignored or belongs to another step, and exploration or greedy choice that leaves it out.

    Observation: `Discrete(num_actions)`, drawn anew at every step, and the mask: at every second step, the first one included, the action
    that equals the observation is forbidden; all others are always allowed. Action: `Discrete(num_actions)`.
    Reward: 1 if the action equals the observation, 0.5 if it is the next one (cyclically), else 0. Episode: truncated after 100 steps.
    Optimal return: 75. Random policy: `50 * 1.5 / num_actions + 50 * 0.5 / (num_actions - 1)`.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, num_actions: int = 4) -> None:
        self.observation_space = gym.spaces.Dict(
            observation=gym.spaces.Discrete(num_actions), action_mask=gym.spaces.MultiBinary(num_actions)
        )
        self.action_space = gym.spaces.Discrete(num_actions)
        self._num_actions = num_actions
        self._answer, self._restricted = 0, True

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._restricted = False
        return self._draw(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """Takes one step."""
        if self._restricted and int(action) == self._answer:
            raise ValueError(f"action {action} is forbidden here")
        reward = {0: 1.0, 1: 0.5}.get((int(action) - self._answer) % self._num_actions, 0.0)
        return self._draw(), reward, False, False, {}

    def _draw(self) -> Observation:
        self._answer, self._restricted = int(self.np_random.integers(self._num_actions)), not self._restricted
        mask = np.ones(self._num_actions, np.int8)
        mask[self._answer] = not self._restricted
        return {"observation": np.int64(self._answer), "action_mask": mask}


class MaskedFork(gym.Env[Observation, np.int64]):
    """The same place twice, with other actions allowed: what was worth most the first time cannot be done the second time.

    Catches: bootstrapping from the best action of the next observation although it is forbidden there.

    Observation: `Discrete(2)`, fork and crossing, and the mask. Action: `Discrete(2)`.
    Reward: in the fork, where only action 0 is allowed, 10; in the crossing 3 for action 0, which terminates, and 0 for action 1, which
    leads back to the fork; there only action 1 is allowed now, for 1, which terminates.
    Optimal values: `10 + 3 g` in the fork at first, 3 in the crossing (above g), 1 in the fork at last. Optimal return: 13.
    The faulty agent believes that going back is worth `g * (10 + 3 g)`, more than 3 for g > 0.28, and returns 11.
    """

    metadata: ClassVar[Info] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Dict(observation=gym.spaces.Discrete(2), action_mask=gym.spaces.MultiBinary(2))
        self.action_space = gym.spaces.Discrete(2)
        self._step = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Begins an episode."""
        super().reset(seed=seed, options=options)
        self._step = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """Takes one step."""
        if not self._observation()["action_mask"][int(action)]:
            raise ValueError(f"action {action} is forbidden here")
        reward = (10.0, 0.0 if int(action) else 3.0, 1.0)[self._step]
        self._step += 1
        ended = self._step == 3 or reward == 3.0
        return self._observation(), reward, ended, False, {}

    def _observation(self) -> Observation:
        masks = ([1, 0], [1, 1], [0, 1], [0, 0])  # nothing is allowed after the end
        return {"observation": np.int64(self._step % 2), "action_mask": np.array(masks[self._step], np.int8)}
