"""Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347) by RLlib's module, loss and optimizer.

Rollouts and advantages are the arena's (equal to RLlib's `GeneralAdvantageEstimation`); the update is RLlib's `PPOTorchLearner`.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.algorithms.ppo import PPOConfig as RLlibPPOConfig
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.evaluation.postprocessing import Postprocessing

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.choices import head_sizes, num_scores
from arena.environments.spaces import ImageAndNumbers, MaskedBox, network_shape
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.rollout_loop import RolloutLoop, epoch_minibatches
from arena.learning.rollouts import Rollout, rollout_advantages
from arena.policies.onnx_network import PolicyNetwork
from arena.seeding import split_seed
from arena_rllib import networks
from arena_rllib.config import PPOConfig
from arena_rllib.distributions import sample_categorical, sample_choices, sample_gaussian
from arena_rllib.image_joining import JoiningPPOCatalog
from arena_rllib.learner import Batch, LocalLearner
from arena_rllib.masking import MaskedPPOModule

Array = npt.NDArray[Any]


def algorithm_config(config: PPOConfig, observation_space: gym.spaces.Box, action_space: gym.Space[Any]) -> RLlibPPOConfig:
    """Returns RLlib's config for `config`.

    Raises:
        ValueError: if an override of Gaussian policies is set for discrete actions.
    """
    options = config.options
    gaussian = isinstance(action_space, gym.spaces.Box)
    if not gaussian and (unused := {"free_log_std", "log_std_clip_param"} & set(config.overrides)):
        raise ValueError(f"overrides {', '.join(sorted(unused))}: only Box actions have a Gaussian policy, these are {action_space}")
    layers = networks.model_options(config, network_shape(observation_space))
    if options["fcnet_activation"]:
        layers |= dict.fromkeys(("fcnet_activation", "head_fcnet_activation"), options["fcnet_activation"])
    model = DefaultModelConfig(
        **layers,
        vf_share_layers=options["vf_share_layers"],
        free_log_std=gaussian and options["free_log_std"],
        log_std_clip_param=options["log_std_clip_param"],
    )
    return (
        RLlibPPOConfig()
        .framework("torch")
        .rl_module(model_config=model, rl_module_spec=_module_spec(observation_space))
        .training(
            lr=config.learning_rate,
            gamma=config.discount,
            grad_clip=config.max_gradient_norm,
            grad_clip_by="global_norm",
            train_batch_size_per_learner=config.rollout_length * config.num_envs,
            minibatch_size=config.batch_size,
            num_epochs=config.num_epochs,
            lambda_=config.gae_lambda,
            clip_param=config.clip_ratio,
            entropy_coeff=config.entropy_coefficient,
            vf_loss_coeff=config.value_coefficient,
            vf_clip_param=options["vf_clip_param"],
            use_kl_loss=options["use_kl_loss"],
            kl_coeff=options["kl_coeff"],
            kl_target=options["kl_target"],
        )
    )


def _module_spec(observation_space: gym.spaces.Box) -> RLModuleSpec | None:
    """Returns the module for masked observations, or for an image with numbers behind it; None for RLlib's own."""
    if isinstance(observation_space, MaskedBox):
        return RLModuleSpec(module_class=MaskedPPOModule)
    if isinstance(observation_space, ImageAndNumbers):
        return RLModuleSpec(module_class=DefaultPPOTorchRLModule, catalog_class=JoiningPPOCatalog)
    return None


class PPOAgent(Agent):
    """See `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: PPOConfig, *, seed: int, device: str) -> None:
        space = env_factory.action_space
        observation_space = env_factory.observation_space
        assert isinstance(observation_space, gym.spaces.Box)
        self._discrete, self._sizes = not isinstance(space, gym.spaces.Box), head_sizes(space)
        network_seed, sample_seed, batch_seed = split_seed(seed, 3)
        self.config, self.action_space, self.observation_space = config, space, observation_space
        self.learner = LocalLearner(
            algorithm_config(config, observation_space, space),
            observation_space,
            space,
            adam_epsilon=config.adam_epsilon,
            seed=network_seed,
            device=device,
        )
        module = self.learner.module
        if config.initial_weights == "orthogonal":
            rng, encoder = np.random.default_rng(network_seed), module.encoder
            if config.options["vf_share_layers"]:
                stacks = [(encoder.encoder, module.pi), (module.vf,)]
            else:
                stacks = [(encoder.actor_encoder, module.pi), (encoder.critic_encoder, module.vf)]
            for stack in stacks:
                networks.set_initial_weights(rng, *stack, rule="orthogonal")
        networks.scale_output_layer(module.pi, 0.01)
        self.env = env_factory.make_vec(config.num_envs)
        self.loop = RolloutLoop(self.env, config)
        self._action_rng, self._batch_rng = np.random.default_rng(sample_seed), np.random.default_rng(batch_seed)
        self._loss_names = ("policy_loss", "vf_loss", "vf_explained_var", "entropy", "gradient_norm", "total_loss")
        if config.options["use_kl_loss"]:
            self._loss_names += ("mean_kl_loss", "curr_kl_coeff")
        if len(network_shape(observation_space)) == 1:
            self._record()
        self._pull_weights()

    def learn(self, num_steps: int) -> Metrics:
        """Trains on whole rollouts; see `arena.agent.interface.Agent.learn`."""
        return self.loop.run(num_steps, self.sample_actions, self._train)

    def sample_actions(self, observations: Array) -> tuple[Array, ...]:
        """Returns env actions, and the module's actions, log probabilities and distribution inputs."""
        inputs = self._distribution_inputs(observations)
        if self._discrete:
            if self._sizes:
                actions, log_probabilities = sample_choices(inputs, self._sizes, self._action_rng)
            else:
                actions, log_probabilities = sample_categorical(inputs, self._action_rng)
            return actions, actions, log_probabilities, inputs
        actions, log_probabilities = sample_gaussian(inputs, self._action_rng)
        return self.policy.scale_actions(actions), actions, log_probabilities, inputs

    def _distribution_inputs(self, observations: Array) -> Array:
        """Returns logits `[N, A]`, or means and log standard deviations `[N, 2 A]`, as the module's `action_dist_inputs`."""
        outputs = self._network.scores(observations)
        if self._discrete:
            return outputs
        means, log_std = (outputs, self._log_std) if self._log_std is not None else np.split(outputs, 2, axis=1)
        limit = self.config.options["log_std_clip_param"]
        return np.concatenate([means, np.broadcast_to(np.clip(log_std, -limit, limit), means.shape)], axis=1)

    def _train(self, rollout: Rollout, learning_rate: float) -> tuple[int, dict[str, float]]:
        config, learner = self.config, self.learner
        learner.set_learning_rate(learning_rate)
        batch = self.training_batch(rollout)
        # Minibatches run over the ends of epochs, all of one size, as in RLlib; every epoch is shuffled (RLlib takes the first in order).
        rows = np.arange(len(batch[Columns.OBS]))
        minibatches = learner.tensor(epoch_minibatches(rows, config.batch_size, config.num_epochs, self._batch_rng))
        for indices in minibatches:
            learner.update({name: column[indices] for name, column in batch.items()})
        learner.end_iteration(self.loop.env_steps)
        self._pull_weights()
        losses = learner.metrics(self._loss_names)
        if not math.isfinite(losses["vf_explained_var"]):  # it has no value where all value targets of a minibatch are equal
            del losses["vf_explained_var"]
        return len(minibatches), losses

    def _record(self) -> None:
        learner, size, space = self.learner, self.config.batch_size, self.action_space
        observations = np.zeros((size, *self.observation_space.shape), self.observation_space.dtype)
        zeros = np.zeros(size, np.float32)
        actions = np.zeros((size, *space.shape), np.int64 if self._discrete else np.float32)
        num_inputs = num_scores(space) if self._discrete else 2 * space.shape[0]
        columns = (actions, zeros, np.zeros((size, num_inputs), np.float32), zeros, zeros)
        names = (Columns.ACTIONS, Columns.ACTION_LOGP, Columns.ACTION_DIST_INPUTS, Postprocessing.ADVANTAGES, Postprocessing.VALUE_TARGETS)
        tensors = dict(zip(names, map(learner.tensor, columns), strict=True))
        learner.record({Columns.OBS: learner.observations(observations), **tensors})

    def training_batch(self, rollout: Rollout) -> Batch:
        """Returns the valid rows of a rollout with RLlib's column names, advantages standardised over all of them."""
        config, tensor = self.config, self.learner.tensor
        num_steps, num_envs = rollout.rewards.shape
        observations = rollout.observations.reshape(num_steps * num_envs, *rollout.observations.shape[2:])
        values = self.values(observations).reshape(num_steps, num_envs)
        advantages = rollout_advantages(rollout, values, self.values, discount=config.discount, gae_lambda=config.gae_lambda)
        valid = rollout.valid.reshape(-1)
        module_actions, log_probabilities, inputs = (extra.reshape(-1, *extra.shape[2:])[valid] for extra in rollout.extras)
        targets = (advantages + values).reshape(-1)[valid]
        advantages = advantages.reshape(-1)[valid]
        advantages = (advantages - advantages.mean()) / max(1e-4, advantages.std())  # GeneralAdvantageEstimation, ray 2.60
        return {
            Columns.OBS: self.learner.observations(observations[valid]),
            Columns.ACTIONS: tensor(module_actions),
            Columns.ACTION_LOGP: tensor(log_probabilities),
            Columns.ACTION_DIST_INPUTS: tensor(inputs),
            Postprocessing.ADVANTAGES: tensor(advantages),
            Postprocessing.VALUE_TARGETS: tensor(targets),
        }

    def values(self, observations: Array) -> Array:
        """Returns the value `[N]` of `observations` `[N, *obs]`."""
        with torch.inference_mode():
            return self.learner.module.compute_values({Columns.OBS: self.learner.observations(observations)}).cpu().numpy()

    def _pull_weights(self) -> None:
        module = self.learner.module
        encoder = module.encoder.encoder if self.config.options["vf_share_layers"] else module.encoder.actor_encoder
        layers = networks.layers(encoder, module.pi)
        self._network = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=not self._discrete)
        self._log_std: Array | None = None
        if not self._discrete and self.config.options["free_log_std"]:
            self._log_std = module.pi.log_std.detach().cpu().numpy()
        elif not self._discrete:  # the policy is the mean
            size = self.action_space.shape[0]
            output = dataclasses.replace(layers[-1], kernel=layers[-1].kernel[:, :size], bias=layers[-1].bias[:size])
            layers = [*layers[:-1], output]
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=not self._discrete)

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N, *act]` by the module's `forward_inference`."""
        module = self.learner.module
        with torch.inference_mode():
            inputs = module.forward_inference({Columns.OBS: self.learner.observations(observations)})[Columns.ACTION_DIST_INPUTS]
            actions = module.get_inference_action_dist_cls().from_logits(inputs).to_deterministic().sample().cpu().numpy()
        return actions if self._discrete else self.policy.scale_actions(actions)

    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy as one ONNX file."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes everything that exact resume needs."""
        write_arrays(directory / "learner.npz", self.learner.state())
        kl_coefficient = self.learner.learner.curr_kl_coeffs_per_module[DEFAULT_MODULE_ID]  # Learner.get_state leaves it out
        state = {
            **self.loop.state(),
            "kl_coefficient": float(kl_coefficient),
            "action_rng": self._action_rng.bit_generator.state,
            "batch_rng": self._batch_rng.bit_generator.state,
        }
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.restore(read_arrays(directory / "learner.npz"))
        state = read_json(directory / "state.json")
        self.loop.restore(state)
        self.learner.learner.curr_kl_coeffs_per_module[DEFAULT_MODULE_ID].fill_(state["kl_coefficient"])
        self._action_rng.bit_generator.state = state["action_rng"]
        self._batch_rng.bit_generator.state = state["batch_rng"]
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments."""
        self.env.close()
