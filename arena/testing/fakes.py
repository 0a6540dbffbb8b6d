"""Fakes for fast tests without a framework: environments that follow a script, and a small agent that learns, or fails on demand."""

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.agent.hyperparameters import Count, Positive, Unit
from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.agent.spec import AgentSpec
from arena.environments.spaces import MaskedBox, features_of, network_inputs, random_actions
from arena.errors import TrainingDiverged
from arena.formats.json import read_json, write_json
from arena.learning.transitions import Transitions, TransitionStream
from arena.policies.onnx_network import Dense, PolicyNetwork

Array = npt.NDArray[Any]
Script = Sequence[tuple[int, bool]]
"""Episodes of a fake environment, over and over: the length of each, and whether it ends terminated rather than truncated."""


class FakeEnv(gym.Env[Array, np.int64]):
    """Environment whose episodes follow a script; each observation and reward says which step of which episode it belongs to.

    Observation: `float32 [3]`: index, number of the episode (from 0), step in the episode (from 0). Action: `Discrete(2)`; it has no
    effect. Reward: `10_000 * index + 100 * episode + step`, where `step` is 1 in the first step. Seeds have no effect.
    """

    def __init__(self, script: Script = ((5, True), (3, False)), index: int = 0) -> None:
        self.observation_space = gym.spaces.Box(0.0, np.inf, (3,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.script, self.index = script, index
        self._episode, self._step = -1, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begins the next episode of the script."""
        super().reset(seed=seed, options=options)
        self._episode, self._step = self._episode + 1, 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Takes one step."""
        del action
        self._step += 1
        length, terminated = self.script[self._episode % len(self.script)]
        if self._step > length:
            raise RuntimeError(f"step {self._step} of an episode that ended after {length}")
        ended = self._step == length
        reward = 10_000.0 * self.index + 100.0 * self._episode + self._step
        return self._observation(), reward, ended and terminated, ended and not terminated, {}

    def _observation(self) -> Array:
        return np.array([self.index, self._episode, self._step], np.float32)


class FakeVectorEnv(SyncVectorEnv):
    """One `FakeEnv` per script, under Gymnasium's own implementation of the three autoreset modes."""

    def __init__(self, scripts: Sequence[Script], autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP) -> None:
        makers = [lambda script=script, index=index: FakeEnv(script, index) for index, script in enumerate(scripts)]
        super().__init__(makers, autoreset_mode=autoreset_mode)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FakeConfig:
    """Settings of the fake agent."""

    learning_rate: Positive = 0.2
    """Share of the temporal difference that is added to a value."""
    discount: Unit = 0.9
    """Weight of the next step's value."""
    epsilon: Unit = 0.2
    """Probability of a random action."""
    num_envs: Count = 4
    """Number of environments stepped together."""
    fault: Literal["none", "crash", "hang", "exit", "nan"] = "none"
    """Fault in the middle of `learn`: an exception, an endless sleep, the end of the process, or weights that are not numbers."""
    fault_env_steps: Count = 500
    """Number of env steps after which the fault happens."""


class FakeAgent(Agent):
    """Linear Q-learning (Watkins, 1989) in NumPy, without replay; on one-hot observations it is tabular Q-learning."""

    def __init__(self, env_factory: EnvFactory, config: FakeConfig, *, seed: int, device: str) -> None:
        del device  # NumPy has one
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        assert isinstance(actions, gym.spaces.Discrete)
        self.config = config
        self.env_steps = 0
        """Number of env steps that this agent has learned from."""
        self.space = space
        self.weights = np.zeros((network_inputs(space).shape[0], int(actions.n)), np.float32)  # [D, A]
        self.network = PolicyNetwork([Dense(self.weights, np.zeros(int(actions.n), np.float32))], space, actions)
        """Policy network that reads `weights` in place."""
        self.stream = TransitionStream(env_factory.make_vec(config.num_envs))
        self.rng = np.random.default_rng(seed)

    def learn(self, num_steps: int) -> Metrics:
        """Takes at least `num_steps` env steps and learns from each vector step; fails as `FakeConfig.fault` says."""
        self.stream.start()
        end, learner_steps, act_seconds, learn_seconds, loss = self.env_steps + num_steps, 0, 0.0, 0.0, 0.0
        while self.env_steps < end:
            start = time.perf_counter()
            actions = self._explore(self.stream.observations)
            act_seconds += time.perf_counter() - start
            transitions = self.stream.step(actions)
            start = time.perf_counter()
            loss = self.update(transitions)
            learn_seconds += time.perf_counter() - start
            learner_steps += 1
            self.env_steps += self.stream.num_valid
            if self.env_steps >= self.config.fault_env_steps:
                self._fail()
        if not np.isfinite(loss):
            raise TrainingDiverged(f"td is {loss} after {self.env_steps} env steps")
        return Metrics(learner_steps=learner_steps, act_seconds=act_seconds, learn_seconds=learn_seconds, losses={"td": loss})

    def _explore(self, observations: Array) -> Array:
        count, num_actions = len(observations), self.weights.shape[1]
        explore = self.rng.random(count) < self.config.epsilon
        if isinstance(self.space, MaskedBox):
            random = random_actions(self.rng, self.space.split(observations)[1])
        else:
            random = self.rng.integers(0, num_actions, count)
        return np.where(explore, random, self.network.actions(observations))

    def update(self, transitions: Transitions) -> float:
        """Moves values towards their targets and returns the mean squared temporal difference."""
        t = transitions
        rows, features = np.arange(len(t.actions)), features_of(self.space, t.observations)
        targets = t.rewards + np.float32(self.config.discount) * self.network.scores(t.next_observations).max(-1) * ~t.terminated  # [N]
        errors = (targets - self.network.scores(t.observations)[rows, t.actions]) * t.valid  # [N]
        gradients = np.zeros((len(rows), self.weights.shape[1]), np.float32)  # [N, A]
        gradients[rows, t.actions] = errors / np.maximum(1.0, np.square(features).sum(-1))  # so that large observations do not diverge
        self.weights += np.float32(self.config.learning_rate) * features.T @ gradients
        return float(np.mean(errors**2))

    def _fail(self) -> None:
        if self.config.fault == "crash":
            raise RuntimeError(f"the fake agent crashes after {self.env_steps} env steps, as its config asks")
        if self.config.fault == "exit":
            os._exit(13)
        while self.config.fault == "hang":
            time.sleep(1.0)
        if self.config.fault == "nan":
            self.weights.fill(np.nan)

    def act(self, observations: Array) -> Array:
        """Returns the actions of highest value, `[N]`."""
        return self.network.actions(observations)

    def export_policy(self, path: Path) -> None:
        """Writes a policy of one dense layer."""
        self.network.export(path)

    def save(self, directory: Path) -> None:
        """Writes the weights, the number of env steps and the state of the random number generator."""
        with (directory / "weights.npz").open("wb") as file:
            np.savez(file, weights=self.weights)
        write_json(directory / "state.json", {"env_steps": self.env_steps, "rng": self.rng.bit_generator.state})

    def restore(self, directory: Path) -> None:
        """Reads the files that `save` wrote."""
        with np.load(directory / "weights.npz", allow_pickle=False) as arrays:
            self.weights[:] = arrays["weights"]
        state: Mapping[str, Any] = read_json(directory / "state.json")
        self.env_steps, self.rng.bit_generator.state = state["env_steps"], state["rng"]

    def close(self) -> None:
        """Closes the environments."""
        self.stream.env.close()


FAKE_AGENT = AgentSpec(
    id="fake",
    entry_point="arena.testing.fakes:FakeAgent",
    config=FakeConfig,
    framework="NumPy",
    algorithm="q-learning",
    modules=frozenset(),
    distributions=("numpy",),
    action_masks=True,
)
