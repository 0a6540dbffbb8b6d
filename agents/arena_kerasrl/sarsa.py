"""SARSA by keras-rl2's `SARSAAgent`: its model, loss and update, driven from outside on vectorised environments.

Rummery and Niranjan, 1994, CUED/F-INFENG/TR 166. On-policy one-step learning with a network, without replay and without a target
network. Differs from keras-rl2: the bootstrap is masked by the terminal of the transition itself (see the README).
"""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.learn_call import LearnCall
from arena.learning.transitions import Transitions, TransitionStream
from arena.seeding import split_seed
from arena_kerasrl.config import KerasRLSARSAConfig
from arena_kerasrl.fast_path import FastPath
from arena_kerasrl.network import make_model, policy_network
from arena_kerasrl.shim import SARSAAgent, keep_session, leave_session, make_optimizer, start_session

Array = npt.NDArray[Any]


class SARSA(Agent):
    """keras-rl2's `SARSAAgent` as an arena agent."""

    def __init__(self, env_factory: EnvFactory, config: KerasRLSARSAConfig, *, seed: int, device: str) -> None:
        start_session(device)
        self._config = config
        self._spaces = (env_factory.observation_space, env_factory.action_space)
        weight_seed, exploration_seed = split_seed(seed, 2)
        observation_space, self._num_actions = env_factory.observation_space, int(env_factory.action_space.n)
        model = make_model(observation_space, self._num_actions, config, np.random.default_rng(weight_seed))
        self.agent = SARSAAgent(model, nb_actions=self._num_actions, gamma=config.discount, delta_clip=config.huber_delta or math.inf)
        keep_session(self.agent)
        # metrics: compile() appends to its default list, which all agents of a process would share.
        self.agent.compile(make_optimizer(config), metrics=[])
        self.fast_path = FastPath(self.agent, observation_space)
        self.fast_path.warm_up(config.num_envs)
        self._stream = TransitionStream(env_factory.make_vec(config.num_envs))
        self._rng = np.random.default_rng(exploration_seed)
        self._env_steps = 0
        self._actions: Array = np.zeros(config.num_envs, np.int64)  # [N], for the stream's observations

    def learn(self, num_steps: int) -> Metrics:
        """Trains for about `num_steps` env steps: one update after each vector step.

        Raises:
            BudgetExhausted: if the budget does not allow a single vector step.
            TrainingDiverged: when the loss is not finite.
        """
        stream = self._stream
        if stream.start():
            self._actions = self._choose(self.fast_path.scores(stream.observations))
        call = LearnCall()
        with call:
            while call.env_steps < num_steps:
                transitions = stream.step(self._actions)
                self._env_steps += stream.num_valid
                call.env_steps += stream.num_valid
                start = time.perf_counter()
                next_scores = self.fast_path.scores(transitions.next_observations)  # [N, A]
                next_actions = self._choose(next_scores)  # [N]
                acted = time.perf_counter()
                if stream.num_valid:
                    loss, target = self.update(transitions, next_scores, next_actions)
                    call.losses = {"huber": loss, "target": target}
                    call.learner_steps += 1
                learned = time.perf_counter()
                self._actions = self._restart(transitions, next_actions)
                call.act_seconds += acted - start + time.perf_counter() - learned
                call.learn_seconds += learned - acted
        return call.metrics(self._env_steps)

    def _choose(self, scores: Array) -> Array:
        """Returns epsilon-greedy actions `[N]` for `scores` `[N, A]`."""
        explore = self._rng.random(len(scores)) < self._config.epsilon(self._env_steps)
        return np.where(explore, self._rng.integers(0, self._num_actions, len(scores)), scores.argmax(-1))

    def update(self, transitions: Transitions, next_scores: Array, next_actions: Array) -> tuple[float, float]:
        """Makes one optimizer step on the valid rows, averaged over them; returns the loss before it and the mean target.

        Args:
            transitions: Transitions of one vector step, N rows.
            next_scores: Scores of `transitions.next_observations`, `[N, A]`.
            next_actions: `[N]`, chosen by the policy there, and taken next unless the episode ended.
        """
        next_values = next_scores[np.arange(len(next_scores)), next_actions]  # [N]
        targets = (transitions.rewards + self.agent.gamma * (next_values * ~transitions.terminated)).astype(np.float32)
        valid = transitions.valid
        loss = self.fast_path.update(transitions.observations[valid], transitions.actions[valid], targets[valid])
        return loss, float(targets[valid].mean())

    def _restart(self, transitions: Transitions, next_actions: Array) -> Array:
        """Returns `next_actions`, drawn anew where an episode ended: there the next observation is another."""
        ended = transitions.terminated | transitions.truncated
        if not ended.any():
            return next_actions
        return np.where(ended, self._choose(self.fast_path.scores(self._stream.observations)), next_actions)

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N]` by the Keras model."""
        return self.fast_path.scores(observations).argmax(-1)

    def export_policy(self, path: Path) -> None:
        """Writes the network as an ONNX file."""
        policy_network(self.agent.model.get_weights(), *self._spaces, self._config).export(path)

    def save(self, directory: Path) -> None:
        """Writes weights, optimizer, generator and counter."""
        write_arrays(directory / "weights.npz", self.fast_path.state())
        write_json(directory / "state.json", {"env_steps": self._env_steps, "rng": self._rng.bit_generator.state})

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.fast_path.restore(read_arrays(directory / "weights.npz"))
        state = read_json(directory / "state.json")
        self._env_steps = state["env_steps"]
        self._rng.bit_generator.state = state["rng"]

    def close(self) -> None:
        """Closes the environments, and leaves TensorFlow's session."""
        leave_session(self.agent)
        self._stream.env.close()
