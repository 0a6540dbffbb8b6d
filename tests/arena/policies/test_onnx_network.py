import gymnasium as gym
import numpy as np
import onnxruntime
import pytest
import scipy.stats

from arena.environments.spaces import ImageAndNumbers, MaskedBox
from arena.errors import ArenaError
from arena.policies.onnx_network import Conv, Dense, LayerNorm, PolicyNetwork, initial_weights, orthogonal_weights, squashed_mean
from arena.policies.policy import OnnxPolicy

FLAT = gym.spaces.Box(-5.0, 5.0, (4,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)
FLOAT_IMAGE = gym.spaces.Box(0.0, 1.0, (20, 24, 2), np.float32)
DISCRETE = gym.spaces.Discrete(3)
BOX = gym.spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([3.0, 0.5], np.float32))


def dense(rng: np.random.Generator, inputs: int, outputs: int, activation="linear") -> Dense:
    kernel = rng.normal(0.0, inputs**-0.5, (inputs, outputs)).astype(np.float32)
    return Dense(kernel, rng.normal(size=outputs).astype(np.float32), activation)


def conv(rng: np.random.Generator, size: int, inputs: int, outputs: int, stride: int) -> Conv:
    kernel = rng.normal(0.0, (size * size * inputs) ** -0.5, (size, size, inputs, outputs)).astype(np.float32)
    return Conv(kernel, rng.normal(size=outputs).astype(np.float32), stride)


def norm(rng: np.random.Generator, features: int, activation="linear") -> LayerNorm:
    scale, bias = rng.normal(1.0, 0.5, features), rng.normal(size=features)
    return LayerNorm(scale.astype(np.float32), bias.astype(np.float32), 1e-3, activation)


def networks() -> dict[str, PolicyNetwork]:
    rng = np.random.default_rng(0)
    nature = [conv(rng, 8, 3, 4, 4), conv(rng, 4, 4, 5, 2), conv(rng, 3, 5, 6, 1)]  # 36 -> 8 -> 3 -> 1
    wide = [conv(rng, 3, 2, 4, 2), conv(rng, 2, 4, 3, 1)]  # 20 x 24 -> 9 x 11 -> 8 x 10: not square, so a swapped axis shows
    joined = [conv(rng, 3, 2, 4, 2), conv(rng, 2, 4, 3, 1), dense(rng, 8 * 10 * 3 + 2, 16, "relu"), dense(rng, 16, 3)]
    return {
        "image and numbers": PolicyNetwork(joined, ImageAndNumbers(FLOAT_IMAGE, np.full(2, -5.0), np.full(2, 5.0)), DISCRETE),
        "choices": PolicyNetwork([dense(rng, 4, 16, "tanh"), dense(rng, 16, 9)], FLAT, gym.spaces.MultiDiscrete([3, 2, 4])),
        "masked choices": PolicyNetwork(
            [dense(rng, 4, 9)], MaskedBox(FLAT.low, FLAT.high, 9, [3, 2, 4]), gym.spaces.MultiDiscrete([3, 2, 4])
        ),
        "linear": PolicyNetwork([dense(rng, 4, 3)], FLAT, DISCRETE),
        "relu": PolicyNetwork([dense(rng, 4, 16, "relu"), dense(rng, 16, 8, "relu"), dense(rng, 8, 3)], FLAT, DISCRETE),
        "tanh": PolicyNetwork([dense(rng, 4, 16, "tanh"), dense(rng, 16, 3)], FLAT, DISCRETE),
        "support": PolicyNetwork([dense(rng, 4, 3 * 11)], FLAT, DISCRETE, support=np.linspace(-10, 10, 11)),
        "box": PolicyNetwork([dense(rng, 4, 8, "tanh"), dense(rng, 8, 2)], FLAT, BOX),
        "squashed box": PolicyNetwork([dense(rng, 4, 8, "relu"), dense(rng, 8, 2, "tanh")], FLAT, BOX, squashed=True),
        "image": PolicyNetwork([*nature, dense(rng, 6, 7, "relu"), dense(rng, 7, 3)], IMAGE, DISCRETE),
        "float image": PolicyNetwork([*wide, dense(rng, 8 * 10 * 3, 3)], FLOAT_IMAGE, DISCRETE),
        "image without convolutions": PolicyNetwork([dense(rng, 20 * 24 * 2, 3)], FLOAT_IMAGE, DISCRETE),
        "normalised": PolicyNetwork(
            [norm(rng, 4), dense(rng, 4, 16), norm(rng, 16, "relu"), dense(rng, 16, 8, "tanh"), norm(rng, 8), dense(rng, 8, 3)],
            FLAT,
            DISCRETE,
        ),
        "normalised image": PolicyNetwork(
            [*wide, dense(rng, 8 * 10 * 3, 7), norm(rng, 7, "relu"), dense(rng, 7, 3)], FLOAT_IMAGE, DISCRETE
        ),
        "normalised image without convolutions": PolicyNetwork([norm(rng, 960), dense(rng, 960, 3)], FLOAT_IMAGE, DISCRETE),
        "image to box": PolicyNetwork([*wide, dense(rng, 8 * 10 * 3, 2)], FLOAT_IMAGE, BOX),
    }


def observations_of(space: gym.spaces.Box, count: int) -> np.ndarray:
    space.seed(0)
    return np.stack([space.sample() for _ in range(count)])


@pytest.mark.parametrize("name", networks())
@pytest.mark.parametrize("count", [1, 7])
def test_the_file_equals_the_numpy_pass(tmp_path, name, count) -> None:
    network = networks()[name]
    network.export(tmp_path / "policy.onnx")
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    policy.signature.check(network.observation_space, network.action_space, where=name)
    observations = observations_of(network.observation_space, count)
    np.testing.assert_allclose(policy.scores(observations), network.scores(observations), rtol=1e-5, atol=1e-5)
    actions, expected = policy.act(observations), network.actions(observations)
    assert actions.shape == expected.shape
    assert actions.dtype == expected.dtype
    np.testing.assert_allclose(actions, expected, rtol=1e-5, atol=1e-5)


def test_dense_layers_equal_float64() -> None:
    network = networks()["tanh"]
    observations = observations_of(FLAT, 9)
    first, second = network.layers
    hidden = np.tanh(observations.astype(float) @ first.kernel.astype(float) + first.bias)
    np.testing.assert_allclose(network.scores(observations), hidden @ second.kernel.astype(float) + second.bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolution_equals_its_definition(stride) -> None:
    rng = np.random.default_rng(1)
    space = gym.spaces.Box(0.0, 1.0, (7, 9, 2), np.float32)
    layer = conv(rng, 3, 2, 4, stride)
    height, width = (7 - 3) // stride + 1, (9 - 3) // stride + 1
    identity = Dense(np.eye(height * width * 4, dtype=np.float32), np.zeros(height * width * 4, np.float32))
    network = PolicyNetwork([layer, identity], space, gym.spaces.Discrete(height * width * 4))
    x = rng.random((2, 7, 9, 2))
    expected = np.zeros((2, height, width, 4))
    for n, row, column, k in np.ndindex(expected.shape):
        patch = x[n, row * stride : row * stride + 3, column * stride : column * stride + 3]
        expected[n, row, column, k] = max(0.0, np.sum(patch * layer.kernel[..., k].astype(float)) + layer.bias[k])
    np.testing.assert_allclose(network.scores(x), expected.reshape(2, -1), rtol=1e-5, atol=1e-5)


def test_support_gives_the_mean_under_the_softmax() -> None:
    kernel = np.zeros((4, 6), np.float32)
    bias = np.log(np.array([0.5, 0.25, 0.25, 1e-6, 1e-6, 1.0], np.float32))
    network = PolicyNetwork([Dense(kernel, bias)], FLAT, gym.spaces.Discrete(2), support=np.array([-4.0, 0.0, 8.0]))
    np.testing.assert_allclose(network.scores(np.zeros((1, 4))), [[-4 * 0.5 + 8 * 0.25, 8.0]], rtol=1e-4)


def test_a_large_logit_does_not_overflow() -> None:
    bias = np.array([1_000.0, 0.0, 0.0, -1_000.0], np.float32)
    network = PolicyNetwork([Dense(np.zeros((4, 4), np.float32), bias)], FLAT, gym.spaces.Discrete(2), support=np.array([1.0, 2.0]))
    np.testing.assert_allclose(network.scores(np.zeros((1, 4))), [[1.0, 1.0]])


@pytest.mark.parametrize(("squashed", "expected"), [(True, [[1.0, 0.375], [3.0, 0.5]]), (False, [[0.0, 0.5], [3.0, 0.5]])])
def test_actions_are_scaled_and_clipped_to_the_bounds(squashed, expected) -> None:
    network = PolicyNetwork([Dense(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))], FLAT, BOX, squashed=squashed)
    np.testing.assert_allclose(network.scale_actions(np.array([[0.0, 0.5], [9.0, 9.0]])), expected)


def test_integer_images_are_divided_by_255_and_float_images_are_not(tmp_path) -> None:
    for space, white in ((IMAGE, 255), (gym.spaces.Box(0.0, 1.0, IMAGE.shape, np.float32), 1.0)):
        size = int(np.prod(IMAGE.shape))
        network = PolicyNetwork([Dense(np.full((size, 1), 1 / size, np.float32), np.zeros(1, np.float32))], space, gym.spaces.Discrete(1))
        observations = np.full((2, *IMAGE.shape), white, space.dtype)
        np.testing.assert_allclose(network.scores(observations), 1.0, rtol=1e-4)
        session = onnxruntime.InferenceSession(network.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
        np.testing.assert_allclose(session.run(["action_scores"], {"observations": observations})[0], 1.0, rtol=1e-4)


def test_scores_do_not_change_their_input() -> None:
    for network in networks().values():
        observations = observations_of(network.observation_space, 3)
        before = observations.copy()
        network.scores(observations)
        np.testing.assert_array_equal(observations, before)


def test_initial_weights_are_uniform_within_the_root_of_fan_in() -> None:
    shapes = [(8, 8, 4, 32), (256, 100)]  # both have a fan-in of 256
    weights = initial_weights(shapes, np.random.default_rng(0))
    assert [array.shape for array in weights] == [(8, 8, 4, 32), (32,), (256, 100), (100,)]
    assert {array.dtype for array in weights} == {np.dtype(np.float32)}
    everything = np.concatenate([array.ravel() for array in weights])
    assert np.abs(everything).max() <= 1 / 16
    assert scipy.stats.kstest(everything, scipy.stats.uniform(-1 / 16, 1 / 8).cdf).pvalue > 0.01


def test_orthogonal_weights_are_orthogonal_and_leave_no_direction_out() -> None:
    shapes = [(4, 4, 2, 16), (8, 40), (40, 40), (40, 3)]
    weights = orthogonal_weights(shapes, np.random.default_rng(0), output_gain=0.5)
    assert [array.shape for array in weights[::2]] == shapes
    assert all(array.dtype == np.float32 for array in weights)
    assert not any(array.any() for array in weights[1::2]), "biases are zero"
    for kernel, gain in zip(weights[::2], (2.0**0.5, 2.0**0.5, 2.0**0.5, 0.5), strict=True):
        matrix = kernel.reshape(-1, kernel.shape[-1])
        matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        np.testing.assert_allclose(matrix.T @ matrix, gain**2 * np.eye(matrix.shape[1]), atol=1e-6)
    signs = np.sign([orthogonal_weights([(6, 6)], np.random.default_rng(seed), output_gain=1.0)[0] for seed in range(200)])
    assert np.abs(signs.mean(0)).max() < 0.3, "each entry is as often negative as positive"


def test_the_greedy_policy_of_a_squashed_gaussian_is_tanh_of_its_means_scaled(tmp_path) -> None:
    rng = np.random.default_rng(3)
    hidden, last = dense(rng, 4, 8, "relu"), dense(rng, 8, 4)
    network = PolicyNetwork(squashed_mean([hidden, last], 2), FLAT, BOX, squashed=True)
    network.export(tmp_path / "policy.onnx")
    observations = observations_of(FLAT, 50)
    outputs = np.maximum(observations @ hidden.kernel + hidden.bias, 0.0) @ last.kernel + last.bias  # [N, 4]: two means, two log deviations
    squashed = np.tanh(outputs[:, :2])
    policy = OnnxPolicy(tmp_path / "policy.onnx")
    np.testing.assert_allclose(policy.scores(observations), squashed, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(policy.act(observations), BOX.low + (squashed + 1.0) / 2.0 * (BOX.high - BOX.low), rtol=1e-5, atol=1e-5)
    assert np.abs(squashed).max() > 0.9, "the squashing must matter"


def test_a_layer_norm_has_mean_zero_and_variance_one_before_scale_and_bias():
    x = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    normal = LayerNorm(np.ones(4, np.float32), np.zeros(4, np.float32), 0.25)(x)
    np.testing.assert_allclose(normal, (x - 2.5) / np.sqrt(1.25 + 0.25), rtol=1e-6)


def test_a_layer_norm_among_convolutions_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ArenaError, match="not among or right after convolutions"):
        PolicyNetwork([conv(rng, 3, 2, 4, 2), norm(rng, 4), dense(rng, 396, 3)], FLOAT_IMAGE, DISCRETE)
