import numpy as np
import pytest

from arena.calibration.known_skill import ENV_ID, WORST_RETURN, KnownSkill, policy_of
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.policies.evaluation import evaluate
from arena.policies.policy import UniformPolicy


class Network:
    """A policy network where a policy is asked for."""

    def __init__(self, skill: float) -> None:
        self.act = policy_of(skill).actions


@pytest.mark.parametrize("skill", [-3.0, 0.0, 40.0])
def test_a_policy_returns_its_skill_on_average(skill: float):
    returns = evaluate(Network(skill), EnvConfig(ENV_ID), num_episodes=2_000, seed=1).episode_returns
    assert abs(returns.mean() - skill) < 0.15  # standard deviation 1.5 at most
    assert returns.std() > 0.3


def test_random_play_is_worst():
    policy = UniformPolicy(KnownSkill.action_space, np.random.default_rng(0), KnownSkill.observation_space)
    assert np.mean(evaluate(policy, EnvConfig(ENV_ID), num_episodes=200, seed=1).episode_returns == WORST_RETURN) > 0.98


def test_one_environment_does_what_many_do():
    env = make_env(EnvConfig(ENV_ID))
    observation, _ = env.reset(seed=3)
    action = policy_of(2.0).actions(observation[None])[0]
    _, reward, terminated, truncated, _ = env.step(action)
    assert (terminated, truncated) == (True, False)
    assert reward == pytest.approx(float(action[0] + observation[0]))
    env.reset(seed=3)
    assert env.step(np.array([501.0], np.float32))[1] == WORST_RETURN


def test_initial_states_are_shared_by_all_policies_and_differ_from_one_another():
    returns = [evaluate(Network(0.0), EnvConfig(ENV_ID), num_episodes=50, seed=seed).episode_returns for seed in (1, 1, 2)]
    assert (returns[0] == returns[1]).all()
    assert len({*returns[0].tolist(), *returns[2].tolist()}) == 100
