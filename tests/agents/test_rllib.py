"""RLlib's agents: initial weights, resume, export and options."""

import hashlib
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from rllib_worker import in_worker, largest_difference, make_agent

from arena.agent.hyperparameters import build_config
from arena.errors import ArenaError
from arena.policies.policy import OnnxPolicy
from arena_rllib.config import DQNConfig, PPOConfig, SACConfig
from arena_rllib.specs import DQN, PPO, SAC

# --- initial weights are the arena's


def initial_weights_as_drawn():
    from arena.policies.onnx_network import initial_weights
    from arena_rllib import networks

    answers = []
    for table, env_id in (
        ({"overrides": {"dueling": True}}, "CartPole-v1"),
        ({"conv_layers": [[4, 8, 4], [8, 3, 2]], "replay_capacity": 500}, "arena/ImageIdentity-v0"),
    ):
        agent, _ = make_agent(DQN, table, env_id, seed=3)
        module = agent.learner.module
        heads = [module.af, module.vf] if "overrides" in table else [module.af]
        layers = networks.layers(module.encoder, *heads)
        seed = int(np.random.SeedSequence(3).generate_state(1)[0])
        drawn = initial_weights([layer.kernel.shape for layer in layers], np.random.default_rng(seed))
        found = [array for layer in layers for array in (layer.kernel, layer.bias)]
        answers.append(all(np.array_equal(array, other) for array, other in zip(found, drawn, strict=True)))
        answers += [largest_difference(main, target) == 0.0 for main, target in module.get_target_network_pairs()]
    return answers


def initial_sac_weights_as_drawn():
    from arena.policies.onnx_network import initial_weights
    from arena_rllib import networks

    agent, _ = make_agent(SAC, {"hidden_sizes": [16, 24]}, "Pendulum-v1", seed=3)
    module = agent.learner.module
    rng = np.random.default_rng(int(np.random.SeedSequence(3).generate_state(1)[0]))
    answers = []
    for encoder, head in ((module.qf_encoder, module.qf), (module.qf_twin_encoder, module.qf_twin), (module.pi_encoder, module.pi)):
        layers = networks.layers(encoder, head)
        drawn = initial_weights([layer.kernel.shape for layer in layers], rng)
        found = [array for layer in layers for array in (layer.kernel, layer.bias)]
        answers.append([list(layers[0].kernel.shape), all(np.array_equal(array, other) for array, other in zip(found, drawn, strict=True))])
    return answers + [largest_difference(main, target) for main, target in module.get_target_network_pairs()]


def initial_ppo_weights_are_orthogonal():
    """Returns for each layer of actor and critic the factor by which its kernel is orthogonal, or 0 if it isn't or has a bias."""
    from arena_rllib import networks

    answers = []
    for table, env_id in (({}, "CartPole-v1"), ({"conv_layers": [[4, 8, 4], [8, 3, 2]]}, "arena/ImageIdentity-v0")):
        agent, _ = make_agent(PPO, {"initial_weights": "orthogonal", "hidden_sizes": [16], **table}, env_id, seed=3)
        module = agent.learner.module
        for encoder, head in ((module.encoder.actor_encoder, module.pi), (module.encoder.critic_encoder, module.vf)):
            factors = []
            for layer in networks.layers(encoder, head):
                matrix = layer.kernel.reshape(-1, layer.kernel.shape[-1])
                matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
                product = matrix.T @ matrix
                factor = float(product[0, 0])
                is_orthogonal = np.allclose(product, factor * np.eye(len(product)), atol=1e-5) and not layer.bias.any()
                factors.append(round(factor**0.5, 4) if is_orthogonal else 0.0)
            answers.append(factors)
    return answers


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_agents_begin_with_the_weights_that_the_arena_draws():
    answers = in_worker(initial_weights_as_drawn)
    assert len(answers) == 1 + 3 + 1 + 2
    assert all(answers)
    assert in_worker(initial_ppo_weights_are_orthogonal) == [
        [1.4142, 0.01],
        [1.4142, 1.0],
        [1.4142, 1.4142, 1.4142, 0.01],
        [1.4142, 1.4142, 1.4142, 1.0],
    ]
    assert in_worker(initial_sac_weights_as_drawn) == [[[4, 16], True], [[4, 16], True], [[3, 16], True], *[0.0] * 4]


# --- resume, seeds, export


class SquareEnv(gym.Env):
    """Shows which quarter of an image is lit; action 1 is right for the upper half."""

    observation_space = gym.spaces.Box(0, 255, (12, 12, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observe(), {}

    def step(self, action):
        reward = float(action == (self._quarter < 2))
        return self._observe(), reward, bool(self.np_random.random() < 0.1), False, {}

    def _observe(self):
        self._quarter = int(self.np_random.integers(4))
        image = np.zeros((12, 12, 3), np.uint8)
        row, column = divmod(self._quarter, 2)
        image[6 * row : 6 * row + 6, 6 * column : 6 * column + 6] = 255
        return image


RUNS = {
    "ppo": (PPO, {"num_envs": 4, "rollout_length": 64, "batch_size": 64, "num_epochs": 3, "anneal_steps": 5000}, "CartPole-v1"),
    "ppo-box": (PPO, {"num_envs": 4, "rollout_length": 64, "overrides": {"use_kl_loss": True}}, "Pendulum-v1"),
    "dqn": (DQN, {"learning_starts": 200, "num_updates": 4, "train_period": 16}, "CartPole-v1"),
    "ppo-linear": (PPO, {"num_envs": 4, "rollout_length": 64, "overrides": {"fcnet_activation": "linear"}}, "CartPole-v1"),
    "dqn-heads": (
        DQN,
        {
            "learning_starts": 200,
            "num_updates": 4,
            "train_period": 16,
            "hidden_sizes": [12],
            "overrides": {"dueling": True, "n_step": [2, 5], "head_fcnet_hiddens": [16, 8], "head_fcnet_activation": "tanh"},
        },
        "CartPole-v1",
    ),
    "dqn-rainbow": (
        DQN,
        {
            "learning_starts": 200,
            "num_updates": 4,
            "train_period": 16,
            "replay_capacity": 400,
            "overrides": {"dueling": True, "n_step": 3, "prioritized_replay": True},
        },
        "CartPole-v1",
    ),
    "sac": (
        SAC,
        {"hidden_sizes": [16], "batch_size": 32, "learning_starts": 200, "num_updates": 4, "train_period": 16, "replay_capacity": 700},
        "Pendulum-v1",
    ),
}


def train_in_two_parts(run, directory, resume):
    agent, factory = make_agent(*RUNS[run])
    if resume:
        agent.restore(directory)
        factory.cut_episodes(1)
    else:
        agent.learn(1000)
        agent.save(directory)
        factory.cut_episodes()
        factory.meter.take_episodes()
    metrics = agent.learn(1000)
    arrays = agent.learner.state()
    digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
    episodes = [[episode.episode_return, episode.episode_length] for episode in factory.meter.take_episodes()]
    return {"weights": digest, "episodes": episodes, "losses": metrics.losses}


def train_all_in_two_parts(directory, resume):
    for run in RUNS:
        (Path(directory) / run).mkdir(exist_ok=True)
    return {run: train_in_two_parts(run, Path(directory) / run, resume) for run in RUNS}


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_resumed_runs_are_bitwise_the_same(tmp_path):
    whole = in_worker(train_all_in_two_parts, str(tmp_path), False)
    resumed = in_worker(train_all_in_two_parts, str(tmp_path), True, fresh=True)
    assert all(run["episodes"] for run in whole.values())
    assert resumed == whole


def updates_after_a_save_before_the_first_update(directory):
    agent, _ = make_agent(DQN, {"learning_starts": 64, "train_period": 64, "num_updates": 2, "batch_size": 16}, "CartPole-v1")
    agent.save(Path(directory))
    return agent.learn(256).learner_steps


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_training_continues_after_a_checkpoint_before_the_first_update(tmp_path):
    assert in_worker(updates_after_a_save_before_the_first_update, str(tmp_path)) == 6


def exported_and_framework_actions(path):
    gym.register("Square-v0", SquareEnv, max_episode_steps=50)
    image = {"conv_layers": [[4, 3, 2], [8, 3, 1]], "hidden_sizes": [16], "num_envs": 4}
    runs = [
        *RUNS.values(),
        (PPO, {"num_envs": 4, "rollout_length": 64, "overrides": {"free_log_std": False, "vf_share_layers": True}}, "Pendulum-v1"),
        (DQN, {**image, "learning_starts": 200}, "Square-v0"),
        (DQN, {**image, "learning_starts": 200, "overrides": {"dueling": True}}, "Square-v0"),
        (PPO, {**image, "rollout_length": 64}, "Square-v0"),
        (PPO, {**image, "rollout_length": 64, "overrides": {"vf_share_layers": True}}, "arena/PictureAndFlag-v0"),
        (PPO, {"num_envs": 4, "rollout_length": 64}, "arena/ManyChoices-v0"),
    ]
    answers = []
    for spec, table, env_id in runs:
        agent, factory = make_agent(spec, table, env_id)
        agent.learn(600)
        agent.export_policy(Path(path))
        space = factory.observation_space
        rng = np.random.default_rng(0)
        shape = (500, *space.shape)
        observations = (
            rng.integers(0, 256, shape, np.uint8) if space.dtype == np.uint8 else (10 * rng.normal(size=shape)).astype(np.float32)
        )
        exported, own = OnnxPolicy(Path(path)).act(observations), agent.act(observations)
        answers.append([str(exported.dtype), str(own.dtype), float(np.abs(exported - own).max()), float(own.std())])
        agent.close()
    return answers


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_exported_policy_acts_as_the_module_does(tmp_path):
    for exported_dtype, own_dtype, difference, _ in (answers := in_worker(exported_and_framework_actions, str(tmp_path / "policy.onnx"))):
        assert exported_dtype == own_dtype
        assert difference < 1e-5
    assert sum(spread > 0.0 for *_, spread in answers) > len(answers) / 2, answers  # most policies do not answer everything alike


def log_probability_differences():
    import torch

    differences = []
    for overrides, env_id in (
        ({}, "CartPole-v1"),
        ({}, "arena/ManyChoices-v0"),
        ({}, "Pendulum-v1"),
        ({"free_log_std": False}, "Pendulum-v1"),
    ):
        agent, factory = make_agent(PPO, {"num_envs": 4, "rollout_length": 64, "overrides": overrides}, env_id)
        agent.learn(600)
        observations = np.random.default_rng(0).normal(size=(500, *factory.observation_space.shape)).astype(np.float32)
        _, actions, log_probabilities, inputs = agent.sample_actions(observations)
        module = agent.learner.module
        with torch.no_grad():
            theirs = module.forward_exploration({"obs": torch.as_tensor(observations)})["action_dist_inputs"]
            distribution = module.get_exploration_action_dist_cls().from_logits(theirs)
            expected = distribution.logp(torch.as_tensor(actions)).numpy()
        types = {array.dtype for array in (log_probabilities, inputs)}
        assert types == {np.dtype(np.float32)}, types
        differences += [float(np.abs(theirs.numpy() - inputs).max()), float(np.abs(expected - log_probabilities).max())]
    return differences


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_log_probabilities_equal_those_of_the_module():
    assert max(in_worker(log_probability_differences)) < 1e-5


# --- configs


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        (DQNConfig, {"duelling": True}, "did you mean 'dueling'"),
        (DQNConfig, {"noisy": True}, "cannot be honoured"),
        (DQNConfig, {"n_step": 0}, "whole number from 1"),
        (DQNConfig, {"n_step": [5, 2]}, "low < high"),
        (DQNConfig, {"head_fcnet_hiddens": []}, "a list of whole numbers from 1"),
        (DQNConfig, {"head_fcnet_activation": "tanh"}, "no effect without overrides.head_fcnet_hiddens$"),
        (DQNConfig, {"dueling": 1}, "true or false"),
        (DQNConfig, {"prioritized_replay_alpha": 0.5}, "no effect without overrides.prioritized_replay"),
        (PPOConfig, {"kl_coeff": 0.5}, "no effect without overrides.use_kl_loss"),
        (PPOConfig, {"use_critic": False}, "cannot be honoured"),
        (PPOConfig, {"fcnet_activation": "tanh"}, "must be 'linear'"),
        (SACConfig, {"td_error_loss_fn": "l1"}, "must be 'huber' or 'mse'"),
        (SACConfig, {"twin_q": False}, "cannot be honoured"),
        (SACConfig, {"actor_lr": 0.0}, "a positive number"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(config, overrides, message):
    with pytest.raises(ArenaError, match=message):
        build_config(config, {"overrides": overrides}, where="agent")
