"""Action masks on their way: environment, observation, policy, file, random play, conformance check."""

import dataclasses
import sys
import types

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arena.agent.hyperparameters import DQNConfig
from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.spaces import ILLEGAL_SCORE, MaskedBox, random_actions, random_masks
from arena.environments.values import MissingValue
from arena.environments.vectorize import make_vec_env
from arena.errors import ArenaError
from arena.experiment.compatibility import check_pair
from arena.learning.replay_loop import ReplayLoop
from arena.policies.evaluation import evaluate
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy, UniformPolicy
from arena.testing import FAKE_AGENT, FakeAgent, check_agent, check_learns, check_policy

SPACE = MaskedBox(np.full(3, -1.0), np.full(3, 1.0), 4)
DISCRETE = gym.spaces.Discrete(4)
IDENTITY, FORK = EnvConfig("arena/MaskedIdentity-v0"), EnvConfig("arena/MaskedFork-v0")


class Spaces(gym.Env):
    def __init__(self, observation_space, action_space) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(0)
        return self.observation_space.sample(), {}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    gym.register("ArenaTestMasks-v0", entry_point=Spaces, disable_env_checker=True)
    yield
    gym.registry.pop("ArenaTestMasks-v0")


def masked(observation, mask, actions=DISCRETE) -> EnvConfig:
    space = gym.spaces.Dict(observation=observation, action_mask=mask)
    return EnvConfig("ArenaTestMasks-v0", {"observation_space": space, "action_space": actions})


def network(space: MaskedBox = SPACE, support=None) -> PolicyNetwork:
    rng = np.random.default_rng(0)
    num_outputs = space.num_actions * (1 if support is None else len(support))
    sizes = (space.num_features, 8, num_outputs)
    layers = [
        Dense(rng.normal(size=(rows, columns)).astype(np.float32), np.zeros(columns, np.float32), activation)
        for rows, columns, activation in zip(sizes, sizes[1:], ("relu", "linear"), strict=False)
    ]
    return PolicyNetwork(layers, space, gym.spaces.Discrete(space.num_actions), support=support)


@pytest.mark.parametrize("mask", [gym.spaces.MultiBinary(4), gym.spaces.Box(0, 1, (4,), np.int8)])
@pytest.mark.parametrize(
    ("observation", "num_features"),
    [(gym.spaces.Discrete(3, start=5), 3), (gym.spaces.Box(0, 1, (2, 3, 2), np.int8), 12), (gym.spaces.Box(-2.0, 2.0, (5,)), 5)],
)
def test_a_dict_with_a_mask_becomes_flat(observation, num_features, mask) -> None:
    env = make_env(masked(observation, mask, gym.spaces.Discrete(4, start=1)))
    assert isinstance(env.observation_space, MaskedBox)
    assert (env.observation_space.num_features, env.observation_space.num_actions) == (num_features, 4)
    inner = env.unwrapped.observation_space
    observed, _ = env.reset()
    assert env.observation_space.contains(observed)
    inner.seed(0)
    expected = inner.sample()
    features, found = env.observation_space.split(observed)
    np.testing.assert_array_equal(found, expected["action_mask"] > 0)
    if isinstance(observation, gym.spaces.Discrete):
        assert features.argmax() == expected["observation"] - 5
    else:
        np.testing.assert_array_equal(features, expected["observation"].reshape(-1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (masked(gym.spaces.Discrete(3), gym.spaces.MultiBinary(3)), "action_mask has 3 flags, but actions are Discrete(4)"),
        (
            masked(gym.spaces.Discrete(3), gym.spaces.Box(0, 1, (4,)), gym.spaces.Box(0, 1, (4,))),
            "action_mask has 4 flags, but actions are",
        ),
        (
            masked(gym.spaces.Discrete(3), gym.spaces.MultiBinary((2, 2)), gym.spaces.Box(0, 1, (4,))),
            "action_mask has 2 x 2 flags, but actions are Box",
        ),
        (masked(gym.spaces.Sequence(gym.spaces.Discrete(2)), gym.spaces.MultiBinary(4)), "observations are Dict"),
        (masked(gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (4,))), "observations are Dict"),
        (masked(gym.spaces.Discrete(3), gym.spaces.MultiBinary([2, 2])), "observations are Dict"),
    ],
)
def test_masks_that_fit_nothing_are_refused(config, message) -> None:
    with pytest.raises(ArenaError) as caught:
        make_env(config)
    assert str(caught.value).startswith(f"environment 'ArenaTestMasks-v0': {message}")


def test_agents_without_masks_are_refused() -> None:
    check_pair(FAKE_AGENT, IDENTITY)
    blind = dataclasses.replace(FAKE_AGENT, action_masks=False)
    check_pair(blind, EnvConfig("arena/Identity-v0"))
    with pytest.raises(ArenaError, match="NumPy has no action masks: fake cannot play arena/MaskedIdentity-v0"):
        check_pair(blind, IDENTITY)


def test_vector_environments_keep_the_space() -> None:
    env = make_vec_env(IDENTITY, 3)
    assert env.single_observation_space == make_env(IDENTITY).observation_space == MaskedBox(np.zeros(4), np.ones(4), 4)
    observations, _ = env.reset(seed=0)
    _, masks = env.single_observation_space.split(observations)
    np.testing.assert_array_equal(masks, ~(observations[:, :4] > 0.5))  # the first answer is forbidden
    env.close()


def test_samples_allow_something() -> None:
    SPACE.seed(0)
    samples = np.stack([SPACE.sample() for _ in range(200)])
    assert all(SPACE.contains(sample) for sample in samples)
    _, masks = SPACE.split(samples)
    assert masks.any(-1).all()
    assert 0.3 < masks.mean() < 0.8


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 50))
def test_random_actions_are_allowed(seed, num_actions, count) -> None:
    rng = np.random.default_rng(seed)
    masks = random_masks(rng, count, num_actions)
    assert masks[np.arange(count), random_actions(rng, masks)].all()


def test_random_actions_are_uniform() -> None:
    masks = np.tile([True, False, True, True], (9_000, 1))
    counts = np.bincount(random_actions(np.random.default_rng(0), masks), minlength=4)
    assert counts[1] == 0
    assert (abs(counts[[0, 2, 3]] - 3_000) < 225).all()  # five standard deviations of 45


@given(hnp.arrays(np.float32, (6, 3), elements=st.floats(-1e6, 1e6, width=32)), st.integers(0, 2**32 - 1))
def test_no_forbidden_action_is_ever_chosen(features, seed) -> None:
    masks = random_masks(np.random.default_rng(seed), 6, 4)
    observations = np.concatenate([features, masks.astype(np.float32)], axis=1)
    scores = network().scores(observations)
    assert masks[np.arange(6), network().actions(observations)].all()
    assert (scores[~masks] == np.float32(ILLEGAL_SCORE)).all()
    np.testing.assert_array_equal(scores[masks], network_without_mask(features)[masks])


def network_without_mask(features: np.ndarray) -> np.ndarray:
    return PolicyNetwork(network().layers, SPACE.features, DISCRETE).scores(features)


@pytest.mark.parametrize("support", [None, np.linspace(-1.0, 1.0, 5)], ids=["values", "distributions"])
def test_the_file_equals_the_numpy_pass(tmp_path, support) -> None:
    policy_network = network(support=support)
    policy_network.export(tmp_path / "policy.onnx")
    check_policy(tmp_path / "policy.onnx", SPACE, DISCRETE)
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    SPACE.seed(1)
    observations = np.stack([SPACE.sample() for _ in range(100)])
    np.testing.assert_allclose(policy.scores(observations), policy_network.scores(observations), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(policy.act(observations), policy_network.actions(observations))


def test_a_position_without_moves_scores_finitely(tmp_path) -> None:
    network().export(tmp_path / "policy.onnx")
    ended = np.zeros((2, 7), np.float32)
    assert np.isfinite(OnnxPolicy(tmp_path / "policy.onnx").scores(ended)).all()
    assert (0.0 * network().scores(ended).max(-1) == 0.0).all()  # what a terminated transition makes of it


def test_convolutions_are_not_for_masked_observations() -> None:
    conv = Conv(np.zeros((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), 1)
    with pytest.raises((IndexError, ValueError)):
        PolicyNetwork([conv], SPACE, DISCRETE).scores(np.zeros((1, 7), np.float32))


def test_uniform_play_and_exploration_stay_within_the_mask() -> None:
    uniform = UniformPolicy(DISCRETE, np.random.default_rng(0), make_env(IDENTITY).observation_space)
    evaluation = evaluate(uniform, IDENTITY, num_episodes=50, seed=0)  # a forbidden action raises
    assert evaluation.episode_return_mean == pytest.approx(50 * 1.5 / 4 + 50 * 0.5 / 3, abs=3.0)

    class Sink:
        def add(self, transitions) -> None: ...

    env = MeteredVectorEnv(make_vec_env(IDENTITY, 2), Meter(), lambda: 0)
    never = {"train_period": 10**9, "target_update_period": 10**9}
    config = DQNConfig(num_envs=2, learning_starts=200, epsilon_start=0.5, epsilon_end=0.5, **never)
    loop = ReplayLoop(env, config, Sink(), seed=0)
    space = env.single_observation_space
    loop.run(1_000, lambda observations: space.mask_scores(np.zeros((2, 4), np.float32), observations), lambda *_: {})
    assert loop.env_steps == 1_000


def test_the_fake_agent_keeps_the_contract_and_learns_the_masked_probes() -> None:
    check_agent(FAKE_AGENT, env_id=IDENTITY.id, num_steps=450)
    assert check_learns(FAKE_AGENT, IDENTITY, num_steps=2_000, min_return=75.0, config={"discount": 0.5}) == 75.0
    assert check_learns(FAKE_AGENT, FORK, num_steps=1_000, min_return=13.0) == 13.0


def plant(monkeypatch, agent_class):
    module = types.ModuleType("arena_test_planted")
    module.Planted = agent_class
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return dataclasses.replace(FAKE_AGENT, entry_point="arena_test_planted:Planted")


def test_a_forbidden_action_is_caught(monkeypatch) -> None:
    class Forgets(FakeAgent):
        def act(self, observations):
            return PolicyNetwork(self.network.layers, self.space.features, self.network.action_space).actions(
                self.space.split(observations)[0]
            )

    with pytest.raises(AssertionError, match=r"act\(\): \d+ of 10000 actions are not allowed by the action mask"):
        check_agent(plant(monkeypatch, Forgets), env_id=IDENTITY.id, num_steps=450)


def test_a_bootstrap_from_forbidden_actions_is_caught(monkeypatch) -> None:
    class Bootstraps(FakeAgent):
        def update(self, transitions):
            unmasked = transitions.next_observations.copy()
            unmasked[:, self.space.num_features :] = 1.0
            return super().update(dataclasses.replace(transitions, next_observations=unmasked))

    with pytest.raises(AssertionError, match="mean return 11 on arena-MaskedFork-v0"):
        check_learns(plant(monkeypatch, Bootstraps), FORK, num_steps=1_000, min_return=13.0)


def test_a_policy_file_that_ignores_masks_is_caught(tmp_path) -> None:
    plain = gym.spaces.Box(SPACE.low, SPACE.high, dtype=np.float32)
    kernel = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    PolicyNetwork([Dense(kernel, np.zeros(4, np.float32))], plain, DISCRETE).export(tmp_path / "policy.onnx")
    with pytest.raises(AssertionError, match="of 10000 actions are not allowed by the action mask"):
        check_policy(tmp_path / "policy.onnx", SPACE, DISCRETE)


@pytest.mark.parametrize("in_info", [False, True])
def test_a_mask_of_too_many_combinations_has_the_flags_of_every_choice(in_info: bool) -> None:
    gym.register("Several-v0", SeveralChoices, disable_env_checker=True)
    try:
        flags = np.arange(24) % 2
        flags[:4] = 1
        config = EnvConfig(
            "Several-v0",
            {"in_info": in_info, "flags": tuple(flags), "actions": gym.spaces.MultiBinary(12)},
            action_mask_key="allowed" if in_info else None,
        )
        env = make_env(config)
        assert env.observation_space == MaskedBox([-1.0, -1.0], [1.0, 1.0], 24, [2] * 12)
        observation, _ = env.reset()
        uniform = UniformPolicy(env.action_space, np.random.default_rng(0), env.observation_space)
        for _ in range(20):
            env.step(uniform.act(observation[None])[0])
        assert env.unwrapped.taken == {(first, second, *[1] * 10) for first in (0, 1) for second in (0, 1)}
        env.unwrapped.flags[:2] = 0  # the first choice has no value left
        with pytest.raises(MissingValue, match="an action mask that allows nothing"):
            env.step(np.ones(12, np.int64))
    finally:
        del gym.registry["Several-v0"]


SEVERAL = gym.spaces.MultiDiscrete([3, 2, 2], start=[5, 0, 0])
FLAGS = np.array([0, 1, 1, 1, 0, 1, 1])
ALLOWED = {(6, 0, 0), (6, 0, 1), (7, 0, 0), (7, 0, 1)}


class SeveralChoices(gym.Env):
    """Gives flags for the values of each of three choices, in the observation or in `info`, and notes the actions."""

    def __init__(self, *, in_info: bool, flags: tuple[int, ...] = tuple(FLAGS), actions: gym.Space = SEVERAL) -> None:
        board = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        mask = gym.spaces.MultiBinary(np.shape(flags))
        self.observation_space = board if in_info else gym.spaces.Dict(observation=board, action_mask=mask)
        self.action_space, self.flags, self.in_info, self.taken = actions, np.array(flags, np.int8), in_info, set()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.give()

    def step(self, action):
        self.taken.add(tuple(action.tolist()))
        observation, info = self.give()
        return observation, 0.0, False, len(self.taken) > 10, info

    def give(self):
        board = np.array([0.5, -0.5], np.float32)
        return (board, {"allowed": self.flags}) if self.in_info else ({"observation": board, "action_mask": self.flags}, {})


@pytest.mark.parametrize("in_info", [False, True])
def test_a_mask_of_several_choices_allows_the_combinations_of_allowed_values(in_info: bool) -> None:
    gym.register("Several-v0", SeveralChoices, disable_env_checker=True)
    try:
        kwargs = {"in_info": in_info}
        env = make_env(EnvConfig("Several-v0", kwargs, action_mask_key="allowed" if in_info else None))
        assert (env.observation_space, int(env.action_space.n)) == (MaskedBox([-1.0, -1.0], [1.0, 1.0], 12), 12)
        observation, _ = env.reset()
        masks = env.observation_space.split(observation[None])[1]
        rng = np.random.default_rng(0)
        for _ in range(60):
            env.step(random_actions(rng, masks)[0])
        assert env.unwrapped.taken == ALLOWED
        env.unwrapped.flags[:3] = 0
        with pytest.raises(MissingValue, match="an action mask that allows nothing"):
            env.step(0)
        binary = {"flags": ((1, 0), (1, 1)), "actions": gym.spaces.MultiBinary(2)}
        env = make_env(EnvConfig("Several-v0", {**kwargs, **binary}, action_mask_key="allowed" if in_info else None))
        assert env.observation_space.split(env.reset()[0][None])[1].tolist() == [[True, True, False, False]]
        of_combinations = {**kwargs, "flags": (1, 0) * 6}
        env = make_env(EnvConfig("Several-v0", of_combinations, action_mask_key="allowed" if in_info else None))
        assert env.observation_space.split(env.reset()[0][None])[1].tolist() == [[True, False] * 6]
        error = MissingValue if in_info else ArenaError
        for wrong, message in (({"flags": (1,) * 5}, "it has 5 flags"), ({**binary, "flags": (1,) * 4}, "4 flags could stand for")):
            with pytest.raises(error, match=message):
                make_env(EnvConfig("Several-v0", {**kwargs, **wrong}, action_mask_key="allowed" if in_info else None)).reset()
    finally:
        del gym.registry["Several-v0"]


def test_the_first_mask_in_info_decides_the_shape_of_all() -> None:
    env = CommonForm(SeveralChoices(in_info=True), action_mask_key="allowed")
    env.reset()
    env.unwrapped.flags = np.ones(12, np.int8)  # would be read as flags of combinations
    with pytest.raises(MissingValue, match=r"its shape is \(12,\), and that of the first mask was \(7,\)\) as info") as caught:
        env.step(0)
    assert caught.value.env_step == 1
    env.unwrapped.flags = FLAGS
    observation, _ = env.reset()
    assert env.observation_space.split(observation)[1].sum() == 4


def test_masks_in_info_are_looked_at_once(monkeypatch) -> None:
    looked_at = []
    monkeypatch.setattr("arena.environments.common_form.mask_misfit", lambda space, shape: looked_at.append(shape) or "")
    env = CommonForm(SeveralChoices(in_info=True), action_mask_key="allowed")
    for _ in range(3):
        env.reset()
        env.step(4)
    assert looked_at == [(7,)]
