"""The Stable-Baselines3 agents: SB3's own `learn` on the arena's environments, a chunk at a time.

SB3 collects, stores, samples and trains by itself; the arena makes and counts the environments, decides schedules by env steps, and keeps
the whole state, replay buffer and random generators included, in JSON and NumPy files.
"""

import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.metered_env import MeteredEnv
from arena.formats.json import read_json, write_json
from arena.learning.learn_call import LearnCall
from arena.learning.segments import restore_ring, save_ring
from arena.machine.devices import take_torch
from arena.policies.onnx_network import PolicyNetwork
from arena_sb3 import checkpoint
from arena_sb3.algorithms import ALGORITHMS
from arena_sb3.clock import Clock, diverged
from arena_sb3.networks import policy_options
from arena_sb3.private_api import num_updates, set_counters

Array = npt.NDArray[Any]

REPLAY_FIELDS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
"""Arrays of SB3's replay buffer, each `[rows, num_envs, ...]`."""


class SB3Agent(Agent):
    """One of SB3's algorithms; the type of the config says which."""

    def __init__(self, env_factory: EnvFactory, config: NetworkConfig, *, seed: int, device: str) -> None:
        torch.set_num_threads(int(os.environ.get("ARENA_NUM_THREADS", "1")))
        take_torch(torch.cuda, device, "PyTorch")
        space = env_factory.observation_space
        assert isinstance(space, gym.spaces.Box)
        self.config, self.observation_space, self.action_space = config, space, env_factory.action_space
        self._envs = [env_factory.make() for _ in range(config.num_envs)]
        self._vec_env = DummyVecEnv([_maker(env, flat=len(space.shape) == 1) for env in self._envs])
        self._clock = Clock(self._envs[0].meter)
        self._algorithm = ALGORITHMS[type(config)]
        self.model = self._algorithm.make(
            config,
            self._vec_env,
            lambda: self._clock.first_step,
            policy_kwargs=policy_options(config, space),
            seed=seed,
            device=device,
        )
        """SB3's algorithm."""
        self.model.set_logger(Logger(folder=None, output_formats=[]))  # its own makes a folder and writes there

    def learn(self, num_steps: int) -> Metrics:
        """See `arena.agent.interface.Agent.learn`."""
        model, clock, call = self.model, self._clock, LearnCall()
        if any(env.must_reset for env in self._envs):
            model.set_env(self._vec_env, force_reset=True)
        model.logger.name_to_value.clear()
        env_steps, updates = model.num_timesteps, num_updates(model)
        with call:
            try:
                model.learn(num_steps, callback=clock, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
            except ValueError as error:  # PyTorch's distributions refuse parameters that are not finite
                if all(bool(parameter.isfinite().all()) for parameter in model.policy.parameters()):
                    raise
                raise diverged("a weight", float("nan"), model.num_timesteps) from error
            finally:
                call.env_steps = model.num_timesteps - env_steps
        call.learner_steps = (num_updates(model) - updates) * self._steps_per_update()
        call.act_seconds, call.learn_seconds, call.losses = clock.act_seconds, clock.learn_seconds, clock.losses()
        return call.metrics(model.num_timesteps)

    def act(self, observations: Array) -> Array:
        """See `arena.agent.interface.Agent.act`."""
        actions, _ = self.model.predict(observations.reshape(len(observations), -1), deterministic=True)
        space = self.action_space
        return np.clip(actions, space.low, space.high) if isinstance(space, gym.spaces.Box) else actions  # rounding may pass a bound

    def export_policy(self, path: Path) -> None:
        """See `arena.agent.interface.Agent.export_policy`."""
        layers = self._algorithm.layers(self.model)
        PolicyNetwork(layers, self.observation_space, self.action_space, squashed=self._algorithm.squashed).export(path)

    def save(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.save`."""
        model = self.model
        checkpoint.save_tensors(directory, model)
        state = {"num_timesteps": model.num_timesteps, "num_updates": num_updates(model), "rng": checkpoint.generator_states(model)}
        if hasattr(model, "exploration_rate"):
            state["exploration_rate"] = model.exploration_rate
        write_json(directory / "state.json", state)
        if isinstance(model, OffPolicyAlgorithm):
            save_ring(directory, self._replay_arrays(), self._num_vector_steps())

    def restore(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.restore`."""
        model, state = self.model, read_json(directory / "state.json")
        checkpoint.restore_tensors(directory, model)
        checkpoint.restore_generators(model, state["rng"])
        model.num_timesteps = state["num_timesteps"]
        set_counters(model, num_updates=state["num_updates"], num_vector_steps=self._num_vector_steps())
        if hasattr(model, "exploration_rate"):
            model.exploration_rate = state["exploration_rate"]
        if isinstance(model, OffPolicyAlgorithm):
            num_added, buffer = self._num_vector_steps(), model.replay_buffer
            assert buffer is not None
            restore_ring(directory, self._replay_arrays(), num_added)
            buffer.pos, buffer.full = num_added % buffer.buffer_size, num_added >= buffer.buffer_size

    def close(self) -> None:
        """See `arena.agent.interface.Agent.close`."""
        self._vec_env.close()

    def _steps_per_update(self) -> int:
        """Returns the optimizer steps in what SB3 counts as an update: PPO counts epochs."""
        model = self.model
        if isinstance(model, OffPolicyAlgorithm):
            return 1
        return -(-model.n_steps * model.n_envs // model.batch_size)  # the last minibatch of an epoch may be smaller

    def _num_vector_steps(self) -> int:
        return self.model.num_timesteps // self.model.n_envs

    def _replay_arrays(self) -> dict[str, Array]:
        return {name: getattr(self.model.replay_buffer, name) for name in REPLAY_FIELDS}


def _maker(env: MeteredEnv, *, flat: bool) -> Any:
    """Returns the function by which SB3 gets an environment; images are flattened (`arena_sb3.networks.ImageExtractor`)."""
    return lambda: env if flat else gym.wrappers.FlattenObservation(env)
