"""Action masks in the arena's RLlib agents, against RLlib's example of a masking module."""

import logging

import gymnasium as gym
import numpy as np
import pytest
from rllib_worker import in_worker

from arena.environments.spaces import MaskedBox, random_masks
from arena_rllib.config import DQNConfig, PPOConfig


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
    target_head = dict(module.get_target_network_pairs())[module.af]
    for parameter in target_head.parameters():
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


def choices_of_module():
    """Returns the sizes of the choices that the observation space of the learner's module spec knows."""
    from ray.rllib.core import DEFAULT_MODULE_ID

    from arena_rllib import ppo
    from arena_rllib.learner import LocalLearner

    space, actions = MaskedBox([-1.0], [1.0], 5, (3, 2)), gym.spaces.MultiDiscrete([3, 2])
    config = ppo.algorithm_config(PPOConfig(batch_size=32), space, actions)
    learner = LocalLearner(config, space, actions, adam_epsilon=1e-8, seed=0, device="cpu").learner
    return learner.module.rl_module_specs[DEFAULT_MODULE_ID].observation_space.choices


def all_masked():
    return [masked_dqn(False), masked_dqn(True)], masked_ppo(), choices_of_module()


@pytest.mark.framework
@pytest.mark.xdist_group("rllib")
def test_masks_are_those_of_rllibs_example_and_targets_are_over_allowed_actions():
    dqn, ppo, choices = in_worker(all_masked)
    assert choices == [3, 2]
    for difference, share in dqn:
        assert difference < 1e-5
        assert share > 0.1, "the mask must matter"
    assert max(ppo) < 1e-6
