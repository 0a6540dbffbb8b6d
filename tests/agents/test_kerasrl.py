"""The Keras-RL agents: the fast path is keras-rl2's own update, truncation is no end, and a resumed run is the same run."""

import textwrap
from typing import Any

import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.compatibility import check_pair
from arena_kerasrl.config import KerasRLDQNConfig, KerasRLSARSAConfig

PREAMBLE = """
from pathlib import Path
import gymnasium as gym
import numpy as np
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.policies.policy import OnnxPolicy
from arena.learning.transitions import Transitions
from arena_kerasrl.config import KerasRLDQNConfig, KerasRLSARSAConfig
from arena_kerasrl.dqn import DQN
from arena_kerasrl.sarsa import SARSA
from arena_kerasrl.memory import KerasRLReplay

class Corridor(gym.Env):
    '''`length` steps from the first cell to the end, one-hot; the last one pays 1, whatever the actions.'''
    action_space = gym.spaces.Discrete(2)
    def __init__(self, length=2, truncates=False):
        self.length, self.truncates = length, truncates
        self.observation_space = gym.spaces.Box(0.0, 1.0, (length + 1,), np.float32)
    def observe(self):
        return np.eye(self.length + 1, dtype=np.float32)[self.cell]
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return self.observe(), {}
    def step(self, action):
        self.cell += 1
        end = self.cell == self.length
        return self.observe(), float(end), end and not self.truncates, end and self.truncates, {}

class Pictures(gym.Env):
    '''Random images; half of the episodes terminate.'''
    observation_space = gym.spaces.Box(0, 255, (12, 10, 3), np.uint8)
    action_space = gym.spaces.Discrete(3)
    def observe(self):
        return self.np_random.integers(0, 256, (12, 10, 3), np.uint8)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(), {}
    def step(self, action):
        return self.observe(), float(action), self.np_random.random() < 0.05, self.np_random.random() < 0.05, {}

gym.register("Corridor-v0", Corridor)
gym.register("Pictures-v0", Pictures)

made = []

def make_agent(agent_class, config, env_id="CartPole-v1", seed=0, **kwargs):
    factory = ArenaEnvFactory(EnvConfig(env_id, kwargs), Meter(), np.random.SeedSequence(seed))
    made.append(agent_class(factory, config, seed=seed, device="cpu"))
    return made[-1], factory

def close_all():
    while made:
        made.pop().close()

def state_of(agent):
    return {**agent.fast_path.state(), "act": agent.act(np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4))}

def assert_same(state, other):
    assert state.keys() == other.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)

SMALL_DQN = dict(hidden_sizes=(16, 16), batch_size=16, learning_starts=100, train_period=32, num_updates=8, target_update_period=64)
"""


_names: dict[str, Any] = {}
"""What the preamble defines, in the process of Keras-RL."""


def run(code):
    """Runs `code`, in names of its own, after the preamble, which runs once; then closes the agents that it made."""
    if not _names:
        exec(PREAMBLE, _names)
    try:
        exec(textwrap.dedent(code), dict(_names))
    finally:
        _names["close_all"]()


def run_worker(code, *, other=False):
    """Runs `code` in the process of Keras-RL, or in another one."""
    ask(run, code, spec=agent_spec("kerasrl-dqn"), other=other)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_dqn_update_is_keras_rl_backward():
    run_worker("""
        from rl.memory import Experience
        class Scripted:
            def append(self, *args, **kwargs): pass
            def sample(self, batch_size): return self.batch
        rng = np.random.default_rng(0)
        for double in (False, True):
            config = KerasRLDQNConfig(double=double, max_gradient_norm=0.5, **SMALL_DQN)
            stock, fast = make_agent(DQN, config)[0].agent, make_agent(DQN, config)[0]
            fast.fast_path.restore(fast.fast_path.state())
            before = stock.model.get_weights()
            stock.training, stock.step, stock.nb_steps_warmup, stock.memory = True, 1, 0, Scripted()
            for update in range(20):
                states, next_states = rng.normal(size=(2, 16, 4)).astype(np.float32)
                actions, rewards = rng.integers(0, 2, 16), rng.normal(size=16).astype(np.float32)
                terminated = rng.random(16) < 0.2
                rows = zip(states, actions, rewards, next_states, terminated)
                stock.memory.batch = [Experience([s], int(a), float(r), [n], bool(t)) for s, a, r, n, t in rows]
                stock.backward(1.0, False)
                fast.update(states, actions, rewards, next_states, terminated)
                if update == 9:
                    stock.update_target_model_hard()
                    fast.update_target_model()
            for ours, theirs, start in zip(fast.agent.model.get_weights(), stock.model.get_weights(), before):
                np.testing.assert_array_equal(ours, theirs)
                assert np.abs(theirs - start).max() > 1e-3
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_sarsa_update_is_keras_rl_backward_with_each_terminal_told_one_call_later():
    run_worker("""
        class Scripted:
            metrics, metrics_names = [], []
            def _set_agent(self, agent): pass
            def select_action(self, q_values): return int(self.action)
        config = KerasRLSARSAConfig(hidden_sizes=(16, 16), num_envs=1)
        stock, fast = make_agent(SARSA, config)[0].agent, make_agent(SARSA, config)[0]
        stock.policy, stock.training, stock.step, stock.nb_steps_warmup = Scripted(), True, 1, 0
        rng = np.random.default_rng(0)
        for episode, ends_terminated in enumerate((True, False, True)):
            observations, actions = rng.normal(size=(9, 4)).astype(np.float32), rng.integers(0, 2, 9)
            rewards, terminated = rng.normal(size=8).astype(np.float32), np.arange(8) == (7 if ends_terminated else -1)
            stock.reset_states()
            for t in range(9):
                stock.policy.action = actions[t]
                stock.forward(observations[t])
                # The correction: a call updates the transition before, so it is given that one's terminal.
                stock.backward(float(rewards[t]) if t < 8 else 0.0, bool(t and terminated[t - 1]))
            for t in range(8):
                step = Transitions(observations[t:t+1], actions[t:t+1], rewards[t:t+1], observations[t+1:t+2], terminated[t:t+1],
                                   np.array([False]), np.array([True]))
                fast.update(step, fast.fast_path.scores(step.next_observations), actions[t+1:t+2])
            for ours, theirs in zip(fast.agent.model.get_weights(), stock.model.get_weights()):
                np.testing.assert_array_equal(ours, theirs)
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_sarsa_finds_the_values_that_keras_rl_misses():
    """A corridor of two steps that pays 1 at its end: with discount 0.5 the cells are worth 0.5 and 1."""
    run_worker("""
        class OldApi:
            def __init__(self): self.env = Corridor()
            def reset(self): return self.env.reset()[0]
            def step(self, action):
                observation, reward, terminated, truncated, _ = self.env.step(action)
                return observation, reward, terminated or truncated, {}
        def values(agent):
            return agent.fast_path.scores(np.eye(3, dtype=np.float32)).mean(1)
        config = KerasRLSARSAConfig(hidden_sizes=(16,), num_envs=1, discount=0.5, learning_rate=0.02, epsilon_end=1.0)
        stock, _ = make_agent(SARSA, config, "Corridor-v0")
        np.random.seed(0)
        stock.agent.policy.eps = 1.0
        stock.agent.fit(OldApi(), nb_steps=500, verbose=0)
        first, second, end = values(stock)
        # The first cell's bootstrap is masked by the second step's terminal; the second step is bootstrapped from the end.
        np.testing.assert_allclose([first, second], [0.0, 1.0 + 0.5 * end], atol=0.08)
        agent, _ = make_agent(SARSA, config, "Corridor-v0")
        agent.learn(1000)
        np.testing.assert_allclose(values(agent)[:2], [0.5, 1.0], atol=0.05)
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
@pytest.mark.parametrize("truncates", [False, True])
def test_truncation_is_bootstrapped_and_termination_is_not(truncates):
    """One step that pays 1, over and over; the observation at the end is worth what the network says of it."""
    run_worker(f"""
        truncates = {truncates}
        dqn = dict(hidden_sizes=(16,), discount=0.5, learning_rate=0.01, batch_size=16, learning_starts=64, train_period=16, num_updates=8,
                   target_update_period=64)
        agents = [
            (DQN, KerasRLDQNConfig(num_envs=4, **dqn)),
            (DQN, KerasRLDQNConfig(num_envs=1, replay="keras_rl", **dqn)),
            (SARSA, KerasRLSARSAConfig(hidden_sizes=(16,), num_envs=4, discount=0.5, learning_rate=0.01, epsilon_end=1.0)),
        ]
        for agent_class, config in agents:
            agent, _ = make_agent(agent_class, config, "Corridor-v0", length=1, truncates=truncates)
            agent.learn(800)
            first, end = agent.fast_path.scores(np.eye(2, dtype=np.float32))
            following = end.max() if agent_class is DQN else end.mean()
            wanted = 1.0 + (0.5 * following if truncates else 0.0)
            assert abs(following) > 0.2, "the test needs an end that is not worth zero"
            np.testing.assert_allclose(first, wanted, atol=0.06, err_msg=str(config))
            close_all()
    """)


RESUME = """
agents = {
    "dqn": (DQN, KerasRLDQNConfig(num_envs=4, double=True, **SMALL_DQN)),
    "keras_rl": (DQN, KerasRLDQNConfig(num_envs=1, replay="keras_rl", target_update_tau=0.5, **SMALL_DQN)),
    "sarsa": (SARSA, KerasRLSARSAConfig(num_envs=4, hidden_sizes=(16, 16), epsilon_decay_steps=1000)),
}
"""


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_resumed_run_is_the_same_run(tmp_path):
    run_worker(
        RESUME
        + f"""
for name, (agent_class, config) in agents.items():
    agent, factory = make_agent(agent_class, config)
    directory = Path({str(tmp_path)!r}) / name
    directory.mkdir()
    agent.learn(257)
    agent.save(directory)
    factory.cut_episodes()
    agent.learn(257)
    np.savez(directory / "end.npz", **state_of(agent), episodes=[episode.episode_return for episode in factory.meter.episodes])
    close_all()
"""
    )
    run_worker(
        RESUME
        + f"""
for name, (agent_class, config) in agents.items():
    directory = Path({str(tmp_path)!r}) / name
    end = dict(np.load(directory / "end.npz"))
    episodes = end.pop("episodes").tolist()
    same, factory = make_agent(agent_class, config)
    same.learn(257)
    assert_same(same.fast_path.state(), dict(np.load(directory / "weights.npz")))
    resumed, other_factory = make_agent(agent_class, config)
    resumed.restore(directory)
    other_factory.cut_episodes(1)
    resumed.learn(257)
    assert_same(state_of(resumed), end)
    returns = [episode.episode_return for episode in factory.meter.episodes + other_factory.meter.episodes]
    assert returns == episodes and len(returns) > 8, (name, returns, episodes)
    close_all()
""",
        other=True,
    )


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_policy_file_acts_as_the_agent_does(tmp_path):
    run_worker(f"""
        path = Path({str(tmp_path / "policy.onnx")!r})
        convolutions = dict(conv_layers=((4, 4, 2), (6, 3, 1)))
        for env_id, extra in (("CartPole-v1", {{}}), ("Pictures-v0", convolutions)):
            for agent_class, config in (
                (DQN, KerasRLDQNConfig(num_envs=2, **SMALL_DQN, **extra)),
                (SARSA, KerasRLSARSAConfig(num_envs=2, hidden_sizes=(16, 16), activation="tanh", **extra)),
            ):
                agent, factory = make_agent(agent_class, config, env_id)
                agent.learn(200)
                agent.export_policy(path)
                policy = OnnxPolicy(path)
                policy.signature.check(factory.observation_space, factory.action_space, where="policy")
                rng = np.random.default_rng(0)
                shape, dtype = factory.observation_space.shape, factory.observation_space.dtype
                observations = rng.integers(0, 256, (200, *shape)) if len(shape) == 3 else rng.normal(size=(200, *shape))
                observations = observations.astype(dtype)
                np.testing.assert_allclose(policy.scores(observations), agent.fast_path.scores(observations), atol=2e-6)
                assert np.mean(policy.act(observations) == agent.act(observations)) == 1.0
                close_all()
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_keras_rl_memory_returns_true_transitions_only():
    run_worker("""
        rng = np.random.default_rng(0)
        for capacity in (1000, 60):
            replay, true = KerasRLReplay(capacity, seed=0), {}
            for episode in range(40):
                length, ending = int(rng.integers(1, 9)), ("terminated", "truncated", "cut")[episode % 3]
                for t in range(length):
                    row, last = episode * 100 + t, t == length - 1
                    step = Transitions(
                        np.array([[row]], np.float32), np.array([row % 2]), np.array([row], np.float32), np.array([[row + 1]], np.float32),
                        np.array([last and ending == "terminated"]), np.array([last and ending == "truncated"]), np.array([True]))
                    replay.add(step)
                    true[row] = last and ending == "terminated"
                replay.cut() if ending == "cut" else None
            seen = set()
            for _ in range(300):
                for state, action, reward, following, terminated in zip(*replay.sample(16)):
                    row = int(state[0])
                    assert row in true and (action, reward, following[0], terminated) == (row % 2, row, row + 1, true[row])
                    seen.add((row, bool(terminated)))
            # Drawn without a reason to leave any out, but for the oldest row, which it never returns.
            assert len(seen) >= (len(true) - 1 if capacity == 1000 else 30)
            assert {terminated for _, terminated in seen} == {False, True}
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_gradients_are_clipped_by_their_global_norm_and_target_weights_follow_by_tau():
    run_worker("""
        def first_moment_norm(max_gradient_norm):
            agent, _ = make_agent(DQN, KerasRLDQNConfig(max_gradient_norm=max_gradient_norm, huber_delta=0.0, **SMALL_DQN))
            rng = np.random.default_rng(0)
            observations = rng.normal(size=(16, 4)).astype(np.float32)
            agent.fast_path.update(observations, rng.integers(0, 2, 16), np.full(16, 100.0, np.float32))
            optimizer = agent.agent.trainable_model.optimizer
            moments = optimizer.get_weights()[1 : 1 + len(agent.agent.model.get_weights())]
            return np.sqrt(sum(float(np.sum(moment**2)) for moment in moments))
        # After one step of Adam the first moment is 0.1 times the gradient.
        np.testing.assert_allclose(first_moment_norm(0.5), 0.05, rtol=1e-4)
        assert first_moment_norm(1e9) > 1.0

        agent, _ = make_agent(DQN, KerasRLDQNConfig(target_update_tau=0.25, **SMALL_DQN))
        target = [weights.copy() for weights in agent.agent.target_model.get_weights()]
        agent.agent.model.set_weights([weights + 1.0 for weights in target])
        agent.update_target_model()
        for before, after in zip(target, agent.agent.target_model.get_weights()):
            np.testing.assert_allclose(after, before + 0.25, atol=1e-6)
    """)


@pytest.mark.framework
@pytest.mark.xdist_group("kerasrl")
def test_an_agent_after_others_that_were_closed_has_a_graph_of_its_own():
    """With all agents in one graph, the tenth took three times as long to make as the first."""
    run_worker("""
        import tensorflow as tf
        def size():
            return len(tf.compat.v1.get_default_graph().get_operations())
        config, sizes = KerasRLSARSAConfig(hidden_sizes=(16, 16), num_envs=2), []
        for _ in range(2):
            agent, _ = make_agent(SARSA, config)
            sizes.append(size())
            close_all()
        assert sizes[0] == sizes[1] > 100, sizes
        first, _ = make_agent(SARSA, config)
        second, _ = make_agent(SARSA, config, seed=1)
        assert size() > 1.5 * sizes[0], "agents that live at a time share a graph"
        for agent in (first, second):
            agent.learn(20)
    """)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"replay": "keras_rl"}, "set num_envs=1"),
        ({"replay": "keras_rl", "num_envs": 1, "learning_starts": 10}, "learning_starts=10"),
        ({"replay": "sequential"}, "replay"),
        ({"target_update_period": 100}, "multiple of train_period"),
        ({"huber_delta": -1.0}, "huber_delta"),
    ],
)
def test_dqn_refuses_what_it_cannot_do(table, message):
    with pytest.raises(ArenaError, match=message):
        build_config(KerasRLDQNConfig, table, where="kerasrl-dqn")


def test_sarsa_epsilon_falls_and_stays():
    config = KerasRLSARSAConfig(epsilon_start=1.0, epsilon_end=0.1, epsilon_decay_steps=100)
    assert [round(config.epsilon(steps), 6) for steps in (0, 50, 100, 1000)] == [1.0, 0.55, 0.1, 0.1]


@pytest.mark.parametrize("agent_id", ["kerasrl-dqn", "kerasrl-sarsa"])
def test_environments_with_action_masks_are_refused(agent_id):
    with pytest.raises(ArenaError, match=f"Keras-RL has no action masks: {agent_id} cannot play arena/ConnectFour-v0"):
        check_pair(agent_spec(agent_id), EnvConfig("arena/ConnectFour-v0"))
