import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError
from arena.policies.conversion.conversion import Conversion

FLAT, DISCRETE = spaces.Box(-1.0, 1.0, (3,), np.float32), spaces.Discrete(2)


@pytest.mark.parametrize(
    ("observations", "actions"),
    [
        (spaces.Tuple([FLAT, DISCRETE]), DISCRETE),
        (spaces.Dict(a=FLAT, b=DISCRETE), DISCRETE),
        (spaces.MultiBinary(3), DISCRETE),
        (FLAT, spaces.MultiDiscrete([2, 2])),
        (FLAT, spaces.MultiBinary(2)),
    ],
)
def test_a_model_of_several_parts_or_choices_is_refused(observations: gym.Space, actions: gym.Space):
    Conversion("model", FLAT, DISCRETE)
    Conversion("model", spaces.Dict(observation=FLAT, action_mask=spaces.MultiBinary(2)), DISCRETE)
    with pytest.raises(ArenaError, match=r"model: observations are .* in an order of its own"):
        Conversion("model", observations, actions)


@pytest.mark.parametrize(
    ("shape", "actions", "message"),
    [
        ((2, 2), spaces.Discrete(4), r"'action_mask' must have one axis for actions of one choice"),
        (3, spaces.Discrete(4), r"action_mask has 3 flags, but actions are Discrete\(4\)"),
        (3, FLAT, r"action_mask has 3 flags, but actions are Box.*, of which a mask cannot say which are allowed: leave it out"),
        ((2, 2), FLAT, r"action_mask has 2 x 2 flags, but actions are Box"),
    ],
)
def test_a_mask_that_does_not_fit_the_actions_is_refused(shape, actions: gym.Space, message: str):
    with pytest.raises(ArenaError, match=f"^model: .*{message}"):
        Conversion("model", spaces.Dict(observation=FLAT, action_mask=spaces.MultiBinary(shape)), actions)
    Conversion("model", MaskedBox([-1.0], [1.0], 4), spaces.Discrete(4))
    with pytest.raises(ArenaError, match=r"action_mask has 4 flags"):
        Conversion("model", MaskedBox([-1.0], [1.0], 4), spaces.Discrete(3))
