"""TF-Agents' SAC and TD3 against the unmodified `SacAgent` and `Td3Agent`; their resume and exports. TensorFlow runs in another process."""

from pathlib import Path
from unittest import mock

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.policies.policy import OnnxPolicy

NUM_INPUTS, NUM_DIMENSIONS, NUM_BURSTS = 3, 2, 5
SMALL = {"hidden_sizes": [16, 12], "batch_size": 32, "num_updates": 4, "learning_starts": 64, "train_period": 16, "replay_capacity": 250}
SAC, TD3 = "tfagents-sac", "tfagents-td3"
both = pytest.mark.parametrize("agent_id", [SAC, TD3])


def framework(test):
    """Marks a test that runs in the process of TF-Agents."""
    return pytest.mark.framework(pytest.mark.xdist_group("tfagents")(test))


def in_worker(function, agent_id, *args, other=False):
    """Calls a function of this file in the process of TF-Agents, where a warning is an error."""
    return ask(function, agent_id, *args, spec=agent_spec(agent_id), strict=True, other=other)


def config_of(agent_id, **table):
    return build_config(agent_spec(agent_id).config, {**SMALL, **table}, where="it")


def make_agent(agent_id, **table):
    factory = ArenaEnvFactory(EnvConfig("Pendulum-v1"), Meter(), np.random.SeedSequence(0))
    return agent_spec(agent_id).load()(factory, config_of(agent_id, **table), seed=3, device="cpu"), factory


# --- updates equal those of the framework's own agent


def random_batches(rng, shape):
    return (
        rng.normal(size=(*shape, NUM_INPUTS)).astype(np.float32),
        np.tanh(rng.normal(size=(*shape, NUM_DIMENSIONS))).astype(np.float32),
        3.0 * rng.normal(size=shape).astype(np.float32),
        rng.normal(size=(*shape, NUM_INPUTS)).astype(np.float32),
        rng.random(shape) < 0.2,
    )


def noises_of_sac(seed, batch_size):
    """Returns the numbers that TensorFlow draws from `seed` when a policy's distribution is sampled three times."""
    import tensorflow_probability as tfp

    from arena_tfagents.framework import tf

    def sample():
        normal = tfp.distributions.MultivariateNormalDiag(*(fill((batch_size, NUM_DIMENSIONS)) for fill in (tf.zeros, tf.ones)))
        return tfp.distributions.TransformedDistribution(normal, tfp.bijectors.Identity()).sample().numpy()

    tf.random.set_seed(seed)
    return [sample() for _ in range(3)]


def noises_of_td3(seed, batch_size):
    """Returns the standard normal numbers that TensorFlow draws from `seed` for the noise of one update."""
    import tensorflow_probability as tfp

    from arena_tfagents.framework import tf

    tf.random.set_seed(seed)
    return [tfp.distributions.Normal(*(fill((batch_size, NUM_DIMENSIONS)) for fill in (tf.zeros, tf.ones))).sample().numpy()]


def stock_sac(config, specs, shared):
    """Returns the unmodified `SacAgent`, its weights besides those of the critics, and a function of its mean losses in one burst."""
    from arena_tfagents.actor_critic import adam
    from arena_tfagents.framework import SacAgent
    from arena_tfagents.private_api import log_alpha
    from arena_tfagents.sac_learner import agent_options, make_actor

    actor = make_actor(config, *specs)
    options = {**agent_options(config, NUM_DIMENSIONS), "alpha_optimizer": adam(config)}
    stock = SacAgent(actor_network=actor, **shared, **options)
    parts = {"actor": list(actor.variables), "alpha": [log_alpha(stock)]}
    losses = ("actor_loss", "alpha_loss")
    return stock, parts, lambda infos: {name: np.mean([getattr(info, name) for info in infos]) for name in losses}


def stock_td3(config, specs, shared):
    """Returns what `stock_sac` does, of `Td3Agent`; the loss of the actor is that of the updates which move it."""
    from arena_tfagents.actor_critic import activation
    from arena_tfagents.framework import ActorNetwork, Td3Agent
    from arena_tfagents.td3_learner import agent_options

    actors = [ActorNetwork(*specs, fc_layer_params=config.hidden_sizes, activation_fn=activation(config)) for _ in range(2)]
    stock = Td3Agent(actor_network=actors[0], target_actor_network=actors[1], **shared, **agent_options(config))
    parts = {"actor": list(actors[0].variables), "target_actor": list(actors[1].variables)}
    delay = config.policy_delay
    return stock, parts, lambda infos: {"actor_loss": np.mean([info.actor_loss for info in infos][delay - 1 :: delay])}


STOCK = {SAC: (stock_sac, noises_of_sac), TD3: (stock_td3, noises_of_td3)}


def update_differences(agent_id, table):
    """Returns by part how far our weights are from the stock agent's, as a share of how far those moved, after equal minibatches."""
    from arena_tfagents import actor_critic_learner
    from arena_tfagents.actor_critic import adam, make_critic
    from arena_tfagents.framework import BoundedTensorSpec, set_up, tf, time_step_spec
    from arena_tfagents.trajectories import trajectories

    set_up("cpu", 0)
    config, (make_stock, draw_noises) = config_of(agent_id, **table), STOCK[agent_id]
    space, actions = gym.spaces.Box(-np.inf, np.inf, (NUM_INPUTS,), np.float32), gym.spaces.Box(-3.0, 2.0, (NUM_DIMENSIONS,), np.float32)
    with mock.patch.object(actor_critic_learner, "trajectories", wraps=trajectories) as traced:
        learner = agent_spec(agent_id).load().learner_class(config, space, actions, np.random.default_rng(0))
    assert traced.call_count == 1, "a burst is traced once"
    specs = tf.TensorSpec(space.shape, tf.float32), BoundedTensorSpec(actions.shape, tf.float32, -1.0, 1.0)
    critics, targets = ([make_critic(config, *specs) for _ in range(2)] for _ in range(2))
    shared = {
        "time_step_spec": time_step_spec(specs[0]),
        "action_spec": specs[1],
        "critic_network": critics[0],
        "critic_network_2": critics[1],
        "target_critic_network": targets[0],
        "target_critic_network_2": targets[1],
        "actor_optimizer": adam(config),
        "critic_optimizer": adam(config),
    }
    stock, variables, mean_losses = make_stock(config, specs, shared)
    for name, networks in (("critics", critics), ("targets", targets)):
        variables[name] = [variable for network in networks for variable in network.variables]
    initial = learner.arrays()
    for name, found in variables.items():
        for index, variable in enumerate(found):
            variable.assign(initial[f"{name}_{index}"])
    rng, losses = np.random.default_rng(1), []
    for burst in range(NUM_BURSTS):
        batches = random_batches(rng, (config.num_updates, config.batch_size))
        drawn = [draw_noises(100 * burst + index, config.batch_size) for index in range(config.num_updates)]
        ours, theirs = learner.update(*batches, *(np.stack(noises) for noises in zip(*drawn, strict=True))), []
        for index in range(config.num_updates):
            tf.random.set_seed(100 * burst + index)
            theirs.append(stock.train(trajectories(*(tf.constant(field[index]) for field in batches))).extra)
        expected = {"critic_loss": np.mean([info.critic_loss for info in theirs]), **mean_losses(theirs)}
        losses += [abs(ours[name] / loss - 1.0) for name, loss in expected.items()]
    arrays, answers = learner.arrays(), {"losses": float(max(losses))}
    for name, found in variables.items():
        moved = max(float(np.abs(variable.numpy() - initial[f"{name}_{index}"]).max()) for index, variable in enumerate(found))
        apart = max(float(np.abs(variable.numpy() - arrays[f"{name}_{index}"]).max()) for index, variable in enumerate(found))
        answers[name] = apart / moved
    return answers


OPTIONS = {"max_gradient_norm": 0.5, "activation": "tanh", "overrides": {"td_errors_loss_fn": "huber", "reward_scale_factor": 2.0}}


@framework
@pytest.mark.parametrize(
    ("agent_id", "table"),
    [
        (SAC, {"target_update_tau": 0.05}),
        (SAC, {"target_update_tau": 0.05, **OPTIONS}),
        (TD3, {"target_update_tau": 0.5}),
        (TD3, {"target_update_tau": 0.5, "policy_delay": 4, "target_noise": 0.6, **OPTIONS}),
    ],
    ids=["sac-defaults", "sac-options", "td3-defaults", "td3-options"],
)
def test_fused_updates_equal_those_of_the_unmodified_agent(agent_id, table):
    differences = in_worker(update_differences, agent_id, {"learning_rate": 1e-3, **table})
    print(differences)
    assert set(differences) == {"actor", "critics", "targets", "losses", "alpha" if agent_id == SAC else "target_actor"}
    assert max(differences.values()) < 1e-4


# --- resume, export, options


def train(agent_id, checkpoint, outcome, resume):
    agent, factory = make_agent(agent_id)
    if resume:
        agent.restore(Path(checkpoint))
        factory.cut_episodes(1)
    else:
        agent.learn(300)
        Path(checkpoint).mkdir()
        agent.save(Path(checkpoint))
        factory.cut_episodes()
        factory.meter.take_episodes()
    losses = [list(agent.learn(600).losses.values()) for _ in range(2)]
    returns = [episode.episode_return for episode in factory.meter.take_episodes()]
    np.savez(outcome, losses=losses, returns=returns, **agent.learner.arrays())


@framework
@both
def test_resume_is_exact(tmp_path, agent_id):
    # 1,500 steps, and room for 250: the replay buffer wraps around before and after the checkpoint
    for name, resume in (("straight", False), ("resumed", True)):
        in_worker(train, agent_id, str(tmp_path / "checkpoint"), str(tmp_path / f"{name}.npz"), resume, other=resume)
    with np.load(tmp_path / "straight.npz") as straight, np.load(tmp_path / "resumed.npz") as resumed:
        assert len(straight["returns"]) > 3
        for name in straight:
            np.testing.assert_array_equal(resumed[name], straight[name], err_msg=name)


def exported_difference(agent_id, path):
    agent, factory = make_agent(agent_id, learning_rate=1e-2)
    agent.learn(400)
    agent.export_policy(Path(path))
    observations = np.random.default_rng(0).normal(size=(256, *factory.observation_space.shape)).astype(np.float32)
    exported, own = OnnxPolicy(Path(path)).act(observations), agent.act(observations)
    inside = np.abs(own) < 1.99
    return [float(np.abs(exported - own).max()), float(own.std()), float(inside.mean())]


@framework
@both
def test_exported_policy_squashes_and_scales_as_the_framework_does(tmp_path, agent_id):
    difference, spread, inside = in_worker(exported_difference, agent_id, str(tmp_path / "policy.onnx"))
    assert difference < 1e-5
    assert spread > 0.1
    assert inside > 0.5


@both
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"td_error_loss_fn": "huber"}, "did you mean 'td_errors_loss_fn'"),
        ({"td_errors_loss_fn": "l1"}, "must be 'mse' or 'huber'"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(agent_id, overrides, message):
    with pytest.raises(ArenaError, match=message):
        config_of(agent_id, overrides=overrides)
