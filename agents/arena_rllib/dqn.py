"""Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) by RLlib's module, loss and optimizer.

Acting and uniform replay are the arena's loop; the update is RLlib's `DQNTorchLearner`, target networks included.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.algorithms.dqn import DQNConfig as RLlibDQNConfig
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.utils import update_target_network
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.metrics import TD_ERROR_KEY

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.spaces import ImageAndNumbers, MaskedBox, network_shape
from arena.errors import TrainingDiverged
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork
from arena.seeding import split_seed
from arena_rllib import networks
from arena_rllib.config import DQNConfig
from arena_rllib.image_joining import JoiningDQNCatalog
from arena_rllib.learner import Batch, LocalLearner
from arena_rllib.masking import MaskedDQNModule
from arena_rllib.replay import NStepReplay

Array = npt.NDArray[Any]


def algorithm_config(config: DQNConfig, observation_space: gym.spaces.Box) -> RLlibDQNConfig:
    """Returns RLlib's config for `config`.

    Raises:
        ValueError: if an override sets hidden layers of the heads for images, whose heads have `hidden_sizes`.
    """
    options = config.options
    shape = network_shape(observation_space)
    model = networks.model_options(config, shape)
    if options["head_fcnet_hiddens"]:
        if len(shape) == 3:
            raise ValueError("overrides.head_fcnet_hiddens: the heads of images have the layers of hidden_sizes or network already")
        model |= {name: options[name] for name in ("head_fcnet_hiddens", "head_fcnet_activation")}
    return (
        RLlibDQNConfig()
        .framework("torch")
        .rl_module(model_config=DefaultModelConfig(**model), rl_module_spec=_module_spec(observation_space))
        .training(
            lr=config.learning_rate,
            gamma=config.discount,
            grad_clip=config.max_gradient_norm,
            grad_clip_by="global_norm",
            train_batch_size_per_learner=config.batch_size,
            tau=config.target_update_tau,
            double_q=config.double,
            dueling=options["dueling"],
            n_step=options["n_step"],
            td_error_loss_fn=options["td_error_loss_fn"],
            num_atoms=1,
        )
    )


def _module_spec(observation_space: gym.spaces.Box) -> RLModuleSpec | None:
    """Returns the module for masked observations, or for an image with numbers behind it; None for RLlib's own."""
    if isinstance(observation_space, MaskedBox):
        return RLModuleSpec(module_class=MaskedDQNModule)
    if isinstance(observation_space, ImageAndNumbers):
        return RLModuleSpec(module_class=DefaultDQNTorchRLModule, catalog_class=JoiningDQNCatalog)
    return None


class DQNAgent(Agent):
    """See `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: DQNConfig, *, seed: int, device: str) -> None:
        space, observation_space = env_factory.action_space, env_factory.observation_space
        assert isinstance(observation_space, gym.spaces.Box)
        assert isinstance(space, gym.spaces.Discrete)
        network_seed, replay_seed, loop_seed = split_seed(seed, 3)
        self.config, self.action_space, self.observation_space = config, space, observation_space
        self.learner = LocalLearner(
            algorithm_config(config, observation_space),
            observation_space,
            space,
            adam_epsilon=config.adam_epsilon,
            seed=network_seed,
            device=device,
        )
        options, module = config.options, self.learner.module
        heads = (module.af, module.vf) if options["dueling"] else (module.af,)
        networks.set_initial_weights(np.random.default_rng(network_seed), module.encoder, *heads)
        self._move_target(1.0)
        self.env = env_factory.make_vec(config.num_envs)
        self._plain = config.stores_frames_once
        self.replay: ReplayBuffer | NStepReplay
        if self._plain:
            self.replay = ReplayBuffer(config.replay_capacity, observation_space, space, replay_seed)
        else:
            self.replay = NStepReplay(
                config.replay_capacity,
                config.num_envs,
                observation_space,
                n_step=options["n_step"],
                discount=config.discount,
                alpha=options["prioritized_replay_alpha"] if options["prioritized_replay"] else 0.0,
                beta=options["prioritized_replay_beta"],
                seed=replay_seed,
            )
        self.ones = self.learner.tensor(np.ones(config.batch_size, np.float32))
        self.loop = ReplayLoop(self.env, config, self.replay, loop_seed)
        if len(network_shape(observation_space)) == 1:
            self._record()
        self._pull_weights()

    def learn(self, num_steps: int) -> Metrics:
        """Trains; see `arena.agent.interface.Agent.learn`."""
        if isinstance(self.replay, NStepReplay) and self.env.must_reset:
            self.replay.cut()
        return self.loop.run(num_steps, lambda observations: self.policy.scores(observations), self._train)

    def _train(self, num_updates: int, update_target: bool) -> Mapping[str, float]:
        if isinstance(self.replay, ReplayBuffer):
            self._train_uniformly(self.replay, num_updates)
        else:
            self._train_by_priority(self.replay, num_updates)
        if update_target:
            self._move_target(self.config.target_update_tau)
        self._pull_weights()
        return self.learner.metrics(("qf_loss", "qf_mean", "qf_max", "td_error_mean", "gradient_norm"))

    def _move_target(self, tau: float) -> None:
        for main_net, target_net in self.learner.module.get_target_network_pairs():
            update_target_network(main_net=main_net, target_net=target_net, tau=tau)

    def _record(self) -> None:
        size, space = self.config.batch_size, self.observation_space
        observations, zeros = np.zeros((size, *space.shape), space.dtype), np.zeros(size, np.float32)
        columns = self.columns(observations, zeros.astype(np.int64), zeros, observations, zeros.astype(np.bool_))
        self.learner.record({**columns, "weights": self.ones, "n_step": self.ones})

    def _train_uniformly(self, replay: ReplayBuffer, num_updates: int) -> None:
        sample = replay.sample(num_updates, self.config.batch_size)  # all minibatches at once, [updates, batch, ...]
        columns = self.columns(*sample)
        for index in range(num_updates):
            minibatch = {name: column[index] for name, column in columns.items()}
            self.learner.update({**minibatch, "weights": self.ones, "n_step": self.ones})

    def _train_by_priority(self, replay: NStepReplay, num_updates: int) -> None:
        for _ in range(num_updates):
            indices, weights, num_steps, sample = replay.sample(self.config.batch_size)
            tensor = self.learner.tensor
            self.learner.update({**self.columns(*sample), "weights": tensor(weights), "n_step": tensor(num_steps)})
            errors = self.learner.metric(TD_ERROR_KEY).cpu().numpy()
            if not np.isfinite(errors).all():  # as priorities they would spoil the next draw
                raise TrainingDiverged("the temporal-difference errors are not finite; try a smaller learning_rate")
            replay.update_priorities(indices, errors)

    def columns(self, observations: Array, actions: Array, rewards: Array, next_observations: Array, terminated: Array) -> Batch:
        """Returns transitions `[B, ...]` as a batch with RLlib's column names."""
        learner = self.learner
        return {
            Columns.OBS: learner.observations(observations),
            Columns.ACTIONS: learner.tensor(actions),
            Columns.REWARDS: learner.tensor(rewards),
            Columns.NEXT_OBS: learner.observations(next_observations),
            Columns.TERMINATEDS: learner.tensor(terminated),
        }

    def _pull_weights(self) -> None:
        module = self.learner.module
        head = networks.layers(module.af)
        if self.config.options["dueling"]:
            head = networks.fold_dueling(head, networks.layers(module.vf))
        layers = networks.layers(module.encoder) + head
        self.policy = PolicyNetwork(layers, self.observation_space, self.action_space)

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `int64 [N]` by the module's `forward_inference`."""
        with torch.inference_mode():
            outputs = self.learner.module.forward_inference({Columns.OBS: self.learner.observations(observations)})
        return outputs[Columns.ACTIONS].cpu().numpy()

    def export_policy(self, path: Path) -> None:
        """Writes the greedy policy as one ONNX file."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes everything that exact resume needs."""
        write_arrays(directory / "learner.npz", self.learner.state())
        state = {"loop": self.loop.state(), "replay": self.replay.save(directory)}
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.learner.restore(read_arrays(directory / "learner.npz"))
        state = read_json(directory / "state.json")
        self.loop.restore(state["loop"])
        self.replay.restore(directory, state["replay"])
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments."""
        self.env.close()
