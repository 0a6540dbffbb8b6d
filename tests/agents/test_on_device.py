"""Training on the device is the training on the host: the same advantages, minibatches, losses and weights, schedules and counts.

The checks run in another process (`question_server.py`); modules that import JAX are imported there.
"""

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import ArenaError, BudgetExhausted
from arena.experiment.check import check_pairs
from arena.experiment.file import from_table
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.learning.rollouts import Rollout, generalized_advantages, next_values
from arena.learning.transitions import Transitions
from arena.testing import check_agent, check_learns
from arena_keras.specs import DQN, PPO

SMALL = {"backend": "jax", "on_device": True, "hidden_sizes": (16, 16)}
SMALL_PPO = {**SMALL, "num_envs": 8, "rollout_length": 32, "batch_size": 64, "num_epochs": 2}
SMALL_DQN = {
    **SMALL,
    "num_envs": 8,
    "replay_capacity": 100,
    "batch_size": 16,
    "learning_starts": 40,
    "train_period": 16,
    "num_updates": 5,
    "target_update_period": 32,
    "target_update_tau": 0.5,
    "learning_rate": 1e-2,
}


def run_check(check):
    """Runs `check()` of this file in the process of JAX."""
    ask(check, spec=PPO, config=PPO.config(on_device=True))


def make_agent(spec, env_id, max_env_steps=None, **table):
    config = build_config(spec.config, table, where=spec.id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(max_env_steps), np.random.SeedSequence(0))
    return spec.load()(factory, config, seed=1, device="cpu"), factory


def register_short_cart_pole():
    """Episodes of at most 12 steps: in a rollout of 32 some are terminated, and more than one of an environment is truncated."""
    gym.register("test/ShortCartPole-v0", entry_point="arena_envs.gymnasium_jax:CartPoleJaxEnv", max_episode_steps=12)
    return "test/ShortCartPole-v0"


def start(agent):
    """Returns the carry from which the agent's next iteration begins."""
    import jax

    loop = agent.device_loop
    env, observations = loop.initial(jax.random.PRNGKey(agent.env.begin()))
    return loop.carry._replace(env=env, observations=observations, key=jax.random.PRNGKey(5))


def check_ppo_iteration():
    compare_ppo_iteration(register_short_cart_pole())


def check_gaussian_iteration():
    compare_ppo_iteration("phys2d/Pendulum-v0", share_layers=True)


def compare_ppo_iteration(env_id, **table):
    import jax

    from arena_keras.device_ppo import DevicePPO

    agent, _ = make_agent(PPO, env_id, **SMALL_PPO, **table, discount=0.9, gae_lambda=0.8, learning_rate=1e-2)
    config, learner = agent.config, agent.learner
    ppo = DevicePPO(agent.env.functions, learner, agent.networks, agent.distribution, agent.action_space, config)
    carry = start(agent)
    after, block = jax.jit(ppo.iteration)(carry, np.float32(3e-3))
    _, collect_key, learn_key = jax.random.split(carry.key, 3)
    _, last_observations, found = jax.jit(ppo.collect)(carry.learner.parameters, carry.env, carry.observations, collect_key)
    found = type(found)(*map(np.array, found))

    values = agent.values(found.observations.reshape(-1, *found.observations.shape[2:])).reshape(found.values.shape)
    np.testing.assert_allclose(found.values, values, rtol=1e-5, atol=1e-5)
    outputs = agent.policy.scores(found.observations.reshape(256, -1))
    if env_id.startswith("phys2d/Pendulum"):
        assert not found.terminated.any()
        std = np.exp(agent.extra[0])
        noise = (found.choices.reshape(256, -1) - outputs) / std
        log_probs = (-0.5 * noise**2 - np.log(std) - 0.5 * np.log(2.0 * np.pi)).sum(-1)
    else:
        assert found.truncated.sum() > config.num_envs
        assert found.terminated.any()
        log_probs = (outputs - np.log(np.exp(outputs).sum(-1, keepdims=True)))[np.arange(256), found.choices.reshape(-1)]
    np.testing.assert_allclose(found.log_probs.reshape(-1), log_probs, rtol=1e-5, atol=1e-5)

    ended = found.terminated | found.truncated
    host = Rollout(
        observations=found.observations,
        actions=found.choices,
        extras=(),
        rewards=found.rewards,
        terminated=found.terminated,
        truncated=found.truncated,
        valid=np.ones_like(ended),
        last_observations=np.array(last_observations),
        final_observations=[(t, n, found.next_observations[t, n]) for t, n in zip(*ended.nonzero(), strict=True)],
        num_env_steps=ended.size,
        act_seconds=0.0,
    )
    following = next_values(host, values, agent.values)
    flags = (found.terminated, found.truncated)
    expected = generalized_advantages(found.rewards, values, following, *flags, discount=config.discount, gae_lambda=config.gae_lambda)
    advantages = jax.jit(ppo.advantages)(carry.learner.parameters, found, last_observations)
    np.testing.assert_allclose(advantages, expected, rtol=1e-5, atol=1e-5)

    indices = np.concatenate([ppo.epoch_indices(key) for key in jax.random.split(learn_key, config.num_epochs)])  # [E * M, B]
    for epoch in np.split(indices, config.num_epochs):
        np.testing.assert_array_equal(np.sort(epoch.reshape(-1)), np.arange(256))
    fields = (found.observations, found.choices, found.log_probs, expected, expected + values)
    losses = learner.update(tuple(field.reshape(256, *field.shape[2:])[indices] for field in fields), 3e-3)
    for device, host_parameter in zip(after.learner.parameters, learner.parameters, strict=True):
        np.testing.assert_allclose(device, host_parameter, rtol=1e-5, atol=1e-5)
    for name, value in learner.means(after.totals, len(indices)).items():
        assert value == pytest.approx(losses[name], rel=1e-4, abs=1e-5), name
    for device, host_part in zip(block, (found.rewards, *flags), strict=True):
        np.testing.assert_array_equal(device, host_part)


def check_ppo_minibatches():
    """Where B does not divide the rollout, an epoch's permutation is repeated from its start."""
    import jax

    from arena_keras.device_ppo import DevicePPO

    agent, _ = make_agent(PPO, "phys2d/CartPole-v1", **{**SMALL_PPO, "batch_size": 100})
    ppo = DevicePPO(agent.env.functions, agent.learner, None, None, agent.action_space, agent.config)
    indices = np.array(ppo.epoch_indices(jax.random.PRNGKey(3)))
    assert indices.shape == (3, 100)
    np.testing.assert_array_equal(np.sort(indices.reshape(-1)[:256]), np.arange(256))
    np.testing.assert_array_equal(indices.reshape(-1)[256:], indices.reshape(-1)[:44])


def check_dqn_iterations():
    """Replay, minibatches, weights and target network of several iterations, by the host's buffer and learner."""
    import jax

    agent, factory = make_agent(DQN, register_short_cart_pole(), **SMALL_DQN)
    config, dqn, learner = agent.config, agent.device_dqn, agent.learner
    replay = ReplayBuffer(config.replay_capacity, factory.observation_space, factory.action_space, seed=0)
    carry, iteration = start(agent), jax.jit(dqn.iteration)
    target = agent.engine.get(carry.memory.target)
    num_learned = 0
    for index in range(8):  # 128 transitions: the ring of 100 wraps
        epsilons, made, moves = (part[0] for part in dqn.schedule(16 * index, 1))
        before, held = carry, np.array(carry.memory.next)
        carry, (rewards, _, truncated) = iteration(carry, (epsilons, made, moves))
        where = (held + np.arange(16)) % 100
        new = [np.array(field)[where].reshape(2, 8, *field.shape[1:]) for field in carry.memory.replay]
        np.testing.assert_array_equal(new[2], rewards)
        for t in range(2):
            step = [part[t] for part in new]
            replay.add(Transitions(*step, truncated=np.array(truncated)[t], valid=np.ones(8, np.bool_)))
        for name, field in zip(ReplayBuffer.FIELDS, carry.memory.replay, strict=True):
            np.testing.assert_array_equal(np.array(field), replay.arrays[name], err_msg=name)
        assert int(carry.memory.size) == replay.size
        if not made[0]:
            assert all(map(np.array_equal, before.learner.parameters, carry.learner.parameters))
            continue
        (key,) = jax.random.split(jax.random.split(before.key, 3)[2], 1)
        rows = np.array(dqn.sampled_rows(key, replay.size))
        batches = tuple(replay.arrays[name][rows] for name in ReplayBuffer.FIELDS)
        losses = learner.update(batches, config.learning_rate, agent.engine.put(target))
        online = agent.engine.get(learner.parameters)
        if moves[0]:
            target = [old + np.float32(0.5) * (new - old) for old, new in zip(target, online, strict=True)]
        for device, expected in zip([*carry.learner.parameters, *carry.memory.target], [*online, *target], strict=True):
            np.testing.assert_allclose(device, expected, rtol=1e-5, atol=1e-5)
        for name, value in learner.means(carry.totals, config.num_updates).items():
            assert value == pytest.approx(losses[name], rel=1e-4, abs=1e-5), name
        num_learned += 1
    assert num_learned == 5  # at 64, 80, ..., 128 env steps; the first burst is due at 40 + 16
    terminated = replay.arrays["terminated"]
    assert 0 < terminated.sum() < 100


def check_dqn_schedule():
    """The epsilons and bursts of `ReplayLoop`, those of an iteration at its end; more and fewer environments than env steps in a period."""
    from arena_keras.device_dqn import DeviceDQN

    for num_envs, period in ((4, 16), (16, 16), (32, 8)):
        table = {"num_envs": num_envs, "train_period": period, "target_update_period": 2 * period, "learning_starts": 100}
        config = build_config(DQN.config, {**SMALL_DQN, **table, "epsilon_decay_steps": 300}, where="keras-dqn")
        dqn = DeviceDQN(None, None, None, 2, config)
        count = 10
        epsilons, made, moves = dqn.schedule(0, count)
        factory = ArenaEnvFactory(EnvConfig("arena/Identity-v0"), Meter(), np.random.SeedSequence(0))
        replay = ReplayBuffer(100, factory.observation_space, factory.action_space, 0)
        loop = ReplayLoop(factory.make_vec(num_envs), config, replay, 0)
        bursts = []

        def update(num_updates, moved, bursts=bursts, loop=loop):
            assert num_updates == SMALL_DQN["num_updates"]
            bursts.append((loop.env_steps, moved))
            return {}

        loop.run(count * dqn.length * num_envs, lambda observations: np.zeros((len(observations), 4)), update)
        ends = (np.arange(count) + 1) * dqn.length * num_envs
        found = [(int(ends[i]), bool(moves[i, b])) for i in range(count) for b in range(made.shape[1]) if made[i, b]]
        assert found == [(int(ends[ends >= env_steps][0]), moved) for env_steps, moved in bursts]
        assert len(bursts) == dqn.num_bursts(loop.env_steps)
        steps = np.arange(count * dqn.length) * num_envs
        expected = [1.0 if step < 100 else config.epsilon(int(step)) for step in steps]
        np.testing.assert_allclose(epsilons.reshape(-1), expected, rtol=1e-6)
        half = dqn.schedule(int(ends[count // 2 - 1]), count - count // 2)
        for whole, part in zip((epsilons, made, moves), half, strict=True):
            np.testing.assert_array_equal(whole[count // 2 :], part)


def check_counts():
    """Env steps and episodes against a count in plain Python, over several calls; the budget is used and never overrun."""
    for spec, table in ((PPO, SMALL_PPO), (DQN, SMALL_DQN)):
        budget = 2_000
        agent, factory = make_agent(spec, "phys2d/CartPole-v1", budget, **table)
        env, meter, blocks = agent.env, factory.meter, []
        record = env.record

        def keep(*block, blocks=blocks, record=record):
            blocks.append(tuple(map(np.array, block)))
            record(*block)

        env.record = keep
        period = agent.device_loop.period
        for _ in range(3):  # 700, 700, and what is left
            agent.learn(700)
        with pytest.raises(BudgetExhausted):
            agent.learn(700)
        rewards, terminated, truncated = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        assert meter.env_steps == rewards.size == budget // period * period
        episodes, returns, lengths = [], np.zeros(8), np.zeros(8, int)
        for t in range(len(rewards)):
            for n in range(8):
                returns[n] += rewards[t, n]
                lengths[n] += 1
                if terminated[t, n] or truncated[t, n]:
                    episodes.append(((t + 1) * 8, returns[n], lengths[n], bool(terminated[t, n])))
                    returns[n], lengths[n] = 0.0, 0
        found = [(e.env_steps, e.episode_return, e.episode_length, e.terminated) for e in meter.take_episodes()]
        assert found == episodes
        assert len(found) > 20
        assert meter.num_cut_episodes == 0
        env.cut_episodes()
        assert meter.num_cut_episodes == np.count_nonzero(lengths)


def check_ppo_contract():
    check_agent(PPO, env_id="phys2d/CartPole-v1", config={**SMALL_PPO, "anneal_steps": 4_000}, num_steps=800)


def check_gaussian_contract():
    check_agent(PPO, env_id="phys2d/Pendulum-v0", config=SMALL_PPO, num_steps=2_400)


def check_dqn_contract():
    check_agent(DQN, env_id="phys2d/CartPole-v1", config={**SMALL_DQN, "replay_capacity": 500}, num_steps=800)


def check_ppo_learns():
    """The policy is judged on the ordinary environment, whose pole is not quite that of phys2d."""
    table = {"on_device": True, "num_envs": 256, "rollout_length": 32, "batch_size": 512, "num_epochs": 2, "learning_rate": 2e-3}
    check_learns(
        PPO, EnvConfig("phys2d/CartPole-v1"), num_steps=600_000, min_return=475.0, config=table, evaluation_env=EnvConfig("CartPole-v1")
    )


def check_gaussian_learns():
    """Uniform actions return -1200 (SLM-Lab's figure for Pendulum-v1)."""
    table = {"on_device": True, "num_envs": 64, "rollout_length": 64, "batch_size": 512, "discount": 0.9}
    pendulum, ordinary = EnvConfig("phys2d/Pendulum-v0"), EnvConfig("Pendulum-v1")
    check_learns(PPO, pendulum, num_steps=160_000, min_return=-400.0, config=table, evaluation_env=ordinary)


def check_dqn_learns():
    """Uniform actions return 23; the last policy of DQN is not its best, so no more is asked than that it has learned."""
    table = {**SMALL_DQN, "num_envs": 64, "hidden_sizes": (64, 64), "learning_rate": 1e-3, "discount": 0.98, "batch_size": 128}
    table |= {"replay_capacity": 50_000, "learning_starts": 2_000, "train_period": 256, "num_updates": 64, "target_update_period": 256}
    table |= {"target_update_tau": 1.0, "epsilon_decay_steps": 10_000}
    check_learns(
        DQN, EnvConfig("phys2d/CartPole-v1"), num_steps=50_000, min_return=80.0, config=table, evaluation_env=EnvConfig("CartPole-v1")
    )


CHECKS = (
    check_ppo_iteration,
    check_gaussian_iteration,
    check_ppo_minibatches,
    check_dqn_iterations,
    check_dqn_schedule,
    check_counts,
    check_ppo_contract,
    check_gaussian_contract,
    check_dqn_contract,
    check_ppo_learns,
    check_gaussian_learns,
    check_dqn_learns,
)


@pytest.mark.framework
@pytest.mark.xdist_group("keras jax")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_device(check):
    run_check(check)


@pytest.mark.parametrize("spec", [DQN, PPO], ids=["dqn", "ppo"])
def test_another_backend_is_refused(spec):
    assert build_config(spec.config, {"on_device": True}, where=spec.id).on_device
    with pytest.raises(ArenaError, match="on_device=true needs backend 'jax', not 'torch'"):
        build_config(spec.config, {"on_device": True, "backend": "torch"}, where=spec.id)


@pytest.mark.parametrize("spec", [DQN, PPO], ids=["dqn", "ppo"])
def test_an_environment_without_functions_is_refused_before_training(spec, tmp_path):
    entry = {"agent": spec.id, "hyperparameters": {"on_device": True}}
    table = {"name": "refused", "output": str(tmp_path), "agents": [entry], "envs": ["CartPole-v1"]}
    with pytest.raises(ArenaError, match=r"needs an environment of JAX functions, which CartPole-v1 is not \(try 'phys2d/CartPole-v1'\)"):
        check_pairs(from_table(table))


@pytest.mark.parametrize(
    ("spec", "table"),
    [(DQN, {"num_envs": 8, "train_period": 2_048, "target_update_period": 2_048}), (PPO, {"num_envs": 16, "rollout_length": 128})],
    ids=["dqn", "ppo"],
)
def test_a_budget_below_one_iteration_is_refused(spec, table):
    entry = {"agent": spec.id, "hyperparameters": {"on_device": True, **table}}
    experiment = {"name": "refused", "agents": [entry], "envs": ["CartPole-v1"]}
    message = f"budget.env_steps=2047 is less than one iteration of '{spec.id}' on the device: 2048 env steps"
    with pytest.raises(ArenaError, match=message):
        check_pairs(from_table({**experiment, "budget": {"env_steps": 2_047}}))
    with pytest.raises(ArenaError, match="JAX functions"):
        check_pairs(from_table({**experiment, "budget": {"env_steps": 2_048}}))


@pytest.mark.parametrize(("period", "num_envs"), [(64, 24), (24, 64)])
def test_a_period_that_does_not_fit_is_refused(period, num_envs):
    table = {"train_period": period, "target_update_period": period, "num_envs": num_envs}
    assert build_config(DQN.config, table, where="keras-dqn").num_envs == num_envs
    with pytest.raises(ArenaError, match=f"train_period={period} to divide num_envs={num_envs}, or the reverse"):
        build_config(DQN.config, {**table, "on_device": True}, where="keras-dqn")
