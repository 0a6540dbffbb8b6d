import re

import gymnasium as gym
import numpy as np
import pytest
from bad_env import GIVEN, LENGTH, NAMES, PLACES, BadEnv
from raising_env import RaisingEnv

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.errors import EnvironmentFault, EnvironmentRaised
from arena.policies import evaluation as evaluation_module
from arena.policies.evaluation import ENDINGS, evaluate, evaluate_in
from arena.policies.policy import UniformPolicy
from arena.testing import FakeEnv


class Constant:
    """Always acts alike, and remembers what it saw first."""

    def __init__(self, action: int = 0) -> None:
        self.action, self.starts = action, []

    def act(self, observations, *, action_masks=None):
        self.starts.append(observations.copy())
        return np.full(len(observations), self.action)


class Varied(gym.Env):
    """Episodes of random length whose return is their length; the start tells the length."""

    observation_space = gym.spaces.Box(0.0, 10.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.count = int(self.np_random.integers(1, 10)), 0
        return np.array([self.length], np.float32), {}

    def step(self, action):
        self.count += 1
        return np.array([self.length], np.float32), 1.0, self.count == self.length, False, {}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    entry_points = {"ArenaTestFake-v0": FakeEnv, "ArenaTestVaried-v0": Varied, "ArenaTestBad-v0": BadEnv}
    for name, entry_point in entry_points.items():
        gym.register(name, entry_point=entry_point, disable_env_checker=entry_point is BadEnv)
    yield
    for name in entry_points:
        gym.registry.pop(name)


@pytest.mark.parametrize("terminated", [True, False])
def test_returns_and_lengths_are_exact(terminated) -> None:
    config = EnvConfig("ArenaTestFake-v0", {"script": ((4, terminated), (1, True)), "index": 2})
    evaluation = evaluate(Constant(), config, num_episodes=3, seed=0)
    assert evaluation.episode_returns.tolist() == [4 * 20_000.0 + 1 + 2 + 3 + 4] * 3
    assert evaluation.episode_lengths.tolist() == [4, 4, 4]
    assert evaluation.episode_return_mean == 80_010.0
    assert evaluation.episode_return_std == 0.0


def test_each_environment_plays_one_episode_so_that_short_ones_are_not_favoured() -> None:
    policy = Constant()
    evaluation = evaluate(policy, EnvConfig("ArenaTestVaried-v0"), num_episodes=50, seed=0)
    lengths = policy.starts[0][:, 0]  # as the starts foretell
    np.testing.assert_array_equal(evaluation.episode_lengths, lengths)
    np.testing.assert_array_equal(evaluation.episode_returns, lengths)
    assert len(set(lengths)) > 3


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1"])  # one vectorised, one not
def test_policies_under_one_seed_are_paired(env_id) -> None:
    config, policies = EnvConfig(env_id), [Constant(0), Constant(1)]
    for policy in policies:
        evaluate(policy, config, num_episodes=5, seed=3, max_episode_steps=2)
    np.testing.assert_array_equal(policies[0].starts[0], policies[1].starts[0])
    other = Constant(0)
    evaluate(other, config, num_episodes=5, seed=4, max_episode_steps=2)
    assert (other.starts[0] != policies[0].starts[0]).any()
    assert len(np.unique(other.starts[0], axis=0)) == 5


def test_many_episodes_are_played_in_batches_with_starts_of_their_own(monkeypatch) -> None:
    monkeypatch.setattr(evaluation_module, "MAX_PARALLEL_ENVS", 4)
    policy = Constant()
    evaluation = evaluate(policy, EnvConfig("CartPole-v1"), num_episodes=10, seed=0)
    assert len(evaluation.episode_returns) == len(evaluation.episode_lengths) == 10
    sizes = [len(observations) for observations in policy.starts]
    assert set(sizes) == {4, 2}
    assert (evaluation.episode_returns == evaluation.episode_lengths).all()
    again = evaluate(Constant(), EnvConfig("CartPole-v1"), num_episodes=10, seed=0)
    np.testing.assert_array_equal(again.episode_returns, evaluation.episode_returns)
    starts = np.concatenate([policy.starts[0], policy.starts[int(evaluation.episode_lengths[:4].max())]])
    assert len(np.unique(starts, axis=0)) == 8


def test_an_episode_without_end_is_cut() -> None:
    evaluation = evaluate(
        Constant(), EnvConfig("ArenaTestFake-v0", {"script": ((10**6, True),)}), num_episodes=2, seed=0, max_episode_steps=7
    )
    assert evaluation.episode_lengths.tolist() == [7, 7]
    assert evaluation.episode_returns.tolist() == [28.0, 28.0]
    assert evaluation.num_cut == 2


@pytest.mark.parametrize(("script", "num_cut"), [(((9, True),), 0), (((9, False),), 0), (((10**6, True),), 2)])
def test_where_nothing_limits_an_episode_a_default_does_and_counts_what_it_cuts(script, num_cut, monkeypatch) -> None:
    monkeypatch.setattr(evaluation_module, "DEFAULT_MAX_EPISODE_STEPS", 11)
    evaluation = evaluate(Constant(), EnvConfig("ArenaTestFake-v0", {"script": script}), num_episodes=2, seed=0)
    assert evaluation.episode_lengths.tolist() == [11 if num_cut else 9] * 2
    assert evaluation.num_cut == num_cut


@pytest.mark.parametrize(
    ("env_id", "kwargs", "length"),
    [("CartPole-v1", {}, None), ("Pendulum-v1", {}, 200), ("Acrobot-v1", {}, 500), ("Acrobot-v1", {"max_episode_steps": 30}, 30)],
)
def test_a_limit_of_the_environments_own_is_the_only_one(env_id, kwargs, length, monkeypatch) -> None:
    monkeypatch.setattr(evaluation_module, "DEFAULT_MAX_EPISODE_STEPS", 3)
    policy = UniformPolicy(gym.make(env_id).action_space, np.random.default_rng(0))
    evaluation = evaluate(policy, EnvConfig(env_id, kwargs), num_episodes=2, seed=0)
    assert evaluation.episode_lengths.min() > 3
    assert length is None or evaluation.episode_lengths.max() == length
    assert evaluation.num_cut == 0


def test_no_more_environments_exist_at_once_than_are_allowed() -> None:
    policy = Constant()
    whole = evaluate(Constant(), EnvConfig("ArenaTestVaried-v0"), num_episodes=5, seed=0)
    evaluation = evaluate(policy, EnvConfig("ArenaTestVaried-v0"), num_episodes=5, seed=0, num_envs=2)
    assert {len(observations) for observations in policy.starts} == {2, 1}
    assert len(evaluation.episode_returns) == 5
    assert evaluation.episode_returns.tolist()[:2] == whole.episode_returns.tolist()[:2]


def test_progress_is_told_while_episodes_run(monkeypatch) -> None:
    monkeypatch.setattr(evaluation_module, "PROGRESS_STEPS", 2)
    told = []
    evaluate(Constant(), EnvConfig("ArenaTestVaried-v0"), num_episodes=6, seed=0, num_envs=3, progress=told.append)
    assert told == sorted(told)
    assert told[0] < 6
    assert max(told) <= 6


@pytest.mark.parametrize(("what", "place"), GIVEN)
@pytest.mark.parametrize("value", NAMES)
def test_a_bad_value_is_named_with_its_episode(what: str, value: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "MAX_PARALLEL_ENVS", 3)
    BadEnv.made = -2  # both batches make one to look at
    config = EnvConfig("ArenaTestBad-v0", {"what": what, "value": value, "at": PLACES[place], "episode": 1, "row": 4})
    where = "the reset" if place == "reset" else f"env step {PLACES[place]}"
    with pytest.raises(
        EnvironmentFault, match=f"^environment {config.name} gave {value} as {what} at {where} of evaluation episode 5; fix the"
    ):
        evaluate(Constant(), config, num_episodes=6, seed=0)


def test_what_is_bad_after_the_episode_that_counts_does_not_matter() -> None:
    BadEnv.made = -1
    gives = {"what": "reward", "value": "NaN", "at": 1, "episode": 2, "row": 0}
    evaluation = evaluate(Constant(), EnvConfig("ArenaTestBad-v0", gives), num_episodes=2, seed=0)
    assert evaluation.episode_returns.tolist() == [LENGTH, LENGTH]


@pytest.mark.parametrize("place", PLACES)
def test_observations_outside_of_their_space_are_counted(place: str) -> None:
    BadEnv.made = -1
    gives = {"what": "observation", "value": "-1.5", "at": PLACES[place], "episode": 1}
    assert evaluate(Constant(), EnvConfig("ArenaTestBad-v0", gives), num_episodes=3, seed=0).num_outside == 1
    assert evaluate(Constant(), EnvConfig("CartPole-v1"), num_episodes=3, seed=0).num_outside == 0


def test_the_reason_of_each_end_is_told():
    """CartPole ends by itself, arena/Identity-v0 by its time limit, and both are cut by a limit of the evaluation."""
    for env_id, limit, ending in (("CartPole-v1", None, "terminated"), ("arena/Identity-v0", None, "truncated"), ("CartPole-v1", 5, "cut")):
        env = make_env(EnvConfig(env_id))
        policy = UniformPolicy(env.action_space, np.random.default_rng(0))
        found = evaluate(policy, EnvConfig(env_id), num_episodes=4, seed=0, max_episode_steps=limit)
        assert found.num_endings == {**dict.fromkeys(ENDINGS, 0), ending: 4}
        assert (found.num_cut == 4) == (ending == "cut")


def test_seeds_begin_episodes_as_single_environments_do():
    env = make_env(EnvConfig("CartPole-v1"))
    expected = [env.reset(seed=seed)[0].tolist() for seed in (5, 9)]
    seen = []

    class Looks:
        def act(self, observations, *, action_masks=None):
            seen.append(observations.copy())
            return np.zeros(len(observations), np.int64)

    evaluate(Looks(), EnvConfig("CartPole-v1"), num_episodes=2, seed=0, seeds=[5, 9], max_episode_steps=1)
    assert seen[0].tolist() == expected
    evaluate(Looks(), EnvConfig("CartPole-v1"), num_episodes=2, seed=0, seeds=[5, 9], max_episode_steps=1, num_envs=1)
    assert [observations[0].tolist() for observations in seen[1:]] == expected


@pytest.mark.parametrize(("at", "where"), [("reset", "the reset"), ("step", "env step 2")])
def test_an_error_of_the_environments_own_code_is_told_with_its_place(at: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "MAX_PARALLEL_ENVS", 3)
    RaisingEnv.made = -2  # both batches make one to look at
    config = EnvConfig("Raising-v0", {"at": at, "row": 4})
    match = f"^environment {re.escape(config.name)} failed at {where} of evaluation episode 5: KeyError"
    with pytest.raises(EnvironmentRaised, match=match):
        evaluate(Constant(), config, num_episodes=6, seed=0)


def test_an_error_after_the_episode_that_counts_says_so() -> None:
    """The first environment ends at once, is reset, and fails while the other goes on."""
    made = []

    class Alone(RaisingEnv):
        def __init__(self) -> None:
            super().__init__(at="")
            made.append(self)

        def step(self, action):
            is_first = self is made[1]  # one was made to look at
            self.at = "reset" if is_first else ""
            return *super().step(action)[:2], is_first, False, {}

    gym.register("ArenaTestRaisingLater-v0", Alone, max_episode_steps=9)
    with pytest.raises(EnvironmentRaised, match=r"at the reset of an episode after evaluation episode 1: KeyError"):
        evaluate(Constant(), EnvConfig("ArenaTestRaisingLater-v0"), num_episodes=2, seed=0)
    gym.registry.pop("ArenaTestRaisingLater-v0")


def test_where_environments_are_stepped_together_all_their_episodes_are_named() -> None:
    class Together(gym.vector.VectorEnv):
        num_envs, metadata, spec = 3, {}, None
        single_observation_space, single_action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return np.zeros((3, 2), np.float32), {}

        def step(self, actions):
            raise ZeroDivisionError("by zero")

    match = r"^the environment failed at env step 1 of evaluation episodes 1 to 3: ZeroDivisionError: by"
    with pytest.raises(EnvironmentRaised, match=match):
        evaluate_in(lambda _: Together(), Constant(), num_episodes=3, seed=0)


def test_an_error_of_the_policy_is_not_the_environments() -> None:
    class Fails:
        def act(self, observations, *, action_masks=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        evaluate(Fails(), EnvConfig("Raising-v0", {"at": ""}), num_episodes=2, seed=0)
