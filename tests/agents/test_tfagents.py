"""The TF-Agents agents against float64 NumPy oracles. Everything that imports TensorFlow runs in another process (`question_server.py`)."""

import subprocess
import sys
from pathlib import Path
from unittest import mock

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import FRAMEWORK_MODULES
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.spaces import MaskedBox, random_masks
from arena.errors import ArenaError
from arena.learning.replay import ReplayBuffer
from arena.learning.transitions import Transitions
from arena.policies.parity import same_choices
from arena.policies.policy import OnnxPolicy
from arena_tfagents.config import C51Config, TFAgentsDQNConfig

SMALL = {"hidden_sizes": [16, 16], "num_envs": 4, "learning_starts": 64, "train_period": 16, "num_updates": 4, "target_update_period": 32}
PIXELS = {"conv_layers": [[8, 4, 2], [4, 3, 1]], "activation": "tanh", "batch_size": 16, "num_updates": 8, "discount": 0.0}
FLAT, MASKED = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32), MaskedBox(np.full(3, -np.inf), np.full(3, np.inf), 2)
AGENTS = ["tfagents-dqn", "tfagents-c51"]


def framework(test):
    """Marks a test that runs in the process of TF-Agents."""
    return pytest.mark.framework(pytest.mark.xdist_group("tfagents")(test))


def in_worker(function, *args, other=False):
    """Calls a function of this file in the process of TF-Agents, where a warning is an error."""
    ask(function, *args, spec=agent_spec("tfagents-dqn"), strict=True, other=other)


def config_of(agent_id, **table):
    return build_config(agent_spec(agent_id).config, {**SMALL, **table}, where=agent_id)


def make_agent(agent_id, env_id="CartPole-v1", seed=3, **table):
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(0, spawn_key=(seed, 0)))
    return agent_spec(agent_id).load()(factory, config_of(agent_id, **table), seed=seed, device="cpu"), factory


def make_learner(agent_id, space=FLAT, **table):
    from arena_tfagents.framework import set_up
    from arena_tfagents.learner import Learner

    set_up("cpu", 0)
    return Learner(config_of(agent_id, **table), space, gym.spaces.Discrete(2), np.random.default_rng(0))


def random_batches(rng, num_updates, batch_size):
    shape = (num_updates, batch_size)
    return (
        rng.normal(size=(*shape, 3)).astype(np.float32),
        rng.integers(0, 2, shape),
        rng.normal(0.5, 2.0, shape).astype(np.float32),  # errors on both sides of the Huber loss's kink
        rng.normal(size=(*shape, 3)).astype(np.float32),
        rng.random(shape) < 0.2,
    )


# --- the oracle: float64, written from the papers ---


def forward(weights, x):
    activations = [x]
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        x = np.maximum(x, 0.0) if i < len(weights) - 2 else x
        activations.append(x)
    return activations


def backward(weights, activations, gradient):
    gradients = []
    for i in range(len(weights) - 2, -1, -2):
        inputs = activations[i // 2]
        gradients = [inputs.T @ gradient, gradient.sum(0), *gradients]
        gradient = (gradient @ weights[i].T) * (inputs > 0)
    return gradients


def best(values, allowed):
    return np.where(allowed, values, -np.inf).argmax(-1)


def dqn_loss(config, weights, target_weights, observations, actions, rewards, next_observations, terminated, allowed):
    """Returns the mean Huber loss and its gradient with respect to all action values; `allowed` are the next actions."""
    rows = np.arange(len(actions))
    q = forward(weights, observations)[-1]
    next_q = forward(target_weights, next_observations)[-1]
    chooser = forward(weights, next_observations)[-1] if config.double else next_q
    errors = q[rows, actions] - rewards - config.discount * next_q[rows, best(chooser, allowed)] * ~terminated
    size = np.abs(errors)
    loss = np.where(size <= 1.0, 0.5 * errors**2, size - 0.5).mean()
    gradient = np.zeros_like(q)
    gradient[rows, actions] = np.clip(errors, -1.0, 1.0) / len(rows)
    return loss, gradient


def c51_loss(config, weights, target_weights, observations, actions, rewards, next_observations, terminated, allowed):
    """Returns the mean cross entropy to the projected distribution and its gradient with respect to all logits."""
    rows, atoms = np.arange(len(actions)), np.linspace(config.min_q_value, config.max_q_value, config.num_atoms)

    def distributions(w, x):
        logits = forward(w, x)[-1].reshape(len(x), -1, len(atoms))
        exponentials = np.exp(logits - logits.max(-1, keepdims=True))
        return exponentials / exponentials.sum(-1, keepdims=True)

    following = distributions(target_weights, next_observations)
    following = following[rows, best(following @ atoms, allowed)]
    moved = np.clip(rewards[:, None] + config.discount * ~terminated[:, None] * atoms, atoms[0], atoms[-1])
    shares = np.clip(1.0 - np.abs(moved[:, None] - atoms[:, None]) / (atoms[1] - atoms[0]), 0.0, 1.0)  # [B, to, from]
    projected = (shares * following[:, None]).sum(-1)
    predicted = distributions(weights, observations)
    gradient = np.zeros_like(predicted)
    gradient[rows, actions] = (predicted[rows, actions] - projected) / len(rows)
    return -(projected * np.log(predicted[rows, actions])).sum(-1).mean(), gradient.reshape(len(rows), -1)


def oracle(config, arrays, batches, loss_function):
    """Returns the loss of each update, and the weights and target weights after all of them."""
    weights = [arrays[f"online_{i}"].astype(np.float64) for i in range(6)]
    target = [weight.copy() for weight in weights]
    m, v = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    losses = []
    for step, batch in enumerate(zip(*batches, strict=True), start=1):
        batch = [x if x.dtype != np.float32 else x.astype(np.float64) for x in batch]
        loss, gradient = loss_function(config, weights, target, *batch)
        losses.append(loss)
        gradients = backward(weights, forward(weights, batch[0]), gradient)
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        assert norm > config.max_gradient_norm, "the test must clip"
        rate = config.learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for i, g in enumerate(gradients):
            g = g * config.max_gradient_norm / norm
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            weights[i] = weights[i] - rate * m[i] / (np.sqrt(v[i]) + config.adam_epsilon)  # epsilon hat, as in TensorFlow
        if step % (config.num_updates * config.target_update_bursts) == 0:
            target = [weight.copy() for weight in weights]
    return losses, weights, target


def assert_close(actual, expected):
    error = np.max(np.abs(np.asarray(actual) - expected)) / np.max(np.abs(expected))
    assert error < 1e-5, f"relative error {error}"


# --- tests: `check_*` run in the worker ---


def with_masks(rng, batches):
    """Puts masks behind the observations: one action of two is always allowed, and not always the better one."""
    masks = [random_masks(rng, batches[1].size, 2).reshape(*batches[1].shape, 2) for _ in range(2)]
    observations, following = (np.concatenate([batches[i], mask], -1, dtype=np.float32) for i, mask in zip((0, 3), masks, strict=True))
    return (observations, *batches[1:3], following, batches[4])


def check_updates(agent_id, table, masked=False):
    from arena_tfagents import learner as module
    from arena_tfagents.framework import tf
    from arena_tfagents.trajectories import trajectories

    table = {**table, "max_gradient_norm": 0.01, "batch_size": 32}
    with mock.patch.object(module, "trajectories", wraps=trajectories) as traced:
        learner = make_learner(agent_id, MASKED if masked else FLAT, **table)
    assert traced.call_count == 1, "a burst is traced once"
    config, initial = learner.config, learner.arrays()
    bursts = [random_batches(np.random.default_rng(burst), config.num_updates, config.batch_size) for burst in range(5)]
    if masked:
        bursts = [with_masks(np.random.default_rng(burst), batches) for burst, batches in enumerate(bursts)]
    fused_losses = [learner.update(*burst)["loss"] for burst in bursts]
    fused = learner.arrays()

    learner.assign(initial)
    stepwise_losses = []
    for burst in bursts:
        stepwise_losses += [float(learner.agent.train(trajectories(*map(tf.constant, batch))).loss) for batch in zip(*burst, strict=True)]
    stepwise = learner.arrays()

    batches = [np.concatenate(arrays) for arrays in zip(*bursts, strict=True)]
    batches.append(batches[3][..., 3:] > 0.5 if masked else np.ones((*batches[1].shape, 2), np.bool_))
    batches[0], batches[3] = batches[0][..., :3], batches[3][..., :3]
    losses, weights, target = oracle(config, initial, batches, c51_loss if agent_id == "tfagents-c51" else dqn_loss)
    assert_close(fused_losses, np.reshape(losses, (5, -1)).mean(-1))
    assert_close(stepwise_losses, losses)
    for arrays in (fused, stepwise):
        for i in range(6):
            assert_close(arrays[f"online_{i}"], weights[i])
            assert_close(arrays[f"target_{i}"], target[i])
            assert not np.array_equal(arrays[f"online_{i}"], arrays[f"target_{i}"])  # 5 bursts: the last copy was after the 4th


@framework
@pytest.mark.parametrize(
    ("agent_id", "table"),
    [("tfagents-dqn", {}), ("tfagents-dqn", {"double": True}), ("tfagents-c51", {"min_q_value": -3.0, "max_q_value": 5.0, "num_atoms": 9})],
    ids=["dqn", "double", "c51"],
)
def test_fused_updates_equal_the_oracle_and_single_steps(agent_id, table):
    in_worker(check_updates, agent_id, table)


@framework
@pytest.mark.parametrize(
    ("agent_id", "table"),
    [("tfagents-dqn", {}), ("tfagents-dqn", {"double": True}), ("tfagents-c51", {"min_q_value": -3.0, "max_q_value": 5.0, "num_atoms": 9})],
    ids=["dqn", "double", "c51"],
)
def test_masked_updates_equal_the_oracle_and_single_steps(agent_id, table):
    in_worker(check_updates, agent_id, table, True)


def check_bootstrap():
    from arena_tfagents.private_api import optimizer
    from arena_tfagents.replay import TFAgentsReplay

    learner = make_learner("tfagents-dqn")
    initial, batch_shape = learner.arrays(), (learner.config.num_updates, learner.config.batch_size)
    optimizer(learner.agent).learning_rate = 0.0
    weights = [initial[f"online_{i}"].astype(np.float64) for i in range(6)]
    observation, following, reward = np.array([[1.0, -2.0, 0.5]]), np.array([[-1.0, 0.3, 2.0]]), 0.25
    value, next_value = forward(weights, observation)[-1][0, 1], forward(weights, following)[-1][0].max()
    assert abs(next_value) > 0.05, "the two targets must differ"
    for replay_class in (ReplayBuffer, TFAgentsReplay):
        for terminated in (False, True):
            ends = np.array([terminated]), np.array([not terminated])
            arrays = observation.astype(np.float32), np.array([1]), np.array([reward], np.float32), following.astype(np.float32)
            replay = replay_class(8, FLAT, gym.spaces.Discrete(2), 0)
            replay.add(Transitions(*arrays, *ends, np.array([True])))
            replay.add(Transitions(*(10 * array for array in arrays), *ends, np.array([False])))  # not valid: never drawn
            expected = abs(reward + (0.0 if terminated else learner.config.discount * next_value) - value)
            assert_close(learner.update(*replay.sample(*batch_shape))["td_error"], expected)


@framework
def test_truncation_is_bootstrapped_and_termination_is_not():
    in_worker(check_bootstrap)


def train(agent_id, table, checkpoint, outcome, resume):
    agent, factory = make_agent(agent_id, **table)
    if resume:
        agent.restore(Path(checkpoint))
        factory.cut_episodes(1)
    else:
        agent.learn(300)
        Path(checkpoint).mkdir()
        agent.save(Path(checkpoint))
        factory.cut_episodes()
        factory.meter.take_episodes()
    losses = [list(agent.learn(300).losses.values()) for _ in range(2)]
    episodes = [(episode.episode_return, episode.terminated) for episode in factory.meter.take_episodes()]
    np.savez(outcome, losses=losses, episodes=episodes, **agent.learner.arrays())


@framework
@pytest.mark.parametrize(("agent_id", "replay"), [("tfagents-dqn", "arena"), ("tfagents-dqn", "tf_agents"), ("tfagents-c51", "arena")])
def test_resume_is_exact(tmp_path, agent_id, replay):
    # 900 steps, and room for 500: the replay buffer wraps around before and after the checkpoint
    table = {"replay": replay, "replay_capacity": 250}
    for name, resume in (("straight", False), ("resumed", True)):
        in_worker(train, agent_id, table, str(tmp_path / "checkpoint"), str(tmp_path / f"{name}.npz"), resume, other=resume)
    with np.load(tmp_path / "straight.npz") as straight, np.load(tmp_path / "resumed.npz") as resumed:
        assert len(straight["episodes"]) > 5
        for name in straight:
            np.testing.assert_array_equal(resumed[name], straight[name], err_msg=name)


class Pixels(gym.Env):
    observation_space = gym.spaces.Box(0, 255, (12, 14, 2), np.uint8)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action):
        reward = float(action == self.brightness // 86)
        return self._observation(), reward, bool(self.np_random.random() < 0.1), False, {}

    def _observation(self):
        self.brightness = self.np_random.integers(256)
        return self.np_random.integers(0, self.brightness + 1, (12, 14, 2), np.uint8)


def check_export(agent_id, env_id, table, path):
    if "Pixels-v0" not in gym.registry:  # the process may have answered another question before
        gym.register("Pixels-v0", Pixels)
    agent, factory = make_agent(agent_id, env_id, **table)
    agent.learn(3000 if env_id == "Pixels-v0" else 400)
    agent.export_policy(Path(path))
    rng = np.random.default_rng(0)
    space = factory.observation_space
    if space.dtype == np.uint8:
        observations = np.stack([rng.integers(0, brightness + 1, space.shape, np.uint8) for brightness in range(256)])
    else:
        observations = (rng.normal(size=(256, 4)) * 10.0 ** rng.uniform(-1.0, 1.5, (256, 1))).astype(np.float32)  # small and large
    actions = agent.act(observations)
    assert len(np.unique(actions)) > 1, "a constant policy proves nothing"
    for policy in (OnnxPolicy(Path(path)), agent.network):  # the latter is what `learn` acts by
        exported = policy.act(observations) if isinstance(policy, OnnxPolicy) else policy.actions(observations)
        assert same_choices(exported, policy.scores(observations), actions).all()


@framework
@pytest.mark.parametrize(
    ("agent_id", "env_id", "table"),
    [
        ("tfagents-dqn", "CartPole-v1", {}),
        ("tfagents-c51", "CartPole-v1", {}),
        ("tfagents-dqn", "Pixels-v0", PIXELS),
        ("tfagents-c51", "Pixels-v0", {**PIXELS, "max_q_value": 1.0}),
    ],
    ids=["dqn-flat", "c51-flat", "dqn-image", "c51-image"],
)
def test_onnx_acts_as_the_agent(tmp_path, agent_id, env_id, table):
    in_worker(check_export, agent_id, env_id, table, str(tmp_path / "policy.onnx"))


@pytest.mark.worker
def test_specs_load_without_a_framework():
    code = f"""import sys
from arena.agent.registry import agent_spec
for name in {AGENTS}: agent_spec(name)
assert not sys.modules.keys() & {set(FRAMEWORK_MODULES)}"""
    assert subprocess.run([sys.executable, "-c", code], timeout=600).returncode == 0


@pytest.mark.parametrize(
    ("config", "table", "message"),
    [
        (C51Config, {"double": True}, "double=True is not expressible"),
        (C51Config, {"min_q_value": 2.0, "max_q_value": 2.0}, "must be below"),
        (TFAgentsDQNConfig, {"overrides": {"gradient_cliping": 1.0}}, "did you mean 'gradient_clipping'"),
        (TFAgentsDQNConfig, {"replay": "reverb"}, "replay='reverb'"),
    ],
)
def test_config_refuses(config, table, message):
    with pytest.raises(ArenaError, match=message):
        build_config(config, table, where="agent")
