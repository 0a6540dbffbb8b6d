"""Environments of JAX functions: their dynamics beside Gymnasium's ordinary ones, time limits, seeds, and who may play them.

The checks run in a process that imports JAX (`question_server.py`).
"""

import sys
import tempfile

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from question_server import ask

from arena.agent.isolation import refuse_other_frameworks
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.vectorize import make_vec_env
from arena.errors import ArenaError
from arena.executors.local import LocalExecutor
from arena.experiment.compatibility import env_frameworks
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.policies.evaluation import evaluate
from arena.policies.policy import UniformPolicy
from arena.testing import FAKE_AGENT, check_agent
from arena_keras.specs import PPO

CART_POLE = EnvConfig("phys2d/CartPole-v1")


def check_cart_pole():
    """With the constant mended, `CartPole-v1` to float32; without, not: Gymnasium 1.2.2 adds mass and length where it ought to multiply."""
    import jax

    func_env = make_env(CART_POLE).unwrapped.func_env
    assert func_env.get_default_params().polemass_length == pytest.approx(0.6)
    mended = func_env.get_default_params(polemass_length=0.1 * 0.5)
    classic = gym.make("CartPole-v1").unwrapped
    classic.reset(seed=0)
    assert classic.polemass_length == 0.1 * 0.5
    transition, terminal = jax.jit(func_env.transition), jax.jit(func_env.terminal)
    rng = np.random.default_rng(0)
    states = rng.uniform(-1.0, 1.0, (200, 4)) * [2.6, 2.0, 0.25, 2.0]
    ends, differences = [], []
    for state in states.astype(np.float32):
        action = int(rng.integers(2))
        classic.state = tuple(map(float, state))
        classic.steps_beyond_terminated = None
        expected, reward, terminated, _, _ = classic.step(action)
        found = transition(state, action, None, mended)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert bool(terminal(found, None)) == terminated
        assert float(func_env.reward(state, action, found, None)) == reward == 1.0
        ends.append(terminated)
        differences.append(np.abs(np.array(transition(state, action, None)) - expected).max())
    assert 20 < sum(ends) < 180
    assert 1e-3 < max(differences) < 0.2


def check_pendulum():
    import jax

    func_env = make_env(EnvConfig("phys2d/Pendulum-v0")).unwrapped.func_env
    classic = gym.make("Pendulum-v1").unwrapped
    classic.reset(seed=0)
    rng = np.random.default_rng(0)
    for state in (rng.uniform(-1.0, 1.0, (100, 2)) * [4.0, 8.0]).astype(np.float32):
        action = rng.uniform(-3.0, 3.0, 1).astype(np.float32)
        classic.state = state.astype(np.float64)
        expected, reward, _, _, _ = classic.step(action)
        found = jax.jit(func_env.transition)(state, action, None)
        np.testing.assert_allclose(func_env.observation(found, None), expected, rtol=1e-5, atol=1e-5)
        assert float(func_env.reward(state, action, found, None)) == pytest.approx(float(reward), rel=1e-5, abs=1e-5)


def check_vector_env():
    """Vector steps are the single environment's: observations, rewards, ends, true last observations and the time limit."""
    num_envs, limit = 3, 25
    gym.register("test/ShortCartPole-v0", entry_point="arena_envs.gymnasium_jax:CartPoleJaxEnv", max_episode_steps=limit)
    config = EnvConfig("test/ShortCartPole-v0")
    env, single = make_vec_env(config, num_envs), make_env(config).unwrapped
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = env.reset(seed=7)
    assert len({row.tobytes() for row in observations}) == num_envs
    np.testing.assert_array_equal(make_vec_env(config, num_envs).reset(seed=7)[0], observations)
    assert not np.array_equal(make_vec_env(config, num_envs).reset(seed=8)[0], observations)
    rng = np.random.default_rng(1)
    steps, seen = np.zeros(num_envs, int), set()
    for _ in range(120):
        actions = (observations[:, 2] > 0.0).astype(np.int64)  # push to the side to which the pole leans
        actions[0] = rng.integers(2)
        before, (observations, rewards, terminated, truncated, info) = observations, env.step(actions)
        steps += 1
        for n in range(num_envs):
            single.state = before[n]
            expected, reward, ends, _, _ = single.step(int(actions[n]))
            limited = steps[n] == limit
            assert (rewards[n], terminated[n], truncated[n]) == (reward, ends, limited)
            last = info["final_obs"][n] if ends or limited else observations[n]
            np.testing.assert_allclose(last, expected, rtol=1e-6, atol=1e-7)
            if ends or limited:
                assert info["_final_obs"][n]
                assert np.abs(observations[n]).max() <= 0.05
                seen.add("limit" if limited else "end")
                steps[n] = 0
    assert seen == {"limit", "end"}


def check_evaluation():
    """Every start is another, the same for all policies, and no episode is longer than registered."""
    env = make_vec_env(CART_POLE, 1)
    policy = UniformPolicy(env.single_action_space, np.random.default_rng(0), env.single_observation_space)
    first, second = (evaluate(policy, CART_POLE, num_episodes=200, seed=3) for _ in range(2))
    assert 15.0 < first.episode_return_mean < 30.0
    assert not np.array_equal(first.episode_returns, second.episode_returns)  # the policy draws anew, the starts are the same
    np.testing.assert_array_equal(first.visited_observations[0], second.visited_observations[0])
    np.testing.assert_array_equal(first.episode_returns, first.episode_lengths)

    class Still(UniformPolicy):
        def act(self, observations, *, action_masks=None):
            return np.zeros((len(observations), 1), np.float32)

    swing = evaluate(Still(env.single_action_space, np.random.default_rng(0)), EnvConfig("phys2d/Pendulum-v0"), num_episodes=5, seed=0)
    assert swing.episode_lengths.tolist() == [200] * 5


def check_wrapped():
    """A wrapper may change anything; functions would pass it by."""
    from gymnasium.envs.registration import WrapperSpec

    scaled = WrapperSpec("Scaled", "gymnasium.wrappers:TransformReward", {"func": lambda reward: 2.0 * reward})
    gym.register(
        "test/Scaled-v0", entry_point="arena_envs.gymnasium_jax:CartPoleJaxEnv", max_episode_steps=5, additional_wrappers=(scaled,)
    )
    assert hasattr(make_vec_env(CART_POLE, 2), "functions")
    env = make_vec_env(EnvConfig("test/Scaled-v0"), 2)
    assert not hasattr(env, "functions")
    env.reset(seed=0)
    assert env.step(np.array([0, 1]))[1].tolist() == [2.0, 2.0]


def check_tabular():
    """Observations of integers, and rewards and states that are no single arrays."""
    env = make_vec_env(EnvConfig("tabular/Blackjack-v0"), 4)
    assert hasattr(env, "functions")
    observations, _ = env.reset(seed=0)
    for _ in range(20):
        assert observations.shape == (4, 3)
        assert observations.dtype == np.float32
        observations, rewards, terminated, truncated, _ = env.step(np.array([0, 1, 0, 1]))
        assert set(rewards.tolist()) <= {-1.0, 0.0, 1.0, 1.5}
        assert terminated[[0, 2]].all()
        assert not truncated.any()


def check_another_framework():
    """An agent whose worker refuses JAX plays them all the same; and nobody else finds the stand-in for Flax."""
    check_agent(FAKE_AGENT, env_id=CART_POLE.id, num_steps=400)
    assert "jax" in sys.modules
    assert "flax" not in sys.modules or hasattr(sys.modules["flax"], "__version__")


def check_run():
    """A worker lets in what the environment needs besides its agent's framework, which here is none."""
    with tempfile.TemporaryDirectory() as folder:
        table = {
            "name": "run",
            "output": folder,
            "agents": ["arena.testing.fakes:FAKE_AGENT"],
            "envs": [CART_POLE.id],
            "resources": {"device": "cpu"},
        }
        table |= {"budget": {"env_steps": 2_000}, "evaluation": {"period": 1_000, "episodes": 5, "final_episodes": 10}}
        (result,) = run_experiment(from_table(table), LocalExecutor(1))
        assert result.status == "finished", result.reason
        assert result.env_steps == 2_000


def check_env_frameworks():
    """Declared, so they are known without importing anything."""
    assert env_frameworks(CART_POLE) == env_frameworks(EnvConfig("tabular/Blackjack-v0")) == {"jax"}
    for env_id in ("CartPole-v1", "arena/Identity-v0", "arena/ConnectFour-v0", "no/Such-v0"):
        assert env_frameworks(EnvConfig(env_id)) == frozenset(), env_id
    assert not {"arena_envs.gymnasium_jax", "jax"} & sys.modules.keys()
    refuse_other_frameworks(frozenset())  # as if none were installed
    with pytest.raises(
        ArenaError, match=r"phys2d/CartPole-v1' cannot be made: No module named 'jax' in this worker.*frameworks = \[\"jax\"\]"
    ):
        make_env(CART_POLE)


CHECKS = (check_cart_pole, check_pendulum, check_vector_env, check_evaluation, check_wrapped, check_tabular, check_run)
LONE_CHECKS = (check_another_framework, check_env_frameworks)
"""Checks of what is imported, each in a process of its own, which begins without JAX."""


@pytest.mark.framework
@pytest.mark.xdist_group("keras jax")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_functional(check):
    ask(check, spec=PPO, config=PPO.config(on_device=True))


@pytest.mark.framework
@pytest.mark.parametrize("check", LONE_CHECKS, ids=lambda check: check.__name__)
def test_what_is_imported(check):
    ask(check, spec=PPO, config=PPO.config(on_device=True), fresh=True)
