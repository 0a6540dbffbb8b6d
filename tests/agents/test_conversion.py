"""Models of each framework become policy files, each with the real library in a process of its own."""

from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.errors import ArenaError
from arena.policies import OnnxPolicy, from_jax, from_keras, from_sb3, from_tf_function, from_torch

pytestmark = pytest.mark.framework

SPACES = {"observation_space": gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), "action_space": gym.spaces.Discrete(2)}
IMAGES = {"observation_space": gym.spaces.Box(0, 255, (36, 36, 4), np.uint8), "action_space": gym.spaces.Discrete(3)}
CONTINUOUS = {"observation_space": gym.spaces.Box(-8.0, 8.0, (3,), np.float32), "action_space": gym.spaces.Box(-2.0, 2.0, (1,), np.float32)}


def process(*modules: str, **variables: str) -> SimpleNamespace:
    return SimpleNamespace(process_env_for=lambda _: variables, modules_for=lambda _: frozenset(modules))


def random(policy: OnnxPolicy, count: int = 64) -> np.ndarray:
    rng, shape = np.random.default_rng(3), (count, *policy.signature.observation_shape)
    if policy.signature.observation_dtype == np.uint8:
        return rng.integers(0, 256, shape).astype(np.uint8)
    return rng.normal(size=shape).astype(np.float32)


def refused(convert, *arguments, match: str, **spaces) -> None:
    with pytest.raises(ArenaError, match=match):
        convert(*arguments, **spaces)
    assert not Path(arguments[1]).exists(), "nothing is written"


def torch_models(folder: str) -> None:
    import torch
    from torch import nn

    class QNetwork(nn.Module):
        """The network of CleanRL's `dqn_atari.py`, smaller: it takes `[N, C, H, W]` and divides by itself."""

        def __init__(self) -> None:
            super().__init__()
            convolutions = nn.Conv2d(4, 8, 8, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 4, stride=2, padding=1), nn.ReLU()
            self.network = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(8 * 4 * 4, 16), nn.ReLU(), nn.Linear(16, 3))

        def forward(self, x):
            return self.network(x / 255.0)

    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    torch.manual_seed(0)
    path = Path(folder, "policy.onnx")
    layers = nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.GELU(), nn.LayerNorm(8), nn.SiLU(), nn.Dropout(0.5), nn.Linear(8, 2)
    module = nn.Sequential(*layers)
    policy = from_torch(module, path, **SPACES)
    assert module.training, "the module is left in the mode that it had"
    x = random(policy)
    np.testing.assert_allclose(policy.scores(x), module.eval()(torch.as_tensor(x)).detach(), rtol=1e-4, atol=1e-5)
    network = QNetwork()
    policy = from_torch(network, path, **IMAGES)
    x = random(policy)
    wanted = network(torch.as_tensor(x.transpose(0, 3, 1, 2).copy()).float()).detach()
    np.testing.assert_allclose(policy.scores(x), wanted, rtol=1e-4, atol=1e-5)
    assert policy.act(x).tolist() == wanted.argmax(-1).tolist()
    path.unlink()
    refused(from_torch, Branches(), path, match="cannot be traced", **SPACES)
    refused(from_torch, nn.Sequential(nn.Linear(4, 2), nn.GLU()), path, match="layer '1' is a GLU", **SPACES)
    refused(from_torch, nn.Linear(4, 3), path, match="cannot play here|are the action scores", **SPACES)


def test_torch(tmp_path: Path):
    ask(torch_models, str(tmp_path), spec=process("torch"))


def sb3_models(folder: str) -> None:
    import stable_baselines3 as sb3
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    path = Path(folder, "policy.onnx")
    for algorithm, env_id in ((sb3.DQN, "CartPole-v1"), (sb3.A2C, "CartPole-v1"), (sb3.PPO, "Pendulum-v1"), (sb3.SAC, "Pendulum-v1")):
        archive = Path(folder, "model.zip")
        algorithm("MlpPolicy", env_id, seed=0, device="cpu").save(archive)
        model = algorithm.load(archive, device="cpu")
        policy = from_sb3(model, path)
        x = random(policy)
        np.testing.assert_allclose(policy.act(x), model.predict(x, deterministic=True)[0], rtol=1e-4, atol=1e-5)
    vec_env = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")]))
    model = sb3.PPO("MlpPolicy", vec_env, n_steps=64, seed=0, device="cpu").learn(128)
    policy = from_sb3(model, path)
    x = 5 * random(policy)
    np.testing.assert_allclose(policy.act(x), model.predict(vec_env.normalize_obs(x), deterministic=True)[0], rtol=1e-4, atol=1e-5)
    assert np.abs(policy.act(x) - model.predict(x, deterministic=True)[0]).max() > 1e-3, "the normalisation counts"
    images = sb3.DQN("CnnPolicy", gym.make("arena_test/Pixels-v0"), buffer_size=10, seed=0, device="cpu")
    policy = from_sb3(images, path, observation_space=IMAGES["observation_space"])
    x = random(policy, 8)
    assert policy.act(x).tolist() == images.predict(x.transpose(0, 3, 1, 2), deterministic=True)[0].tolist()


class Pixels(gym.Env):
    """An environment of images."""

    observation_space, action_space = IMAGES["observation_space"], IMAGES["action_space"]

    def reset(self, *, seed=None, options=None):
        """Begins an episode."""
        return np.zeros((36, 36, 4), np.uint8), {}


gym.register("arena_test/Pixels-v0", Pixels)


def test_sb3(tmp_path: Path):
    ask(sb3_models, str(tmp_path), spec=process("torch", "stable_baselines3"))


def keras_models(folder: str) -> None:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    path = Path(folder, "policy.onnx")
    dense = layers.Dense(8, activation="relu"), layers.LayerNormalization(), layers.Dense(8), layers.Activation("gelu"), layers.Dense(2)
    model = keras.Sequential([layers.Input((4,)), *dense])
    policy = from_keras(model, path, **SPACES)
    x = random(policy)
    np.testing.assert_allclose(policy.scores(x), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    convolutions = layers.Conv2D(8, 8, strides=4, activation="relu"), layers.Conv2D(8, 3, padding="same", activation="tanh")
    image = keras.Sequential(
        [layers.Input((36, 36, 4)), layers.Rescaling(1 / 255), *convolutions, layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3)]
    )
    policy = from_keras(image, path, **IMAGES)
    x = random(policy)
    np.testing.assert_allclose(policy.scores(x), image.predict(x.astype(np.float32), verbose=0), rtol=1e-4, atol=1e-4)
    squashed = keras.Sequential([layers.Input((3,)), layers.Dense(1, activation="tanh")])
    policy = from_keras(squashed, path, squashed=True, **CONTINUOUS)
    x = random(policy)
    np.testing.assert_allclose(policy.act(x), 2 * squashed.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    path.unlink()
    given = keras.Input((4,))
    branches = keras.Model(given, layers.Dense(2)(layers.Add()([given, layers.Dense(4)(given)])))
    refused(from_keras, branches, path, match="only a chain of layers|is a Add", **SPACES)
    recurrent = keras.Sequential([layers.Input((4,)), layers.Reshape((4, 1)), layers.LSTM(2)])
    refused(from_keras, recurrent, path, match="is a Reshape, which is not", **SPACES)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_keras(tmp_path: Path, backend: str):
    ask(keras_models, str(tmp_path), spec=process("keras", backend, KERAS_BACKEND=backend))


def jax_functions(folder: str) -> None:
    import jax
    import jax.numpy as jnp

    path, keys = Path(folder, "policy.onnx"), jax.random.split(jax.random.key(0), 2)
    first, last = jax.random.normal(keys[0], (4, 8)), jax.random.normal(keys[1], (8, 2))
    for activation in (jax.nn.relu, jax.nn.tanh, jax.nn.gelu, jax.nn.silu, jax.nn.elu, jax.nn.leaky_relu, jax.nn.sigmoid):
        network = jax.jit(lambda x, activation=activation: activation(x @ first + 0.5) @ last - jnp.ones(2))
        policy = from_jax(network, path, **SPACES)
        x = random(policy)
        np.testing.assert_allclose(policy.scores(x), network(x), rtol=1e-4, atol=1e-5)
    path.unlink()
    refused(from_jax, lambda x: jnp.sort(x @ first)[:, :2], path, match="operation 'sort' is not among", **SPACES)
    refused(from_jax, lambda x: jnp.ones((len(x), 2)), path, match="does not depend on the observations", **SPACES)


def jax_images(folder: str) -> None:
    import jax
    import jax.numpy as jnp

    path, keys = Path(folder, "policy.onnx"), jax.random.split(jax.random.key(0), 3)
    last_kernel, first_kernel = jax.random.normal(keys[0], (3, 3, 2, 4)), jax.random.normal(keys[1], (4, 2, 3, 3))
    head = 0.1 * jax.random.normal(keys[2], (400, 3))
    images = {"observation_space": gym.spaces.Box(0, 255, (20, 20, 2), np.uint8), "action_space": gym.spaces.Discrete(3)}

    def channels_last(x):
        x = jax.lax.conv_general_dilated(x / 255.0, last_kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.lax.reduce_window(jax.nn.relu(x + 0.1), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return x.reshape(len(x), -1) @ head

    def channels_first(x):
        x = jnp.transpose(x / 255.0, (0, 3, 1, 2))
        x = jax.lax.conv_general_dilated(x, first_kernel, (2, 2), ((1, 0), (1, 0)))
        x = jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 2, 2), (1, 1, 1, 1), "SAME") / 4.0
        return x.reshape(len(x), -1) @ head

    def pooled(window):
        return lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID").reshape(len(x), -1)[:, :3]

    for function in (channels_last, channels_first, jax.jit(channels_last), pooled((1, 2, 1, 2))):
        policy = from_jax(function, path, **images)  # which compares the file with the function
        observations = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 2)).astype(np.uint8)
        np.testing.assert_allclose(policy.scores(observations), function(observations.astype(np.float32)), rtol=1e-3, atol=1e-4)
    refused(from_jax, pooled((1, 2, 2, 2)), path.with_name("no.onnx"), match="it pools over other axes than two of images", **images)
    refused(from_jax, lambda x: x.reshape(-1, 400), path.with_name("no.onnx"), match="and the batch axis with it", **images)


def test_jax_images(tmp_path: Path):
    ask(jax_images, str(tmp_path), spec=process("jax"))


def test_jax(tmp_path: Path):
    ask(jax_functions, str(tmp_path), spec=process("jax"))


def tensorflow_functions(folder: str) -> None:
    import tensorflow as tf

    path, rng = Path(folder, "policy.onnx"), np.random.default_rng(0)
    first, last = (tf.Variable(rng.normal(size=size).astype(np.float32)) for size in ((4, 8), (8, 2)))
    scores = tf.function(lambda x: tf.matmul(tf.nn.tanh(tf.matmul(x, first) + 0.5), last))
    policy = from_tf_function(scores, path, **SPACES)
    x = random(policy)
    np.testing.assert_allclose(policy.scores(x), scores(x), rtol=1e-4, atol=1e-5)
    module = tf.Module()
    module.first, module.last = first, last
    module.act = tf.function(lambda x: tf.argmax(scores(x), axis=-1), [tf.TensorSpec((None, 4), tf.float32)])
    tf.saved_model.save(module, f"{folder}/saved", signatures=module.act)
    saved = tf.saved_model.load(f"{folder}/saved")  # holds the variables of its signatures
    loaded = saved.signatures["serving_default"]
    (name,) = loaded.structured_input_signature[1]
    policy = from_tf_function(lambda x: loaded(**{name: x}), path, **SPACES)
    assert policy.act(x).tolist() == module.act(x).numpy().tolist()
    kernel = tf.Variable(rng.normal(size=(8, 8, 4, 8)).astype(np.float32))
    dense = tf.Variable(rng.normal(size=(9 * 9 * 8, 3)).astype(np.float32))
    images = tf.function(lambda x: tf.matmul(tf.reshape(tf.nn.relu(tf.nn.conv2d(x / 255.0, kernel, 4, "SAME")), [-1, 9 * 9 * 8]), dense))
    policy = from_tf_function(images, path, **IMAGES)
    x = random(policy)
    np.testing.assert_allclose(policy.scores(x), images(x.astype(np.float32)), rtol=1e-4, atol=1e-3)
    path.unlink()
    refused(from_tf_function, lambda x: tf.sort(tf.matmul(x, first))[:, :2], path, match="is not among those", **SPACES)


def test_tensorflow(tmp_path: Path):
    ask(tensorflow_functions, str(tmp_path), spec=process("tensorflow", TF_CPP_MIN_LOG_LEVEL="3"))


def policy_saver(folder: str) -> None:
    import tensorflow as tf
    from tf_agents.agents.dqn import dqn_agent
    from tf_agents.networks import q_network
    from tf_agents.policies import policy_saver as saver
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step

    observations, actions = tf.TensorSpec((4,), tf.float32), tensor_spec.BoundedTensorSpec((), "int64", 0, 1)
    network = q_network.QNetwork(observations, actions, fc_layer_params=(8,))
    steps = time_step.time_step_spec(observations)
    agent = dqn_agent.DqnAgent(steps, actions, q_network=network, optimizer=tf.compat.v1.train.AdamOptimizer())
    agent.initialize()
    saver.PolicySaver(agent.policy).save(f"{folder}/saved")
    loaded = tf.saved_model.load(f"{folder}/saved")

    def act(x):
        zeros = tf.zeros(tf.shape(x)[:1])
        return loaded.action(time_step.TimeStep(tf.cast(zeros, tf.int32), zeros, zeros + 1.0, x)).action

    policy = from_tf_function(act, Path(folder, "policy.onnx"), **SPACES)
    x = random(policy)
    assert policy.act(x).tolist() == act(tf.constant(x)).numpy().tolist()


def test_policy_saver(tmp_path: Path):
    spec = process(
        "tensorflow", "tf_agents", "tf_keras", "keras", "tensorflow_probability", TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1"
    )
    ask(policy_saver, str(tmp_path), spec=spec)


def rllib_module(folder: str) -> None:
    import torch
    from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
    from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
    from ray.rllib.core.columns import Columns
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
    from ray.rllib.core.rl_module.rl_module import RLModule, RLModuleSpec

    config = DefaultModelConfig(fcnet_hiddens=[8], vf_share_layers=False)
    spec = RLModuleSpec(module_class=DefaultPPOTorchRLModule, catalog_class=PPOCatalog, model_config=config, inference_only=False, **SPACES)
    spec.build().save_to_path(f"{folder}/module")
    module = RLModule.from_checkpoint(f"{folder}/module")
    acting = torch.nn.Sequential(module.encoder.actor_encoder.net.mlp, module.pi.net.mlp)
    policy = from_torch(acting, Path(folder, "policy.onnx"), **SPACES)
    x = random(policy)
    wanted = module.forward_inference({Columns.OBS: torch.as_tensor(x)})[Columns.ACTION_DIST_INPUTS].detach()
    np.testing.assert_allclose(policy.scores(x), wanted, rtol=1e-4, atol=1e-5)


def test_rllib(tmp_path: Path):
    ask(rllib_module, str(tmp_path), spec=process("torch", "ray"))
