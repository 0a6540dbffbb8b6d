"""What RLlib's learner, connectors and replay buffer compute, and what the arena's RLlib agents compute instead, are equal."""

import gymnasium as gym
import numpy as np
import pytest
from rllib_worker import in_worker, largest_difference, make_agent, weights

from arena_rllib.config import DQNConfig, PPOConfig, SACConfig
from arena_rllib.specs import DQN, PPO

# --- updates equal RLlib's own


def update_differences(algorithm, way):
    import torch
    from ray.rllib.core import DEFAULT_MODULE_ID
    from ray.rllib.core.learner.utils import update_target_network
    from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

    from arena_rllib import dqn, ppo
    from arena_rllib.learner import LocalLearner

    observation_space, action_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32), gym.spaces.Discrete(3)
    shared = {"learning_rate": 1e-3, "adam_epsilon": 1e-8, "max_gradient_norm": 0.5, "batch_size": 32}
    if algorithm == "dqn":
        heads = {"dueling": True, "n_step": [2, 5], "head_fcnet_hiddens": [16]}
        config = dqn.algorithm_config(DQNConfig(**shared, double=True, overrides=heads), observation_space)
    else:
        options = {"use_kl_loss": True, "fcnet_activation": "linear"}
        config = ppo.algorithm_config(PPOConfig(**shared, overrides=options), observation_space, action_space)
    ours = LocalLearner(config.copy(), observation_space, action_space, adam_epsilon=1e-8, seed=0, device="cpu", fast=way != "stock")
    stock = config.build_learner(spaces={DEFAULT_MODULE_ID: (observation_space, action_space)})
    stock_module = stock.module[DEFAULT_MODULE_ID]
    stock_module.load_state_dict(ours.module.state_dict())
    rng = np.random.default_rng(0)
    first = weights(stock_module)["encoder.net.mlp.0.weight" if algorithm == "dqn" else "pi.net.mlp.0.weight"].copy()
    for number in range(50):
        batch = {
            "obs": rng.normal(size=(32, 4)).astype(np.float32),
            "actions": rng.integers(0, 3, 32),
            "rewards": 3.0 * rng.normal(size=32).astype(np.float32),
            "new_obs": rng.normal(size=(32, 4)).astype(np.float32),
            "terminateds": rng.random(32) < 0.2,
            "weights": rng.random(32).astype(np.float32),
            "n_step": rng.integers(2, 5, 32).astype(np.float32),
            "action_logp": np.full(32, -1.1, np.float32),
            "action_dist_inputs": rng.normal(size=(32, 3)).astype(np.float32),
            "advantages": rng.normal(size=32).astype(np.float32),
            "value_targets": rng.normal(size=32).astype(np.float32),
        }
        tensors = {name: torch.as_tensor(column) for name, column in batch.items()}
        if way == "recorded" and number == 0:
            ours.record(tensors)
        stock.update(batch=MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(batch)}, env_steps=32))
        ours.update(tensors)
        ours.end_iteration(0)
        if algorithm == "dqn" and number == 25:
            for module in (ours.module, stock_module):
                for main_net, target_net in module.get_target_network_pairs():
                    update_target_network(main_net=main_net, target_net=target_net, tau=0.5)
    last = weights(stock_module)["encoder.net.mlp.0.weight" if algorithm == "dqn" else "pi.net.mlp.0.weight"]
    return {"difference": largest_difference(ours.module, stock_module), "moved": float(np.abs(first - last).max())}


def all_update_differences():
    return [[way, update_differences(algorithm, way)] for algorithm in ("dqn", "ppo") for way in ("stock", "fast", "recorded")]


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_updates_equal_those_of_stock_learner():
    for way, result in in_worker(all_update_differences):
        assert result["moved"] > 1e-2
        assert result["difference"] <= (0.0 if way == "stock" else 1e-6), way


def sac_update_differences(loss, way):
    """Compares with a stock learner, module and target update, that draw from PyTorch's generator the noise that ours is given."""
    import torch
    from ray.rllib.algorithms.sac.torch.default_sac_torch_rl_module import DefaultSACTorchRLModule
    from ray.rllib.core import DEFAULT_MODULE_ID
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

    from arena_rllib import sac
    from arena_rllib.learner import LocalLearner
    from arena_rllib.sac_module import NEXT_NOISE, NOISE, Catalog

    space, actions = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
    table = {"hidden_sizes": (16, 24), "learning_rate": 1e-3, "adam_epsilon": 1e-7, "batch_size": 32, "target_update_tau": 0.05}
    rates = {"actor_lr": 2e-3, "critic_lr": 1e-3, "alpha_lr": 5e-3} if loss == "huber" else {}
    config = sac.algorithm_config(SACConfig(**table, overrides={"td_error_loss_fn": loss, **rates}), actions)
    ours = LocalLearner(config.copy(), space, actions, adam_epsilon=1e-7, seed=0, device="cpu", fast=way != "stock")
    spec = RLModuleSpec(module_class=DefaultSACTorchRLModule, catalog_class=Catalog)
    stock = config.rl_module(rl_module_spec=spec).build_learner(spaces={DEFAULT_MODULE_ID: (space, actions)})
    stock_module = stock.module[DEFAULT_MODULE_ID]
    stock_module.load_state_dict(ours.module.state_dict())
    rng = np.random.default_rng(0)
    first = {name: array.copy() for name, array in weights(stock_module).items() if not name.endswith("_const")}
    for number in range(50):
        batch = {
            "obs": rng.normal(size=(32, 4)).astype(np.float32),
            "actions": np.tanh(rng.normal(size=(32, 2))).astype(np.float32),
            "rewards": 3.0 * rng.normal(size=32).astype(np.float32),
            "new_obs": rng.normal(size=(32, 4)).astype(np.float32),
            "terminateds": rng.random(32) < 0.2,
            "weights": rng.random(32).astype(np.float32),
            "n_step": np.ones(32, np.float32),
        }
        torch.manual_seed(number)
        noise = {name: torch.normal(torch.zeros(32, 2), torch.ones(32, 2)) for name in (NOISE, NEXT_NOISE)}
        tensors = {name: torch.as_tensor(column) for name, column in batch.items()} | noise
        if way == "recorded" and number == 0:
            ours.record(tensors)
        torch.manual_seed(number)
        stock.update(batch=MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(batch)}, env_steps=32))  # moves its targets, too
        ours.update(tensors)
        if way == "stock":
            ours.end_iteration(0)
        else:
            ours.move_targets(0.05)
    temperatures = [float(learner.curr_log_alpha[DEFAULT_MODULE_ID].detach()) for learner in (ours.learner, stock)]
    last = weights(stock_module)
    moved = min(float(np.abs(last[name] - array).max()) for name, array in first.items())
    difference = max(largest_difference(ours.module, stock_module), abs(temperatures[0] - temperatures[1]))
    return {"difference": difference, "moved": min(moved, abs(temperatures[1])), "num_weights": len(first)}


def all_sac_update_differences():
    return [[way, sac_update_differences(loss, way)] for loss in ("huber", "mse") for way in ("stock", "fast", "recorded")]


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_sac_updates_equal_those_of_stock_learner_and_module():
    for way, result in in_worker(all_sac_update_differences):
        assert result["num_weights"] == 5 * 2 * 3  # actor, two critics, their targets: three layers each
        assert result["moved"] > 1e-3
        assert result["difference"] <= (0.0 if way == "stock" else 1e-6), way


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
                        observation_space=agent.observation_space,
                        action_space=agent.action_space,
                        len_lookback_buffer=0,
                    ).to_numpy()
                )
                places += [(t, n) for t in piece]
                piece = []
    learner = agent.learner.learner
    batch = learner._learner_connector(rl_module=learner.module, batch={}, episodes=episodes, shared_data={}, metrics=None)[
        DEFAULT_MODULE_ID
    ]
    targets, mask = batch["value_targets"].numpy(), batch["loss_mask"].numpy()
    return dict(zip(places, targets[mask].tolist(), strict=True))


def advantage_differences(env_id):
    agent, _ = make_agent(PPO, {"rollout_length": 300, "num_envs": 3, "batch_size": 64}, env_id)
    rollout = agent.loop.collect(agent.sample_actions)
    finals = {(t, n): observation for t, n, observation in rollout.final_observations}

    def observations_after(t, n):
        if (t, n) in finals:
            return finals[t, n]
        return rollout.observations[t + 1, n] if t + 1 < len(rollout.rewards) else rollout.last_observations[n]

    theirs = rllib_value_targets(rollout, observations_after, agent)
    order = [(t, n) for t, n in np.argwhere(rollout.valid).tolist()]
    batch = agent.training_batch(rollout)
    values = agent.values(batch["obs"].numpy())
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
@pytest.mark.xdist_group("rllib")
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

    from arena.learning.rollouts import Rollout

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
    targets = agent.training_batch(rollout)["value_targets"].tolist()
    expected = [1.0, 1.0 + 0.99 * float(agent.values(last)[0])]
    agent, _ = make_agent(DQN, {"batch_size": 2})
    observations = torch.zeros(2, 4)
    columns = agent.columns(
        np.zeros((2, 4), np.float32), np.zeros(2, np.int64), np.ones(2, np.float32), np.ones((2, 4), np.float32), flags[0]
    )
    module = agent.learner.module
    with torch.no_grad():
        value = float(module.compute_q_values({"obs": observations})["qf_preds"][0, 0])
        next_value = float(module.forward_target({"obs": torch.ones(1, 4)})["qf_preds"].max())
    agent.learner.update({**columns, "weights": agent.ones, "n_step": agent.ones})
    errors = agent.learner.metric(TD_ERROR_KEY).tolist()
    return [targets, expected, errors, [abs(value - 1.0), abs(value - 1.0 - 0.99 * next_value)]]


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
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

    from arena.learning.transitions import Transitions
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
    worst = np.zeros(6)
    for draw in range(100):
        theirs.rng, ours.rng = np.random.default_rng(draw), np.random.default_rng(draw)
        episodes = theirs.sample(num_items=32, n_step=n_step, beta=0.4, gamma=0.9)
        indices, importance, num_steps, (observations, _, rewards, next_observations, terminated) = ours.sample(32)
        columns = [
            (observations[:, 0], [episode.get_observations(0)[0] for episode in episodes]),
            (next_observations[:, 0], [episode.get_observations(-1)[0] for episode in episodes]),
            (rewards, [episode.get_rewards(0) for episode in episodes]),
            (terminated, [episode.is_terminated for episode in episodes]),
            (importance, [episode.get_extra_model_outputs("weights", 0) for episode in episodes]),
            (num_steps, [episode.get_extra_model_outputs("n_step", 0) for episode in episodes]),
        ]
        worst = np.maximum(worst, [np.abs(mine - np.ravel(rllibs).astype(np.float64)).max() for mine, rllibs in columns])
        errors = rng.random(32)
        theirs.update_priorities(errors.copy())
        ours.update_priorities(indices, errors)
    return worst.tolist()


def all_replay_differences():
    return [replay_differences(1), replay_differences(3), replay_differences((2, 5))]


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_prioritised_replay_draws_what_rllib_draws():
    for observations, next_observations, rewards, terminated, importance, num_steps in in_worker(all_replay_differences):
        assert observations == next_observations == terminated == num_steps == 0.0
        assert rewards < 1e-3  # sums of up to four numbers near 2000, in single precision
        assert importance < 1e-6
