"""The Keras agents on each backend: learner steps equal a float64 oracle in NumPy, truncation is not termination, runs resume.

A process can hold one backend, so each test asks a `check_*` function in the process of its backend (`question_server.py`); the modules of
`arena_keras` below the specs are imported inside the checks, which run there.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.spaces import random_actions, random_masks
from arena.errors import ArenaError
from arena.policies.onnx_network import Conv
from arena.policies.policy import OnnxPolicy
from arena.testing import check_agent
from arena_keras.specs import DQN, PPO

BACKENDS = [pytest.param(name, marks=pytest.mark.xdist_group(f"keras {name}")) for name in ("jax", "tensorflow", "torch")]
MAX_NORM = 0.24
"""Between the smallest and the largest gradient of the DQN oracle's minibatches."""


def run_check(check, backend, *arguments, **variables):
    """Runs `check(backend, *arguments)` of this file in the process of the backend."""
    ask(check, backend, *arguments, spec=DQN, config=DQN.config(backend=backend), variables=variables)


def make_agent(spec, env_id, **table):
    config = build_config(spec.config, table, where=spec.id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(0))
    return spec.load()(factory, config, seed=1, device="cpu")


def forward(parameters, x, activation):
    """Returns the outputs of every layer of an MLP, the inputs first, in float64."""
    outputs = [np.asarray(x, np.float64)]
    for index in range(0, len(parameters), 2):
        x = outputs[-1] @ parameters[index] + parameters[index + 1]
        outputs.append(x if index == len(parameters) - 2 else activation(x))
    return outputs


def relu(x):
    return np.maximum(x, 0.0)


def dqn_gradients(parameters, target_parameters, batch, discount, double, allowed=True):
    """Returns loss and gradients of one minibatch; `allowed` says which next actions are."""
    observations, actions, rewards, next_observations, terminated = batch
    following = forward(target_parameters, next_observations, relu)[-1]
    chooser = forward(parameters, next_observations, relu)[-1] if double else following
    rows = np.arange(len(actions))
    targets = rewards + discount * ~terminated * following[rows, np.where(allowed, chooser, -np.inf).argmax(-1)]
    outputs = forward(parameters, observations, relu)
    errors = outputs[-1][rows, actions] - targets
    loss = np.where(np.abs(errors) <= 1.0, 0.5 * errors**2, np.abs(errors) - 0.5).mean()
    upstream = np.zeros_like(outputs[-1])
    upstream[rows, actions] = np.clip(errors, -1.0, 1.0) / len(errors)
    gradients = []
    for index in range(len(parameters) - 2, -1, -2):
        below = outputs[index // 2]
        gradients = [below.T @ upstream, upstream.sum(0), *gradients]
        upstream = (upstream @ parameters[index].T) * (below > 0.0)
    return loss, gradients


class OracleAdam:
    """Adam with epsilon where Keras puts it ("epsilon hat"), after clipping by the global norm."""

    def __init__(self, parameters, learning_rate, epsilon, max_norm):
        self.learning_rate, self.epsilon, self.max_norm = learning_rate, epsilon, max_norm
        self.parameters = [np.asarray(p, np.float64) for p in parameters]
        self.first = [np.zeros_like(p) for p in self.parameters]
        self.second = [np.zeros_like(p) for p in self.parameters]
        self.count = 0
        self.norms = []

    def step(self, gradients):
        self.count += 1
        self.norms.append(np.sqrt(sum((g**2).sum() for g in gradients)))
        scale = min(1.0, self.max_norm / self.norms[-1])
        for i, gradient in enumerate(gradients):
            self.first[i] = 0.9 * self.first[i] + 0.1 * scale * gradient
            self.second[i] = 0.999 * self.second[i] + 0.001 * (scale * gradient) ** 2
            rate = self.learning_rate * np.sqrt(1.0 - 0.999**self.count) / (1.0 - 0.9**self.count)
            self.parameters[i] = self.parameters[i] - rate * self.first[i] / (np.sqrt(self.second[i]) + self.epsilon)


def check_dqn_oracle(backend, *, compile=False):
    for double in (False, True):
        table = {"hidden_sizes": (16, 24), "double": double, "discount": 0.9, "max_gradient_norm": MAX_NORM, "compile": compile}
        agent = make_agent(DQN, "CartPole-v1", backend=backend, **table)
        rng = np.random.default_rng(3)
        shape = (6, 32)
        batches = (
            rng.normal(size=(*shape, 4)).astype(np.float32),
            rng.integers(0, 2, shape),
            rng.normal(scale=2.0, size=shape).astype(np.float32),
            rng.normal(size=(*shape, 4)).astype(np.float32),
            rng.random(shape) < 0.3,
        )
        parameters = agent.engine.get(agent.learner.parameters)
        targets = [p + rng.normal(scale=0.1, size=p.shape).astype(np.float32) for p in parameters]
        oracle = OracleAdam(parameters, 3e-3, 1e-8, MAX_NORM)
        losses = []
        for k in range(shape[0]):
            loss, gradients = dqn_gradients(oracle.parameters, targets, [b[k] for b in batches], 0.9, double)
            losses.append(loss)
            oracle.step(gradients)
        assert min(oracle.norms) < MAX_NORM < max(oracle.norms), f"the bound must be tried from both sides: {oracle.norms}"
        found = agent.learner.update(batches, 3e-3, agent.engine.put(targets))
        assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
        assert found["gradient_norm"] == pytest.approx(np.mean(oracle.norms), rel=1e-5)
        for actual, expected in zip(agent.engine.get(agent.learner.parameters), oracle.parameters, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def check_compiled_dqn_oracle(backend):
    check_dqn_oracle(backend, compile=True)


def ppo_oracle(agent, parameters, batch, allowed=True):
    """Returns the loss and its statistics for one minibatch; `allowed` says which actions are."""
    observations, choices, old_log_probs, advantages, returns = batch
    config = agent.config
    num_policy = 2 * (len(config.hidden_sizes) + 1)
    outputs = forward(parameters[:num_policy], observations, np.tanh)[-1]
    if config.share_layers:
        outputs, values = outputs[:, :-1], outputs[:, -1]
    else:
        values = forward(parameters[-num_policy:], observations, np.tanh)[-1][:, 0]
    if choices.ndim == 1:
        all_log_probs = outputs - np.log(np.where(allowed, np.exp(outputs), 0.0).sum(-1, keepdims=True))
        log_probs = all_log_probs[np.arange(len(choices)), choices]
        entropy = -np.where(allowed, np.exp(all_log_probs) * all_log_probs, 0.0).sum(-1).mean()
    elif np.issubdtype(choices.dtype, np.integer):  # several choices, each with its own head
        log_probs, entropy, first = 0.0, 0.0, 0
        for index, size in enumerate(agent.action_space.nvec):
            logits = outputs[:, first : first + size]
            of_head = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            log_probs = log_probs + of_head[np.arange(len(choices)), choices[:, index]]
            entropy -= (np.exp(of_head) * of_head).sum(-1).mean()
            first += size
    else:
        std = np.exp(np.asarray(parameters[num_policy], np.float64))
        log_probs = (-0.5 * ((choices - outputs) / std) ** 2 - np.log(std * np.sqrt(2.0 * np.pi))).sum(-1)
        entropy = np.log(std * np.sqrt(2.0 * np.pi * np.e)).sum()
    ratios = np.exp(log_probs - old_log_probs)
    advantages = (advantages - advantages.mean()) / advantages.std()
    policy_loss = -np.minimum(ratios * advantages, np.clip(ratios, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio) * advantages).mean()
    value_loss = ((values - returns) ** 2).mean()
    return {
        "loss": policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": (ratios - 1.0 - np.log(ratios)).mean(),
        "clip_fraction": (np.abs(ratios - 1.0) > config.clip_ratio).mean(),
    }


def check_ppo_oracle(backend):
    table = {"backend": backend, "hidden_sizes": (16, 24), "entropy_coefficient": 0.1, "value_coefficient": 0.7, "num_envs": 2}
    for env_id, share_layers in (("CartPole-v1", False), ("arena/ManyChoices-v0", False), ("Pendulum-v1", True)):
        agent = make_agent(PPO, env_id, **table, share_layers=share_layers)
        rng = np.random.default_rng(4)
        parameters = [p + rng.normal(scale=0.3, size=p.shape).astype(np.float32) for p in agent.engine.get(agent.learner.parameters)]
        agent.learner.state = agent.learner.state._replace(parameters=agent.engine.put(parameters))
        agent.pull_policy()
        observations = rng.normal(size=(64, *agent.observation_space.shape)).astype(np.float32)
        _, choices, drawn_by = agent.draw_actions(observations)
        log_probs = agent.distribution.log_probs(choices, drawn_by, agent.extra)
        old_log_probs = log_probs + rng.normal(scale=0.3, size=64).astype(np.float32)
        advantages, returns = rng.normal(size=(2, 64)).astype(np.float32)
        batch = (observations, choices, old_log_probs, advantages, returns)
        expected = ppo_oracle(agent, parameters, batch)
        assert 0.1 < expected["clip_fraction"] < 0.9, "the clip must be tried from both sides"
        found = agent.learner.update(tuple(part[None] for part in batch), 0.0)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-6), f"{env_id}: {name}"
        unchanged = ppo_oracle(agent, parameters, (observations, choices, log_probs, advantages, returns))
        assert unchanged["approx_kl"] == pytest.approx(0.0, abs=1e-10), "log probabilities while acting are those of the oracle"


def check_masked_oracles(backend):
    """Four features, four actions; the networks read the features alone."""
    masked, size = "arena/MaskedIdentity-v0", 64
    rng = np.random.default_rng(6)

    def positions():
        features, allowed = rng.normal(size=(size, 4)).astype(np.float32), random_masks(rng, size, 4)
        return features, allowed, np.concatenate([features, allowed], -1, dtype=np.float32)

    for double in (False, True):
        agent = make_agent(DQN, masked, backend=backend, hidden_sizes=(16,), double=double, discount=0.9)
        features, allowed, observations = positions()
        next_features, next_allowed, next_observations = positions()
        rest = (random_actions(rng, allowed), rng.normal(size=size).astype(np.float32))
        terminated = rng.random(size) < 0.3
        parameters = agent.engine.get(agent.learner.parameters)
        targets = [p + rng.normal(scale=0.1, size=p.shape).astype(np.float32) for p in parameters]
        arguments = (parameters, targets, (features, *rest, next_features, terminated), 0.9, double)
        expected = dqn_gradients(*arguments, next_allowed)[0]
        assert expected != pytest.approx(dqn_gradients(*arguments)[0], rel=1e-3), "the mask must matter"
        batches = tuple(part[None] for part in (observations, *rest, next_observations, terminated))
        assert agent.learner.update(batches, 0.0, agent.engine.put(targets))["loss"] == pytest.approx(expected, rel=1e-5)

    agent = make_agent(PPO, masked, backend=backend, hidden_sizes=(16,), entropy_coefficient=0.1, num_envs=2, share_layers=True)
    parameters = [p + rng.normal(scale=0.3, size=p.shape).astype(np.float32) for p in agent.engine.get(agent.learner.parameters)]
    agent.learner.state = agent.learner.state._replace(parameters=agent.engine.put(parameters))
    agent.pull_policy()
    features, allowed, observations = positions()
    actions, choices, drawn_by = agent.draw_actions(observations)
    log_probs, values = agent.distribution.log_probs(choices, drawn_by, agent.extra), agent.values(observations)
    assert allowed[np.arange(size), actions].all()
    np.testing.assert_allclose(values, forward(parameters, features, np.tanh)[-1][:, -1], rtol=1e-4, atol=1e-5)
    noise = rng.normal(scale=0.3, size=size).astype(np.float32)
    advantages, returns = rng.normal(size=(2, size)).astype(np.float32)
    rest = (choices, log_probs + noise, advantages, returns)
    expected = ppo_oracle(agent, parameters, (features, *rest), allowed)
    found = agent.learner.update(tuple(part[None] for part in (observations, *rest)), 0.0)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
    unchanged = ppo_oracle(agent, parameters, (features, choices, log_probs, advantages, returns), allowed)
    assert unchanged["approx_kl"] == pytest.approx(0.0, abs=1e-10)


def check_truncation(backend):
    """On `Truncation`, action 0 leaves (reward 3, terminated), action 1 stays (reward 1, truncated in place 1) and swaps the place."""
    discount = 0.9
    table = {"backend": backend, "hidden_sizes": (8,), "discount": discount}
    agent = make_agent(DQN, "arena/Truncation-v0", **table, learning_starts=200, num_updates=1, batch_size=128)
    agent.learn(150)
    observations, actions, rewards, next_observations, _ = batch = agent.replay.sample(128)
    places = observations.argmax(-1)
    cut = (places == 1) & (actions == 1)
    assert cut.any()
    assert not cut.all()
    np.testing.assert_array_equal(rewards, np.where(actions == 0, 3.0, 1.0))
    np.testing.assert_array_equal(next_observations.argmax(-1), 1 - places)
    scores = agent.policy.scores(np.eye(2, dtype=np.float32))  # [2, A], of both places; the target network is still the same
    targets = np.where(actions == 0, 3.0, 1.0 + discount * scores.max(-1)[1 - places])
    errors = np.abs(scores[places, actions] - targets)
    expected = np.where(errors <= 1.0, 0.5 * errors**2, errors - 0.5).mean()
    found = agent.learner.update(tuple(part[None] for part in batch), 0.0, agent.target)
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def check_promises(backend):
    small = {"backend": backend, "hidden_sizes": (16, 16), "num_envs": 4}
    replay = {**small, "learning_starts": 100, "train_period": 100, "num_updates": 10, "target_update_period": 200}
    check_agent(DQN, config={**replay, "target_update_tau": 0.5}, num_steps=600)
    rollouts = {**small, "rollout_length": 32, "batch_size": 64, "num_epochs": 2, "anneal_steps": 4_000}
    check_agent(PPO, config={**rollouts, "share_layers": True}, num_steps=600)


def check_export(backend, folder):
    small = {"backend": backend, "hidden_sizes": (16,)}
    eyes = {"conv_layers": ((4, 8, 4), (8, 3, 2)), "num_envs": 2}
    cases = (
        (DQN, "CartPole-v1", {}),
        (DQN, "arena/ImageIdentity-v0", {**eyes, "num_updates": 2, "replay_capacity": 500}),
        (PPO, "CartPole-v1", {}),
        (PPO, "Pendulum-v1", {}),
        (PPO, "arena/ImageIdentity-v0", {**eyes, "batch_size": 64, "num_epochs": 1, "share_layers": True}),
    )
    for spec, env_id, table in cases:
        agent = make_agent(spec, env_id, **small, **table)
        path = Path(folder) / "policy.onnx"
        agent.export_policy(path)
        policy = OnnxPolicy(path)
        space, rng = agent.observation_space, np.random.default_rng(5)
        shape = (200, *space.shape)
        observations = rng.integers(0, 256, shape, np.uint8) if space.dtype == np.uint8 else rng.normal(size=shape).astype(np.float32)
        if isinstance(agent.action_space, gym.spaces.Discrete):
            np.testing.assert_array_equal(policy.act(observations), agent.act(observations))
        else:
            np.testing.assert_allclose(policy.act(observations), agent.act(observations), rtol=1e-5, atol=1e-6)
        assert isinstance(agent.policy.layers[0], Conv) == (space.dtype == np.uint8)


def check_patch_convolutions(backend):
    assert backend == "jax"
    import jax
    from keras import layers

    from arena_keras.patch_convolution import PatchConv2D

    for size, stride, shape in (
        (4, 2, (2, 11, 9, 3)),
        (3, 1, (2, 7, 7, 2)),
        (3, 2, (1, 8, 9, 1)),
        (8, 4, (1, 84, 84, 4)),
        (2, 2, (2, 5, 5, 1)),
    ):
        rng = np.random.default_rng(size)
        theirs, ours = (kind(6, size, stride, activation="relu") for kind in (layers.Conv2D, PatchConv2D))
        images, kernel = rng.normal(size=shape).astype(np.float32), rng.normal(size=(size, size, shape[-1], 6)).astype(np.float32)
        found = []
        for layer in (theirs, ours):
            layer.build(shape)
            bias = layer.bias.value
            run = jax.jit(lambda images, kernel, layer=layer, bias=bias: layer.stateless_call([kernel, bias], [], images)[0])
            total = jax.grad(lambda images, kernel, run=run: (run(images, kernel) ** 2).sum(), (0, 1))
            found.append((run(images, kernel), *total(images, kernel)))
        for one, other in zip(*found, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4 * float(np.abs(one).max()))


@pytest.mark.framework
@pytest.mark.xdist_group("keras jax")
def test_patch_convolutions_equal_keras_convolutions():
    run_check(check_patch_convolutions, "jax")


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_dqn_steps_equal_a_float64_oracle(backend):
    run_check(check_dqn_oracle, backend)


@pytest.mark.framework
@pytest.mark.slow
def test_compiled_dqn_steps_equal_a_float64_oracle(tmp_path):
    run_check(check_compiled_dqn_oracle, "torch", TORCHINDUCTOR_CACHE_DIR=str(tmp_path))


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_ppo_loss_equals_a_float64_oracle(backend):
    run_check(check_ppo_oracle, backend)


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_losses_equal_a_float64_oracle(backend):
    run_check(check_masked_oracles, backend)


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_truncation_is_bootstrapped_and_termination_is_not(backend):
    run_check(check_truncation, backend)


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_agents_keep_their_promises_and_resume_bitwise(backend):
    run_check(check_promises, backend)


@pytest.mark.framework
@pytest.mark.parametrize("backend", BACKENDS)
def test_exported_policies_act_as_the_agents_do(backend, tmp_path):
    run_check(check_export, backend, str(tmp_path))


@pytest.mark.parametrize("spec", [DQN, PPO], ids=["dqn", "ppo"])
def test_compile_is_refused_where_it_means_nothing(spec):
    assert build_config(spec.config, {"backend": "torch", "compile": True}, where=spec.id).compile
    with pytest.raises(ArenaError, match="backend 'torch' only; 'tensorflow' always compiles"):
        build_config(spec.config, {"backend": "tensorflow", "compile": True}, where=spec.id)


def check_orthogonal_weights(backend):
    first = 2**0.5
    for share_layers, expected in ((False, [first, first, 0.01, first, first, 1.0]), (True, [first, first, [0.01, 0.01, 1.0]])):
        table = {"initial_weights": "orthogonal", "hidden_sizes": [16, 8], "share_layers": share_layers}
        agent = make_agent(PPO, "CartPole-v1", backend=backend, **table)
        parameters = agent.engine.get(agent.learner.state.parameters)
        for kernel, bias, gains in zip(parameters[::2], parameters[1::2], expected, strict=True):
            matrix = kernel if kernel.shape[0] >= kernel.shape[1] else kernel.T
            np.testing.assert_allclose(matrix.T @ matrix, np.diag(np.square(np.broadcast_to(gains, matrix.shape[1]))), atol=1e-5)
            assert not bias.any()
        agent.close()


@pytest.mark.framework
@pytest.mark.xdist_group("keras jax")
def test_ppo_begins_with_orthogonal_weights_where_they_are_asked_for():
    run_check(check_orthogonal_weights, "jax")
