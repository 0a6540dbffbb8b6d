"""DQN by keras-rl2's `DQNAgent`: its models, loss and target rule, driven by the arena's loop instead of its `fit`.

Mnih et al., 2015, doi:10.1038/nature14236. Differs from the paper: Adam, bursts of updates, vectorised environments.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.seeding import split_seed
from arena_kerasrl.config import KerasRLDQNConfig
from arena_kerasrl.fast_path import FastPath
from arena_kerasrl.memory import KerasRLReplay
from arena_kerasrl.network import make_model, policy_network
from arena_kerasrl.shim import NEVER, DQNAgent, SequentialMemory, keep_session, leave_session, make_optimizer, start_session

Array = npt.NDArray[Any]


class DQN(Agent):
    """keras-rl2's `DQNAgent` as an arena agent."""

    def __init__(self, env_factory: EnvFactory, config: KerasRLDQNConfig, *, seed: int, device: str) -> None:
        start_session(device)
        self._config = config
        self._spaces = (env_factory.observation_space, env_factory.action_space)
        weight_seed, replay_seed, loop_seed = split_seed(seed, 3)
        observation_space, num_actions = env_factory.observation_space, int(env_factory.action_space.n)
        env = env_factory.make_vec(config.num_envs)
        self.replay = (
            KerasRLReplay(config.replay_capacity, replay_seed)
            if config.replay == "keras_rl"
            else ReplayBuffer(config.replay_capacity, observation_space, env_factory.action_space, replay_seed)
        )
        self.agent = DQNAgent(
            make_model(observation_space, num_actions, config, np.random.default_rng(weight_seed)),
            nb_actions=num_actions,
            memory=self.replay.memory if isinstance(self.replay, KerasRLReplay) else SequentialMemory(limit=1, window_length=1),
            enable_double_dqn=config.double,
            gamma=config.discount,
            batch_size=config.batch_size,
            target_model_update=NEVER,
            delta_clip=config.huber_delta or math.inf,
        )
        keep_session(self.agent)
        # metrics: compile() appends to its default list, which all agents of a process would share.
        self.agent.compile(make_optimizer(config), metrics=[])
        self.fast_path = FastPath(self.agent, observation_space)
        self.fast_path.warm_up(config.batch_size)
        self._loop = ReplayLoop(env, config, self.replay, loop_seed)
        self._pull_weights()

    def _pull_weights(self) -> None:
        self.network = policy_network(self.agent.model.get_weights(), *self._spaces, self._config)

    def learn(self, num_steps: int) -> Metrics:
        """Trains for about `num_steps` env steps."""
        if isinstance(self.replay, KerasRLReplay) and self._loop.env.must_reset:
            self.replay.cut()
        return self._loop.run(num_steps, lambda observations: self.network.scores(observations), self._burst)

    def _burst(self, num_updates: int, update_target: bool) -> Mapping[str, float]:
        losses, targets = [], []
        for _ in range(num_updates):
            loss, mean_target = self.update(*self.replay.sample(self._config.batch_size))
            losses.append(loss)
            targets.append(mean_target)
        if update_target:
            self.update_target_model()
        self._pull_weights()
        return {"huber": float(np.mean(losses)), "target": float(np.mean(targets))}

    def update(
        self, observations: Array, actions: Array, rewards: Array, next_observations: Array, terminated: Array
    ) -> tuple[float, float]:
        """Makes one optimizer step, as `DQNAgent.backward` does; returns the loss and the mean target."""
        scores = self.fast_path.target_scores(next_observations)  # [B, A]
        if self.agent.enable_double_dqn:
            next_values = scores[np.arange(len(scores)), self.fast_path.scores(next_observations).argmax(1)]  # [B]
        else:
            next_values = scores.max(1)
        targets = (rewards + self.agent.gamma * (next_values * ~terminated)).astype(np.float32)  # [B]
        return self.fast_path.update(observations, actions, targets), float(targets.mean())

    def update_target_model(self) -> None:
        """Moves the target model's weights towards the model's, by `target_update_tau`."""
        tau = self._config.target_update_tau
        if tau == 1.0:
            self.agent.update_target_model_hard()
            return
        pairs = zip(self.agent.model.get_weights(), self.agent.target_model.get_weights(), strict=True)
        self.agent.target_model.set_weights([tau * online + (1.0 - tau) * target for online, target in pairs])

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N]` by the Keras model."""
        return self.fast_path.scores(observations).argmax(-1)

    def export_policy(self, path: Path) -> None:
        """Writes the online network as an ONNX file."""
        self.network.export(path)

    def save(self, directory: Path) -> None:
        """Writes weights, optimizer, replay, generators and counters."""
        write_arrays(directory / "weights.npz", self.fast_path.state())
        write_json(directory / "state.json", {"loop": self._loop.state(), "replay": self.replay.save(directory)})

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.fast_path.restore(read_arrays(directory / "weights.npz"))
        state = read_json(directory / "state.json")
        self._loop.restore(state["loop"])
        self.replay.restore(directory, state["replay"])
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments, and leaves TensorFlow's session."""
        leave_session(self.agent)
        self._loop.env.close()
