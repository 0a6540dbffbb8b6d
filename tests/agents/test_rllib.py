"""RLlib driven directly against RLlib itself: updates, advantages, replay, resume and export.

Every `framework` test runs one function of this file in a process of its own, as a worker would.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.environments import ArenaEnvFactory, EnvConfig
from arena.errors import ArenaError
from arena.hyperparameters import build_config
from arena.metering import Meter
from arena.policy import OnnxPolicy
from arena.spaces import MaskedBox, random_masks
from arena.spec import FRAMEWORK_MODULES
from arena_rllib.config import DQNConfig, PPOConfig
from arena_rllib.specs import DQN, PPO


def in_worker(function, *arguments):
    """Runs `function` of this file in a fresh process; returns what it returns (JSON). Warnings and output to stderr fail."""
    command = [sys.executable, "-W", "error", __file__, function.__name__, json.dumps(arguments)]
    env = {**os.environ, **DQN.process_env_for(None), "OMP_NUM_THREADS": "1", "ARENA_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


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


def make_agent(spec, table, env_id="CartPole-v1", seed=3):
    config = build_config(spec.config, table, where=spec.id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(1))
    return spec.load()(factory, config, seed=seed, device="cpu"), factory


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def largest_difference(module, other):
    ours, theirs = weights(module), weights(other)
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs)


# --- updates equal RLlib's own


def update_differences(algorithm, fast):
    import torch
    from ray.rllib.core import DEFAULT_MODULE_ID
    from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

    from arena_rllib import dqn, ppo
    from arena_rllib.learner import LocalLearner

    observation_space, action_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32), gym.spaces.Discrete(3)
    shared = {"learning_rate": 1e-3, "adam_epsilon": 1e-8, "max_gradient_norm": 0.5, "batch_size": 32}
    if algorithm == "dqn":
        config = dqn.algorithm_config(DQNConfig(**shared, double=True, overrides={"dueling": True}), observation_space)
    else:
        config = ppo.algorithm_config(PPOConfig(**shared, overrides={"use_kl_loss": True}), observation_space, action_space)
    ours = LocalLearner(config.copy(), observation_space, action_space, adam_epsilon=1e-8, seed=0, device="cpu", fast=fast)
    stock = config.build_learner(spaces={DEFAULT_MODULE_ID: (observation_space, action_space)})
    stock_module = stock.module[DEFAULT_MODULE_ID]
    stock_module.load_state_dict(ours.module.state_dict())
    rng = np.random.default_rng(0)
    first = weights(stock_module)["encoder.net.mlp.0.weight" if algorithm == "dqn" else "pi.net.mlp.0.weight"].copy()
    for _ in range(50):
        batch = {
            "obs": rng.normal(size=(32, 4)).astype(np.float32),
            "actions": rng.integers(0, 3, 32),
            "rewards": 3.0 * rng.normal(size=32).astype(np.float32),
            "new_obs": rng.normal(size=(32, 4)).astype(np.float32),
            "terminateds": rng.random(32) < 0.2,
            "weights": rng.random(32).astype(np.float32),
            "n_step": np.ones(32, np.float32),
            "action_logp": np.full(32, -1.1, np.float32),
            "action_dist_inputs": rng.normal(size=(32, 3)).astype(np.float32),
            "advantages": rng.normal(size=32).astype(np.float32),
            "value_targets": rng.normal(size=32).astype(np.float32),
        }
        stock.update(batch=MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(batch)}, env_steps=32))
        ours.update({name: torch.as_tensor(column) for name, column in batch.items()})
        ours.end_iteration(0)
    last = weights(stock_module)["encoder.net.mlp.0.weight" if algorithm == "dqn" else "pi.net.mlp.0.weight"]
    return {"difference": largest_difference(ours.module, stock_module), "moved": float(np.abs(first - last).max())}


def all_update_differences():
    return [[fast, update_differences(algorithm, fast)] for algorithm in ("dqn", "ppo") for fast in (False, True)]


@pytest.mark.framework
def test_updates_equal_those_of_stock_learner():
    for fast, result in in_worker(all_update_differences):
        assert result["moved"] > 1e-2
        assert result["difference"] <= (1e-6 if fast else 0.0)


# --- initial weights are the arena's


def initial_weights_as_drawn():
    from arena.network import initial_weights
    from arena_rllib import networks

    answers = []
    for table, env_id in (
        ({"overrides": {"dueling": True}}, "CartPole-v1"),
        ({"conv_layers": [[4, 8, 4], [8, 3, 2]], "replay_capacity": 500}, "arena/ImageIdentity-v0"),
    ):
        agent, _ = make_agent(DQN, table, env_id, seed=3)
        module = agent._learner.module
        heads = [module.af, module.vf] if "overrides" in table else [module.af]
        layers = networks.layers(module.encoder, *heads)
        seed = int(np.random.SeedSequence(3).generate_state(1)[0])
        drawn = initial_weights([layer.kernel.shape for layer in layers], np.random.default_rng(seed))
        found = [array for layer in layers for array in (layer.kernel, layer.bias)]
        answers.append(all(np.array_equal(array, other) for array, other in zip(found, drawn, strict=True)))
        answers += [largest_difference(main, target) == 0.0 for main, target in module.get_target_network_pairs()]
    return answers


@pytest.mark.framework
def test_dqn_begins_with_the_weights_that_the_arena_draws():
    answers = in_worker(initial_weights_as_drawn)
    assert len(answers) == 1 + 3 + 1 + 2
    assert all(answers)


# --- action masks


def masked_positions(rng, count):
    features, allowed = rng.normal(size=(count, 4)).astype(np.float32), random_masks(rng, count, 3)
    return features, allowed, np.concatenate([features, allowed], -1, dtype=np.float32)


def masked_dqn(double):
    """Returns TD errors of masked minibatches by RLlib's learner, and by hand from the module's unmasked values."""
    import torch
    from ray.rllib.utils.metrics import TD_ERROR_KEY

    from arena_rllib import dqn
    from arena_rllib.learner import LocalLearner

    space, rng = MaskedBox(np.full(4, -1.0), np.full(4, 1.0), 3), np.random.default_rng(0)
    config = DQNConfig(batch_size=32, double=double, discount=0.9, overrides={"dueling": True})
    learner = LocalLearner(dqn.algorithm_config(config, space), space, gym.spaces.Discrete(3), adam_epsilon=1e-8, seed=0, device="cpu")
    module, rows = learner.module, np.arange(32)
    for parameter in module._target_af.parameters():
        parameter.data.add_(0.1 * torch.as_tensor(rng.normal(size=parameter.shape)))
    features, allowed, observations = masked_positions(rng, 32)
    next_features, next_allowed, next_observations = masked_positions(rng, 32)
    actions, rewards, terminated = allowed.argmax(-1), rng.normal(size=32).astype(np.float32), rng.random(32) < 0.3

    def values(x, target):
        call = module.forward_target if target else module.compute_q_values
        everything = np.concatenate([x, np.ones((32, 3))], -1, dtype=np.float32)
        with torch.no_grad():
            return call({"obs": torch.as_tensor(everything)})["qf_preds"].numpy()

    chooser = values(next_features, target=not double)
    chosen = np.where(next_allowed, chooser, -np.inf).argmax(-1)
    targets = rewards + 0.9 * ~terminated * values(next_features, target=True)[rows, chosen]
    expected = np.abs(values(features, target=False)[rows, actions] - targets)
    batch = {"obs": observations, "actions": actions, "rewards": rewards, "new_obs": next_observations, "terminateds": terminated}
    batch |= {"weights": np.ones(32, np.float32), "n_step": np.ones(32, np.float32)}
    learner.update({name: torch.as_tensor(column) for name, column in batch.items()})
    return float(np.abs(learner.metric(TD_ERROR_KEY).numpy() - expected).max()), float((chosen != chooser.argmax(-1)).mean())


def masked_ppo():
    """Compares the masked module with RLlib's example on the same weights: probabilities, log probabilities, entropies, values."""
    import torch

    logging.disable(logging.WARNING)  # the example imports PPO's module under a deprecated name
    from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

    from arena_rllib import ppo
    from arena_rllib.learner import LocalLearner

    space, rng = MaskedBox(np.full(4, -1.0), np.full(4, 1.0), 3), np.random.default_rng(0)
    config = ppo.algorithm_config(PPOConfig(batch_size=32), space, gym.spaces.Discrete(3))
    learner = LocalLearner(config, space, gym.spaces.Discrete(3), adam_epsilon=1e-8, seed=0, device="cpu")
    theirs = ActionMaskingTorchRLModule(
        observation_space=gym.spaces.Dict(observations=space.features, action_mask=gym.spaces.Box(0.0, 1.0, (3,))),
        action_space=gym.spaces.Discrete(3),
        model_config=learner.module.model_config,
    )
    theirs.load_state_dict(learner.module.state_dict())
    features, allowed, observations = masked_positions(rng, 64)
    ours_in = {"obs": torch.as_tensor(observations)}
    theirs_in = {"observations": torch.as_tensor(features), "action_mask": torch.as_tensor(allowed, dtype=torch.float32)}
    with torch.no_grad():
        values = learner.module.compute_values(ours_in), theirs.compute_values({"obs": dict(theirs_in)})
        logits = (
            learner.module.forward_train(ours_in)["action_dist_inputs"],
            theirs.forward_exploration({"obs": dict(theirs_in)})["action_dist_inputs"],
        )
    ours, other = (torch.distributions.Categorical(logits=part) for part in logits)
    actions = torch.as_tensor(allowed.argmax(-1))
    pairs = [values, (ours.probs, other.probs), (ours.log_prob(actions), other.log_prob(actions)), (ours.entropy(), other.entropy())]
    assert not ours.probs.numpy()[~allowed].any()
    return [float((mine - rllibs).abs().max()) for mine, rllibs in pairs]


def all_masked():
    return [masked_dqn(False), masked_dqn(True)], masked_ppo()


@pytest.mark.framework
def test_masks_are_those_of_rllibs_example_and_targets_are_over_allowed_actions():
    dqn, ppo = in_worker(all_masked)
    for difference, share in dqn:
        assert difference < 1e-5
        assert share > 0.1, "the mask must matter"
    assert max(ppo) < 1e-6


# --- advantages equal RLlib's own


def rllib_value_targets(rollout, observations_after, agent):
    """Runs RLlib's whole learner connector pipeline over the rollout's episode pieces; returns its value targets by (t, n)."""
    from ray.rllib.core import DEFAULT_MODULE_ID
    from ray.rllib.env.single_agent_episode import SingleAgentEpisode

    episodes, places = [], []
    for n in range(rollout.rewards.shape[1]):
        piece = []
        for t in range(len(rollout.rewards)):
            if rollout.valid[t, n]:
                piece.append(t)
            ended = rollout.valid[t, n] and (rollout.terminated[t, n] or rollout.truncated[t, n])
            if piece and (ended or t == len(rollout.rewards) - 1):
                last = piece[-1]
                columns = {name: [column[t, n] for t in piece] for name, column in zip("ali", rollout.extras, strict=True)}
                episodes.append(
                    SingleAgentEpisode(
                        observations=[rollout.observations[t, n] for t in piece] + [observations_after(last, n)],
                        actions=columns["a"],
                        rewards=[float(rollout.rewards[t, n]) for t in piece],
                        terminated=bool(rollout.terminated[last, n]),
                        truncated=bool(rollout.truncated[last, n]),
                        extra_model_outputs={"action_logp": columns["l"], "action_dist_inputs": columns["i"]},
                        observation_space=agent._observation_space,
                        action_space=agent._space,
                        len_lookback_buffer=0,
                    ).to_numpy()
                )
                places += [(t, n) for t in piece]
                piece = []
    learner = agent._learner.learner
    batch = learner._learner_connector(rl_module=learner.module, batch={}, episodes=episodes, shared_data={}, metrics=None)[
        DEFAULT_MODULE_ID
    ]
    targets, mask = batch["value_targets"].numpy(), batch["loss_mask"].numpy()
    return dict(zip(places, targets[mask].tolist(), strict=True))


def advantage_differences(env_id):
    from arena.rollouts import collect_rollout

    agent, _ = make_agent(PPO, {"rollout_length": 300, "num_envs": 3, "batch_size": 64}, env_id)
    agent._stream.start()
    rollout = collect_rollout(agent._stream, 300, agent._sample)
    finals = {(t, n): observation for t, n, observation in rollout.final_observations}

    def observations_after(t, n):
        if (t, n) in finals:
            return finals[t, n]
        return rollout.observations[t + 1, n] if t + 1 < len(rollout.rewards) else rollout.last_observations[n]

    theirs = rllib_value_targets(rollout, observations_after, agent)
    order = [(t, n) for t, n in np.argwhere(rollout.valid).tolist()]
    batch = agent._batch(rollout)
    values = agent._values(batch["obs"].numpy())
    ours = batch["value_targets"].numpy()
    raw = np.array([theirs[place] for place in order], np.float32) - values
    standardised = (raw - raw.mean()) / raw.std()
    return {
        "rows": len(order),
        "ends": int(rollout.terminated.sum()),
        "cuts": int(rollout.truncated.sum()),
        "targets": float(np.abs(ours - np.array([theirs[place] for place in order])).max()),
        "advantages": float(np.abs(batch["advantages"].numpy() - standardised).max()),
    }


def all_advantage_differences():
    return [advantage_differences("CartPole-v1"), advantage_differences("Pendulum-v1")]


@pytest.mark.framework
def test_advantages_equal_those_of_rllib():
    cartpole, pendulum = in_worker(all_advantage_differences)
    assert cartpole["rows"] > 800
    assert cartpole["ends"] > 2
    assert pendulum["cuts"] > 2
    assert cartpole["targets"] < 1e-5
    assert pendulum["targets"] < 1e-3  # they are near -500, in single precision
    assert max(cartpole["advantages"], pendulum["advantages"]) < 1e-5


# --- truncation is not termination


def bootstraps():
    import torch
    from ray.rllib.utils.metrics import TD_ERROR_KEY

    from arena.rollouts import Rollout

    agent, _ = make_agent(PPO, {"num_envs": 2, "rollout_length": 128})
    last = np.ones((1, 4), np.float32)
    flags = np.array([[True, False]])
    rollout = Rollout(
        observations=np.zeros((1, 2, 4), np.float32),
        actions=np.zeros((1, 2), np.int64),
        extras=(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.float32), np.zeros((1, 2, 2), np.float32)),
        rewards=np.ones((1, 2), np.float32),
        terminated=flags,
        truncated=~flags,
        valid=np.ones((1, 2), np.bool_),
        last_observations=np.zeros((2, 4), np.float32),
        final_observations=[(0, 0, last[0]), (0, 1, last[0])],
        num_env_steps=2,
        act_seconds=0.0,
    )
    targets = agent._batch(rollout)["value_targets"].tolist()
    expected = [1.0, 1.0 + 0.99 * float(agent._values(last)[0])]
    agent, _ = make_agent(DQN, {"batch_size": 2})
    observations = torch.zeros(2, 4)
    columns = agent._columns(
        np.zeros((2, 4), np.float32), np.zeros(2, np.int64), np.ones(2, np.float32), np.ones((2, 4), np.float32), flags[0]
    )
    module = agent._learner.module
    with torch.no_grad():
        value = float(module.compute_q_values({"obs": observations})["qf_preds"][0, 0])
        next_value = float(module.forward_target({"obs": torch.ones(1, 4)})["qf_preds"].max())
    agent._learner.update({**columns, "weights": agent._ones, "n_step": agent._ones})
    errors = agent._learner.metric(TD_ERROR_KEY).tolist()
    return [targets, expected, errors, [abs(value - 1.0), abs(value - 1.0 - 0.99 * next_value)]]


@pytest.mark.framework
def test_truncation_is_bootstrapped_and_termination_is_not():
    targets, expected_targets, errors, expected_errors = in_worker(bootstraps)
    assert targets == pytest.approx(expected_targets, abs=1e-6)
    assert errors == pytest.approx(expected_errors, abs=1e-6)
    assert abs(expected_targets[1] - 1.0) > 1e-3
    assert abs(expected_errors[0] - expected_errors[1]) > 1e-3


# --- replay equals RLlib's own


def replay_differences(n_step):
    from ray.rllib.env.single_agent_episode import SingleAgentEpisode
    from ray.rllib.utils.replay_buffers import PrioritizedEpisodeReplayBuffer

    from arena.transitions import Transitions
    from arena_rllib.replay import NStepReplay

    space, actions = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32), gym.spaces.Discrete(2)
    theirs = PrioritizedEpisodeReplayBuffer(capacity=4096, alpha=0.6)
    ours = NStepReplay(4096, 1, space, n_step=n_step, discount=0.9, alpha=0.6, beta=0.4, seed=0)
    rng, start = np.random.default_rng(0), 0
    while start < 2000:
        length, terminated = int(rng.integers(5, 60)), bool(rng.random() < 0.5)
        observations = np.arange(start, start + length + 1, dtype=np.float32)[:, None]
        episode = SingleAgentEpisode(
            observations=list(observations),
            actions=[0] * length,
            rewards=observations[:-1, 0].tolist(),
            terminated=terminated,
            truncated=not terminated,
            observation_space=space,
            action_space=actions,
            len_lookback_buffer=0,
        )
        theirs.add(episode.to_numpy())
        for step in range(length):
            ended = np.array([step == length - 1])
            flags = (ended & terminated, ended & (not terminated), np.ones(1, np.bool_))
            ours.add(Transitions(observations[[step]], np.zeros(1, int), observations[[step], 0], observations[[step + 1]], *flags))
        start += length
    worst = np.zeros(5)
    for draw in range(100):
        theirs.rng, ours._rng = np.random.default_rng(draw), np.random.default_rng(draw)
        episodes = theirs.sample(num_items=32, n_step=n_step, beta=0.4, gamma=0.9)
        indices, importance, (observations, _, rewards, next_observations, terminated) = ours.sample(32)
        columns = [
            (observations[:, 0], [episode.get_observations(0)[0] for episode in episodes]),
            (next_observations[:, 0], [episode.get_observations(-1)[0] for episode in episodes]),
            (rewards, [episode.get_rewards(0) for episode in episodes]),
            (terminated, [episode.is_terminated for episode in episodes]),
            (importance, [episode.get_extra_model_outputs("weights", 0) for episode in episodes]),
        ]
        worst = np.maximum(worst, [np.abs(mine - np.ravel(rllibs).astype(np.float64)).max() for mine, rllibs in columns])
        errors = rng.random(32)
        theirs.update_priorities(errors.copy())
        ours.update_priorities(indices, errors)
    return worst.tolist()


def all_replay_differences():
    return [replay_differences(1), replay_differences(3)]


@pytest.mark.framework
def test_prioritised_replay_draws_what_rllib_draws():
    for observations, next_observations, rewards, terminated, importance in in_worker(all_replay_differences):
        assert observations == next_observations == terminated == 0.0
        assert rewards < 1e-3  # sums of up to three numbers near 2000, in single precision
        assert importance < 1e-6


# --- resume, seeds, export

RUNS = {
    "ppo": (PPO, {"num_envs": 4, "rollout_length": 64, "batch_size": 64, "num_epochs": 3, "anneal_steps": 5000}, "CartPole-v1"),
    "ppo-box": (PPO, {"num_envs": 4, "rollout_length": 64, "overrides": {"use_kl_loss": True}}, "Pendulum-v1"),
    "dqn": (DQN, {"learning_starts": 200, "num_updates": 4, "train_period": 16}, "CartPole-v1"),
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
    arrays = agent._learner.state()
    digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
    episodes = [[episode.episode_return, episode.episode_length] for episode in factory.meter.take_episodes()]
    return {"weights": digest, "episodes": episodes, "losses": metrics.losses}


def train_all_in_two_parts(directory, resume):
    for run in RUNS:
        (Path(directory) / run).mkdir(exist_ok=True)
    return {run: train_in_two_parts(run, Path(directory) / run, resume) for run in RUNS}


@pytest.mark.framework
def test_resumed_runs_are_bitwise_the_same(tmp_path):
    whole = in_worker(train_all_in_two_parts, str(tmp_path), False)
    resumed = in_worker(train_all_in_two_parts, str(tmp_path), True)
    assert all(run["episodes"] for run in whole.values())
    assert resumed == whole


def exported_and_framework_actions(path):
    gym.register("Square-v0", SquareEnv, max_episode_steps=50)
    image = {"conv_layers": [[4, 3, 2], [8, 3, 1]], "hidden_sizes": [16], "num_envs": 4}
    runs = [
        *RUNS.values(),
        (PPO, {"num_envs": 4, "rollout_length": 64, "overrides": {"free_log_std": False, "vf_share_layers": True}}, "Pendulum-v1"),
        (DQN, {**image, "learning_starts": 200}, "Square-v0"),
        (PPO, {**image, "rollout_length": 64}, "Square-v0"),
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
def test_exported_policy_acts_as_the_module_does(tmp_path):
    for exported_dtype, own_dtype, difference, _ in (answers := in_worker(exported_and_framework_actions, str(tmp_path / "policy.onnx"))):
        assert exported_dtype == own_dtype
        assert difference < 1e-5
    assert sum(spread > 0.0 for *_, spread in answers) > len(answers) / 2, answers  # most policies do not answer everything alike


def log_probability_differences():
    import torch

    differences = []
    for overrides, env_id in (({}, "CartPole-v1"), ({}, "Pendulum-v1"), ({"free_log_std": False}, "Pendulum-v1")):
        agent, factory = make_agent(PPO, {"num_envs": 4, "rollout_length": 64, "overrides": overrides}, env_id)
        agent.learn(600)
        observations = np.random.default_rng(0).normal(size=(500, *factory.observation_space.shape)).astype(np.float32)
        _, actions, log_probabilities, inputs = agent._sample(observations)
        module = agent._learner.module
        with torch.no_grad():
            theirs = module.forward_exploration({"obs": torch.as_tensor(observations)})["action_dist_inputs"]
            distribution = module.get_exploration_action_dist_cls().from_logits(theirs)
            expected = distribution.logp(torch.as_tensor(actions)).numpy()
        types = {array.dtype for array in (log_probabilities, inputs)}
        assert types == {np.dtype(np.float32)}, types
        differences += [float(np.abs(theirs.numpy() - inputs).max()), float(np.abs(expected - log_probabilities).max())]
    return differences


@pytest.mark.framework
def test_log_probabilities_equal_those_of_the_module():
    assert max(in_worker(log_probability_differences)) < 1e-5


# --- configs


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        (DQNConfig, {"duelling": True}, "did you mean 'dueling'"),
        (DQNConfig, {"noisy": True}, "cannot be honoured"),
        (DQNConfig, {"n_step": 0}, "whole number from 1"),
        (DQNConfig, {"dueling": 1}, "true or false"),
        (DQNConfig, {"prioritized_replay_alpha": 0.5}, "no effect without overrides.prioritized_replay"),
        (PPOConfig, {"kl_coeff": 0.5}, "no effect without overrides.use_kl_loss"),
        (PPOConfig, {"use_critic": False}, "cannot be honoured"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(config, overrides, message):
    with pytest.raises(ArenaError, match=message):
        build_config(config, {"overrides": overrides}, where="agent")


if __name__ == "__main__":
    for blocked in FRAMEWORK_MODULES - DQN.modules_for(None):
        sys.modules[blocked] = None
    print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
