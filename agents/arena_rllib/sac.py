"""Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) by RLlib's module, losses and optimizers.

Acting and uniform replay are the arena's loop; the update is RLlib's `SACTorchLearner`. Differs from RLlib's own: critics of the size that
is asked for, noise from the arena's generator, and squared errors unless `overrides.td_error_loss_fn` is `"huber"`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.algorithms.sac import SACConfig as RLlibSACConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.learning.squashed_gaussian import draw_actions
from arena.policies.onnx_network import PolicyNetwork, squashed_mean
from arena.seeding import split_seed
from arena_rllib import networks
from arena_rllib.config import SACConfig
from arena_rllib.learner import Batch, LocalLearner
from arena_rllib.sac_module import NEXT_NOISE, NOISE, Catalog, SACModule, SquaredSACLearner

Array = npt.NDArray[Any]

LOSSES = ("policy_loss", "qf_loss", "qf_twin_loss", "alpha_loss", "alpha_value", "logps", "qf_mean", "td_error_mean")
"""What the agent reports, by RLlib's names."""


def algorithm_config(config: SACConfig, action_space: gym.spaces.Box) -> RLlibSACConfig:
    """Returns RLlib's config for `config`."""
    options = config.options
    squared = options["td_error_loss_fn"] == "mse"
    return (
        RLlibSACConfig()
        .framework("torch")
        .rl_module(
            model_config=DefaultModelConfig(**networks.model_options(config, shape=())),
            rl_module_spec=RLModuleSpec(module_class=SACModule, catalog_class=Catalog),
        )
        .learners(learner_class=SquaredSACLearner if squared else None)
        .training(
            actor_lr=options["actor_lr"] or config.learning_rate,
            critic_lr=options["critic_lr"] or config.learning_rate,
            alpha_lr=options["alpha_lr"] or config.learning_rate,
            gamma=config.discount,
            grad_clip=config.max_gradient_norm or None,
            grad_clip_by="global_norm",
            train_batch_size_per_learner=config.batch_size,
            tau=config.target_update_tau,
            initial_alpha=config.initial_alpha,
            target_entropy=config.target_entropy_per_dimension * action_space.shape[0],
            n_step=1,
        )
    )


class SACAgent(Agent):
    """See `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: SACConfig, *, seed: int, device: str) -> None:
        space, observation_space = env_factory.action_space, env_factory.observation_space
        assert isinstance(observation_space, gym.spaces.Box)
        assert isinstance(space, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self.config, self.action_space, self.observation_space = config, space, observation_space
        self.learner = LocalLearner(
            algorithm_config(config, space), observation_space, space, adam_epsilon=config.adam_epsilon, seed=network_seed, device=device
        )
        rng, module = np.random.default_rng(network_seed), self.learner.module
        for parts in ((module.qf_encoder, module.qf), (module.qf_twin_encoder, module.qf_twin), (module.pi_encoder, module.pi)):
            networks.set_initial_weights(rng, *parts)
        self.learner.move_targets(1.0)
        self.env = env_factory.make_vec(config.num_envs)
        self.replay = ReplayBuffer(config.replay_capacity, observation_space, space, replay_seed)
        self.loop = ReplayLoop(self.env, config, self.replay, loop_seed)
        self._noise_rng = np.random.default_rng(noise_seed)
        self._constant = {name: self.learner.tensor(np.ones(config.batch_size, np.float32)) for name in ("weights", "n_step")}
        self._record()
        self._pull_weights()

    def learn(self, num_steps: int) -> Metrics:
        """Trains; see `arena.agent.interface.Agent.learn`."""
        return self.loop.run(num_steps, self._draw_actions, self._train)

    def _record(self) -> None:
        size = self.config.batch_size
        observations = np.zeros((size, *self.observation_space.shape), self.observation_space.dtype)
        actions, zeros = np.zeros((size, *self.action_space.shape), np.float32), np.zeros(size, np.float32)
        noise = np.zeros((2, *actions.shape), np.float32)
        columns = self.columns(observations, actions, zeros, observations, zeros.astype(np.bool_), *noise)
        self.learner.record({**columns, **self._constant})

    def _train(self, num_updates: int, update_target: bool) -> Mapping[str, float]:
        del update_target  # after every update
        size = self.config.batch_size
        noise = self._noise_rng.standard_normal((2, num_updates, size, *self.action_space.shape), np.float32)
        return self.update(*self.replay.sample(num_updates, size), *noise)

    def update(self, *batches: Array) -> Mapping[str, float]:
        """Makes one update on each minibatch, `[num_updates, batch_size, ...]` in the order of `columns`; returns the last one's losses."""
        columns = self.columns(*batches)
        for index in range(len(batches[0])):
            self.learner.update({name: column[index] for name, column in columns.items()} | self._constant)
            self.learner.move_targets(self.config.target_update_tau)
        self._pull_weights()
        return self.learner.metrics(LOSSES)

    def columns(
        self,
        observations: Array,
        actions: Array,
        rewards: Array,
        next_observations: Array,
        terminated: Array,
        next_noise: Array,
        noise: Array,
    ) -> Batch:
        """Returns transitions `[B, ...]`, and the noise to learn from them with, as a batch with RLlib's column names."""
        learner = self.learner
        return {
            Columns.OBS: learner.observations(observations),
            Columns.ACTIONS: learner.tensor(actions),
            Columns.REWARDS: learner.tensor(rewards),
            Columns.NEXT_OBS: learner.observations(next_observations),
            Columns.TERMINATEDS: learner.tensor(terminated),
            NEXT_NOISE: learner.tensor(next_noise),
            NOISE: learner.tensor(noise),
        }

    def _draw_actions(self, observations: Array) -> Array:
        return draw_actions(self._network.scores(observations), self._noise_rng)

    def _pull_weights(self) -> None:
        layers = networks.layers(self.learner.module.pi_encoder, self.learner.module.pi)
        self._network = PolicyNetwork(layers, self.observation_space, self.action_space)
        layers = squashed_mean(layers, self.action_space.shape[0])
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space, squashed=True)

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N, *act]`: tanh of the means by the module's `forward_inference`, scaled to the bounds."""
        with torch.inference_mode():
            outputs = self.learner.module.forward_inference({Columns.OBS: self.learner.observations(observations)})
            means, _ = outputs[Columns.ACTION_DIST_INPUTS].chunk(2, dim=-1)
            actions = torch.tanh(means).cpu().numpy()
        return self.policy.scale_actions(actions)

    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy as one ONNX file."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes everything that exact resume needs."""
        write_arrays(directory / "learner.npz", self.learner.state())
        state = {"loop": self.loop.state(), "replay": self.replay.save(directory), "noise_rng": self._noise_rng.bit_generator.state}
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.restore(read_arrays(directory / "learner.npz"))
        state = read_json(directory / "state.json")
        self.loop.restore(state["loop"])
        self.replay.restore(directory, state["replay"])
        self._noise_rng.bit_generator.state = state["noise_rng"]
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments."""
        self.env.close()
