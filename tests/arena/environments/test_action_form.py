import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from arena.environments.action_form import action_kind, common_actions
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.spaces import MaskedBox
from arena.environments.values import MissingValue
from arena.errors import ArenaError


@pytest.mark.parametrize(
    "space",
    [
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiDiscrete([3, 1, 2], start=[-1, 5, 0]),
        spaces.MultiDiscrete(np.array([[2, 2], [2, 3]])),
        spaces.MultiBinary(4),
        spaces.MultiBinary((2, 2)),
    ],
    ids=str,
)
def test_several_choices_become_one_of_all_their_combinations(space):
    common, act = common_actions(space)
    actions = [act(action) for action in range(int(common.n))]
    assert all(space.contains(action) for action in actions)
    assert len({action.tobytes() for action in actions}) == len(actions)
    expected = 2 ** int(np.prod(space.shape)) if isinstance(space, spaces.MultiBinary) else int(np.prod(space.nvec))
    assert (action_kind(space), len(actions)) == ("discrete", expected)
    actions[0][...] = 1  # the environment's own, which it may change
    assert not np.array_equal(act(0), actions[0])


@pytest.mark.parametrize(
    "space", [spaces.MultiDiscrete([40, 40], start=[5, -1]), spaces.MultiBinary(11), spaces.MultiBinary((3, 4))], ids=str
)
def test_too_many_combinations_stay_choices(space):
    common, act = common_actions(space)
    assert (action_kind(space), action_kind(common)) == ("choices", "choices")
    assert (common.shape, common.start.tolist()) == ((int(np.prod(space.shape)),), [0] * int(np.prod(space.shape)))
    lowest, highest = act(np.zeros(common.shape, np.int64)), act(common.nvec - 1)
    assert space.contains(lowest)
    assert space.contains(highest)
    if isinstance(space, spaces.MultiDiscrete):
        assert (lowest.tolist(), highest.tolist()) == ([5, -1], [44, 38])


def test_more_values_than_a_policy_gives_are_refused():
    assert action_kind(spaces.MultiDiscrete([4_000, 97])).startswith(
        "actions are MultiDiscrete([4000   97]): choices of 4,097 values in all"
    )


def test_the_last_choice_changes_fastest():
    _, act = common_actions(spaces.MultiDiscrete([2, 3]))
    assert [act(np.int64(action)).tolist() for action in range(6)] == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


class Masked(gym.Env):
    """Says in `info` which actions are allowed; `masks` are those of the reset and of the steps."""

    def __init__(self, masks, observation_space=None, num_actions=3):
        self.observation_space = spaces.Box(-1.0, 1.0, (2,)) if observation_space is None else observation_space
        self.action_space = spaces.Discrete(num_actions)
        self.masks = masks

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.observation_space.sample(), self._info()

    def step(self, action):
        self.count += 1
        return self.observation_space.sample(), 0.0, self.count == 2, False, self._info()

    def _info(self):
        mask = self.masks[self.count]
        return {} if mask is None else {"allowed": mask}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    gym.register("ArenaTestInfoMasks-v0", entry_point=Masked, disable_env_checker=True)
    yield
    gym.registry.pop("ArenaTestInfoMasks-v0")


def config_of(masks, key="allowed", **kwargs) -> EnvConfig:
    return EnvConfig("ArenaTestInfoMasks-v0", {"masks": masks, **kwargs}, action_mask_key=key)


def test_a_mask_in_info_follows_the_observation():
    env = make_env(config_of([[1, 0, 1], np.array([False, True, False]), None]))
    assert isinstance(env.observation_space, MaskedBox)
    assert env.reset(seed=0)[0][2:].tolist() == [1, 0, 1]
    observation, *_, info = env.step(0)
    assert (observation[2:].tolist(), observation.dtype, info) == ([0, 1, 0], np.float32, {})
    assert env.step(1)[0][2:].tolist() == [1, 1, 1]  # the end needs none
    assert not isinstance(make_env(config_of([None] * 3, key=None)).observation_space, MaskedBox)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (None, r"None, which is not 3 flags, as info\['allowed'\]"),
        ([1, 0], r"\[1, 0\], which is not 3 flags"),
        ([0, 2, 0], "which is not 3 flags"),
        ("abc", "'abc', which is not 3 flags"),
        ([0, 0, 0], "an action mask that allows nothing as observation"),
    ],
)
def test_a_mask_in_info_that_is_none_is_the_environments_fault(mask, message):
    env = make_env(config_of([[1, 1, 1], mask, None]))
    env.reset()
    with pytest.raises(MissingValue, match=message) as caught:
        env.step(0)
    assert caught.value.env_step == 1


def test_a_second_mask_and_a_mask_of_other_actions_are_refused():
    both = spaces.Dict(observation=spaces.Discrete(2), action_mask=spaces.MultiBinary(3))
    with pytest.raises(ArenaError, match="action_mask_key='allowed': the observations hold a mask already"):
        make_env(config_of([None], observation_space=both))
    with pytest.raises(
        ArenaError, match="action_mask_key='action_mask' needs Discrete, MultiDiscrete or MultiBinary actions; they are Box"
    ):
        make_env(EnvConfig("Pendulum-v1", action_mask_key="action_mask"))
