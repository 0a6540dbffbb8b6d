import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

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
