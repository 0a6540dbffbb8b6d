"""TF-Agents' SAC against the unmodified `SacAgent`, its resume and its exported policy. TensorFlow runs in another process."""

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
from arena_tfagents.config import TFAgentsSACConfig

NUM_INPUTS, NUM_DIMENSIONS, NUM_BURSTS = 3, 2, 5
SMALL = {"hidden_sizes": [16, 12], "batch_size": 32, "num_updates": 4, "learning_starts": 64, "train_period": 16, "replay_capacity": 250}


def framework(test):
    """Marks a test that runs in the process of TF-Agents."""
    return pytest.mark.framework(pytest.mark.xdist_group("oracles tfagents")(test))


def in_worker(function, *args, other=False):
    """Calls a function of this file in the process of TF-Agents, where a warning is an error."""
    return ask(function, *args, spec=agent_spec("tfagents-sac"), variables={"CUDA_VISIBLE_DEVICES": "-1"}, strict=True, other=other)


def config_of(**table):
    return build_config(TFAgentsSACConfig, {**SMALL, **table}, where="it")


def make_agent(**table):
    factory = ArenaEnvFactory(EnvConfig("Pendulum-v1"), Meter(), np.random.SeedSequence(0))
    return agent_spec("tfagents-sac").load()(factory, config_of(**table), seed=3, device="cpu"), factory


# --- updates equal those of SacAgent


def random_batches(rng, shape):
    return (
        rng.normal(size=(*shape, NUM_INPUTS)).astype(np.float32),
        np.tanh(rng.normal(size=(*shape, NUM_DIMENSIONS))).astype(np.float32),
        3.0 * rng.normal(size=shape).astype(np.float32),
        rng.normal(size=(*shape, NUM_INPUTS)).astype(np.float32),
        rng.random(shape) < 0.2,
    )


def noises_of_the_framework(seed, batch_size):
    """Returns the numbers that TensorFlow draws from `seed` when a policy's distribution is sampled three times."""
    import tensorflow_probability as tfp

    from arena_tfagents.framework import tf

    def sample():
        normal = tfp.distributions.MultivariateNormalDiag(*(fill((batch_size, NUM_DIMENSIONS)) for fill in (tf.zeros, tf.ones)))
        return tfp.distributions.TransformedDistribution(normal, tfp.bijectors.Identity()).sample().numpy()

    tf.random.set_seed(seed)
    return [sample() for _ in range(3)]


def update_differences(table):
    """Returns by part how far our weights are from the stock agent's, as a share of how far those moved, after equal minibatches."""
    from arena_tfagents import sac_learner
    from arena_tfagents.framework import BoundedTensorSpec, SacAgent, set_up, tf, time_step_spec
    from arena_tfagents.private_api import log_alpha
    from arena_tfagents.sac_learner import adam, agent_options, make_actor, make_critic
    from arena_tfagents.trajectories import trajectories

    set_up("cpu", 0)
    config = config_of(**table)
    space, actions = gym.spaces.Box(-np.inf, np.inf, (NUM_INPUTS,), np.float32), gym.spaces.Box(-3.0, 2.0, (NUM_DIMENSIONS,), np.float32)
    with mock.patch.object(sac_learner, "trajectories", wraps=trajectories) as traced:
        learner = sac_learner.SACLearner(config, space, actions, np.random.default_rng(0))
    assert traced.call_count == 1, "a burst is traced once"
    specs = tf.TensorSpec(space.shape, tf.float32), BoundedTensorSpec(actions.shape, tf.float32, -1.0, 1.0)
    actor, critics, targets = make_actor(config, *specs), *([make_critic(config, *specs) for _ in range(2)] for _ in range(2))
    stock = SacAgent(
        time_step_spec(specs[0]),
        specs[1],
        critic_network=critics[0],
        critic_network_2=critics[1],
        target_critic_network=targets[0],
        target_critic_network_2=targets[1],
        actor_network=actor,
        actor_optimizer=adam(config),
        critic_optimizer=adam(config),
        alpha_optimizer=adam(config),
        **agent_options(config, NUM_DIMENSIONS),
    )
    parts = {"actor": [actor], "critics": critics, "targets": targets}
    variables = {name: [variable for network in networks for variable in network.variables] for name, networks in parts.items()}
    variables["alpha"] = [log_alpha(stock)]
    initial = learner.arrays()
    for name, found in variables.items():
        for index, variable in enumerate(found):
            variable.assign(initial[f"{name}_{index}"])
    rng, losses = np.random.default_rng(1), []
    for burst in range(NUM_BURSTS):
        batches = random_batches(rng, (config.num_updates, config.batch_size))
        drawn = [noises_of_the_framework(100 * burst + index, config.batch_size) for index in range(config.num_updates)]
        ours = learner.update(*batches, *(np.stack(noises) for noises in zip(*drawn, strict=True)))
        theirs = []
        for index in range(config.num_updates):
            tf.random.set_seed(100 * burst + index)
            info = stock.train(trajectories(*(tf.constant(field[index]) for field in batches)))
            theirs.append([float(loss) for loss in info.extra])
        losses.append(np.abs([ours[f"{name}_loss"] for name in ("critic", "actor", "alpha")] / np.mean(theirs, 0) - 1.0).max())
    arrays, answers = learner.arrays(), {"losses": float(max(losses))}
    for name, found in variables.items():
        moved = max(float(np.abs(variable.numpy() - initial[f"{name}_{index}"]).max()) for index, variable in enumerate(found))
        apart = max(float(np.abs(variable.numpy() - arrays[f"{name}_{index}"]).max()) for index, variable in enumerate(found))
        answers[name] = apart / moved
    return answers


@framework
@pytest.mark.parametrize(
    "table",
    [{}, {"max_gradient_norm": 0.5, "activation": "tanh", "overrides": {"td_errors_loss_fn": "huber", "reward_scale_factor": 2.0}}],
    ids=["defaults", "options"],
)
def test_fused_updates_equal_those_of_the_unmodified_agent(table):
    differences = in_worker(update_differences, {"learning_rate": 1e-3, "target_update_tau": 0.05, **table})
    print(differences)
    assert set(differences) == {"actor", "critics", "targets", "alpha", "losses"}
    assert max(differences.values()) < 1e-4


# --- resume, export, options


def train(checkpoint, outcome, resume):
    agent, factory = make_agent()
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
def test_resume_is_exact(tmp_path):
    # 1,500 steps, and room for 250: the replay buffer wraps around before and after the checkpoint
    for name, resume in (("straight", False), ("resumed", True)):
        in_worker(train, str(tmp_path / "checkpoint"), str(tmp_path / f"{name}.npz"), resume, other=resume)
    with np.load(tmp_path / "straight.npz") as straight, np.load(tmp_path / "resumed.npz") as resumed:
        assert len(straight["returns"]) > 3
        for name in straight:
            np.testing.assert_array_equal(resumed[name], straight[name], err_msg=name)


def exported_difference(path):
    agent, factory = make_agent(learning_rate=1e-2)
    agent.learn(400)
    agent.export_policy(Path(path))
    observations = np.random.default_rng(0).normal(size=(256, *factory.observation_space.shape)).astype(np.float32)
    exported, own = OnnxPolicy(Path(path)).act(observations), agent.act(observations)
    inside = np.abs(own) < 1.99
    return [float(np.abs(exported - own).max()), float(own.std()), float(inside.mean())]


@framework
def test_exported_policy_squashes_and_scales_as_the_framework_does(tmp_path):
    difference, spread, inside = in_worker(exported_difference, str(tmp_path / "policy.onnx"))
    assert difference < 1e-5
    assert spread > 0.1
    assert inside > 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"td_error_loss_fn": "huber"}, "did you mean 'td_errors_loss_fn'"),
        ({"td_errors_loss_fn": "l1"}, "must be 'mse' or 'huber'"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(overrides, message):
    with pytest.raises(ArenaError, match=message):
        config_of(overrides=overrides)
