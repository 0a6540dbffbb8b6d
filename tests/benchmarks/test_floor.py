"""The arithmetic of the floor is real: its gradients are those of finite differences, its Adam that of the paper."""

import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from benchmarks.balancing_policy import write_policy
from benchmarks.floor import BareNetwork, time_updates


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_backward_pass_is_the_gradient(activation: str):
    rng = np.random.default_rng(0)
    network = BareNetwork([3, 5, 4, 2], 6, activation, rng)
    x = rng.normal(size=(6, 3)).astype(np.float32)
    weights = rng.normal(size=(6, 2)).astype(np.float32)
    network.forward(x)
    network.backward(x, weights)
    found = network.gradients.copy()
    for index in rng.choice(len(found), 20, replace=False):
        losses = []
        for change in (1e-2, -1e-2):
            network.parameters[index] += change
            losses.append(float((network.forward(x) * weights).sum()))
            network.parameters[index] -= change
        assert found[index] == pytest.approx((losses[0] - losses[1]) / 2e-2, abs=2e-2)


def test_adam_is_that_of_the_paper():
    rng = np.random.default_rng(1)
    network = BareNetwork([2, 3, 1], 4, "tanh", rng)
    parameters = network.parameters.astype(np.float64)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    for step in range(1, 6):
        gradient = rng.normal(size=parameters.shape)
        network.gradients[:] = gradient
        network.adam(1e-2)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        parameters -= 1e-2 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * first / (np.sqrt(second) + 1e-8)
    np.testing.assert_allclose(network.parameters, parameters, atol=1e-5)


def test_an_algorithm_without_known_arithmetic_has_none():
    assert time_updates("sarsa", {}, 4, 2) == (0.0, 0.0)
    settings = {"batch_size": 8, "hidden_sizes": [8], "activation": "relu"}
    assert min(time_updates("dqn", settings, 4, 2)) > 0.0


def test_the_policy_of_the_evaluation_holds_the_pole(tmp_path):
    write_policy(tmp_path)
    evaluation = evaluate(OnnxPolicy(tmp_path / "policy.onnx"), EnvConfig("CartPole-v1"), num_episodes=20, seed=7)
    assert evaluation.episode_return_mean == 500.0
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as arrays:
        assert arrays["k_1"].shape == (64, 64)
