"""The four algorithms: Stable-Baselines3's classes with the arena's hyperparameters, and the layers of their greedy policies."""

import dataclasses
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from arena.agent.hyperparameters import ReplayConfig
from arena.policies.onnx_network import Conv, Dense
from arena.policies.torch_network import torch_layers
from arena_sb3.config import DQNConfig, PPOConfig, SACConfig, TD3Config

Layers = list[Dense | Conv]


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """What one algorithm has besides what all have."""

    make: Callable[..., BaseAlgorithm]
    """Makes SB3's algorithm: `make(config, env, first_step, **common)`."""
    layers: Callable[[Any], Layers]
    """Returns the layers of the greedy policy of what `make` made."""
    squashed: bool
    """Whether actions of a Box are in [-1, 1], which spans the bounds; otherwise they are in the environment's units."""


def make_ppo(config: PPOConfig, env: VecEnv, first_step: Callable[[], int], **common: Any) -> PPO:
    """Returns SB3's PPO; its learning rate follows `first_step()`, the env steps before the rollout that it learns from."""
    learning_rate: Any = config.learning_rate
    if config.anneal_steps:
        learning_rate = lambda _: config.learning_rate_at(first_step())  # noqa: E731 -- SB3 hands over the share of a call that is left
    return PPO(
        "MlpPolicy",
        env,
        learning_rate=learning_rate,
        gamma=config.discount,
        gae_lambda=config.gae_lambda,
        n_steps=config.rollout_length,
        batch_size=config.batch_size,
        n_epochs=config.num_epochs,
        clip_range=config.clip_ratio,
        ent_coef=config.entropy_coefficient,
        vf_coef=config.value_coefficient,
        max_grad_norm=config.max_gradient_norm,
        **common,
    )


def make_dqn(config: DQNConfig, env: VecEnv, first_step: Callable[[], int], **common: Any) -> DQN:
    """Returns SB3's DQN; its epsilon falls by env steps, not by the share of a call of `learn` that is left."""
    del first_step
    model = DQN(
        "MlpPolicy",
        env,
        **_replay_options(config),
        target_update_interval=config.target_update_period,
        exploration_initial_eps=config.epsilon_start,
        exploration_final_eps=config.epsilon_end,
        max_grad_norm=config.max_gradient_norm,
        tau=config.target_update_tau,
        **common,
    )
    model.exploration_schedule = lambda _: config.epsilon(model.num_timesteps)
    return model


def make_sac(config: SACConfig, env: VecEnv, first_step: Callable[[], int], **common: Any) -> SAC:
    """Returns SB3's SAC with a learned temperature."""
    del first_step
    model = SAC(
        "MlpPolicy",
        env,
        **_replay_options(config),
        tau=config.target_update_tau,
        ent_coef=f"auto_{config.initial_alpha}",
        target_entropy=config.target_entropy_per_dimension * _num_actions(env),
        **common,
    )
    assert model.ent_coef_optimizer is not None
    model.ent_coef_optimizer.param_groups[0]["eps"] = config.adam_epsilon  # SB3 leaves PyTorch's default here alone
    return model


def make_td3(config: TD3Config, env: VecEnv, first_step: Callable[[], int], **common: Any) -> TD3:
    """Returns SB3's TD3 with Gaussian noise on its actions."""
    del first_step
    zeros = np.zeros(_num_actions(env))
    return TD3(
        "MlpPolicy",
        env,
        **_replay_options(config),
        tau=config.target_update_tau,
        action_noise=NormalActionNoise(zeros, zeros + config.exploration_noise),
        policy_delay=config.policy_delay,
        target_policy_noise=config.target_noise,
        target_noise_clip=config.target_noise_clip,
        **common,
    )


def ppo_layers(model: PPO) -> Layers:
    """Returns the layers from observations to logits, or to the mean of a Gaussian in the environment's units."""
    policy = model.policy
    return torch_layers(nn, policy.pi_features_extractor, policy.mlp_extractor.policy_net, policy.action_net)


def dqn_layers(model: DQN) -> Layers:
    """Returns the layers from observations to action values."""
    return torch_layers(nn, model.q_net.features_extractor, model.q_net.q_net)


def sac_layers(model: SAC) -> Layers:
    """Returns the layers from observations to the squashed mean; SB3 applies the tanh inside its distribution."""
    *hidden, last = torch_layers(nn, model.actor.latent_pi, model.actor.mu)
    assert isinstance(last, Dense)
    return [*hidden, dataclasses.replace(last, activation="tanh")]


def td3_layers(model: TD3) -> Layers:
    """Returns the layers from observations to unscaled actions."""
    return torch_layers(nn, model.actor.mu)


def _replay_options(config: ReplayConfig) -> dict[str, Any]:
    return {
        "learning_rate": config.learning_rate,
        "gamma": config.discount,
        "batch_size": config.batch_size,
        "buffer_size": config.replay_capacity,
        "learning_starts": config.learning_starts,
        "train_freq": config.train_period // config.num_envs,  # SB3 counts vector steps here, and env steps everywhere else
        "gradient_steps": config.num_updates,
    }


def _num_actions(env: VecEnv) -> int:
    assert isinstance(env.action_space, gym.spaces.Box)
    return int(env.action_space.shape[0])


ALGORITHMS: dict[type, Algorithm] = {
    DQNConfig: Algorithm(make_dqn, dqn_layers, squashed=False),
    PPOConfig: Algorithm(make_ppo, ppo_layers, squashed=False),
    SACConfig: Algorithm(make_sac, sac_layers, squashed=True),
    TD3Config: Algorithm(make_td3, td3_layers, squashed=True),
}
"""Algorithm by the type of its config."""
