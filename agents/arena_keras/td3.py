"""Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477) on Keras 3. Differs: updates in bursts.

All noise is drawn in NumPy, that of the updates with the minibatches, so that one seed gives the same noise on every backend.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from keras import ops

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.environments.spaces import scale_actions
from arena.formats.json import read_json, write_json
from arena.learning.noisy_actions import noisy_actions
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork, squashed_mean
from arena.policies.parity import PARITY_BATCH_SIZE
from arena.seeding import split_seed
from arena_keras.actor_critic import Burst, Critics, polyak
from arena_keras.config import KerasTD3Config
from arena_keras.engine import Engine
from arena_keras.learner import Adam, LearnerState
from arena_keras.networks import Network

Array = npt.NDArray[Any]

STATISTICS = ("critic_loss", "actor_loss", "q_value")


class TD3State(NamedTuple):
    """Everything that an update changes."""

    actor: LearnerState
    critics: LearnerState
    """Both critics, one after the other."""
    target_actor: list[Any]
    target_critics: list[Any]


class TD3(Agent):
    """Deterministic actor-critic from replayed transitions, with noise on actions and on targets."""

    def __init__(self, env_factory: EnvFactory, config: KerasTD3Config, *, seed: int, device: str) -> None:
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        assert isinstance(actions, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self.config, self.observation_space, self.action_space = config, space, actions
        self._size = actions.shape[0]  # A
        self._rng = np.random.default_rng(noise_seed)
        self.engine = Engine(device, compile_torch=config.compile)
        with self.engine.scope():
            self._actor = Network(space, self._size, config)
            critics = Critics(space.shape[0] + self._size, config)
        step, state = make_td3(self.engine, self._actor, critics, np.random.default_rng(network_seed), config)
        self.burst = Burst(self.engine, step, state, STATISTICS)
        self.env = env_factory.make_vec(config.num_envs)
        self.replay = ReplayBuffer(config.replay_capacity, space, actions, replay_seed)
        self._loop = ReplayLoop(self.env, config, self.replay, loop_seed)
        self.burst.compile(self._dummy_batches())
        self._forward = self.engine.forward(lambda parameters, observations: ops.tanh(self._actor(parameters, observations)))
        self.pull_policy()
        self.act(np.zeros((PARITY_BATCH_SIZE, *space.shape), space.dtype))  # compiles

    def learn(self, num_steps: int) -> Metrics:
        """See `arena.agent.interface.Agent.learn`."""
        return self._loop.run(num_steps, self.draw_actions, self._update)

    def act(self, observations: Array) -> Array:
        """See `arena.agent.interface.Agent.act`."""
        return scale_actions(self.action_space, self._forward(self.burst.state.actor.parameters, self.engine.feed(observations)))

    def export_policy(self, path: Path) -> None:
        """See `arena.agent.interface.Agent.export_policy`."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.save`."""
        self.burst.save(directory / "learner.npz")
        replay = self.replay.save(directory)
        write_json(directory / "state.json", {"loop": self._loop.state(), "replay": replay, "noise": self._rng.bit_generator.state})

    def restore(self, directory: Path) -> None:
        """See `arena.agent.interface.Agent.restore`."""
        state = read_json(directory / "state.json")
        self.burst.restore(directory / "learner.npz")
        self.replay.restore(directory, state["replay"])
        self._loop.restore(state["loop"])
        self._rng.bit_generator.state = state["noise"]
        self.pull_policy()

    def close(self) -> None:
        """See `arena.agent.interface.Agent.close`."""
        self.env.close()

    def pull_policy(self) -> None:
        """Fetches the actor's weights into the NumPy network that acts and is exported."""
        layers = self._actor.policy_layers(self.engine.get(self.burst.state.actor.parameters))
        self.policy = PolicyNetwork(squashed_mean(layers, self._size), self.observation_space, self.action_space, squashed=True)

    def draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`: the policy's with noise, within [-1, 1]."""
        return noisy_actions(self.policy.scores(observations), self.config.exploration_noise, self._rng)

    def _update(self, num_updates: int, _: bool) -> dict[str, float]:
        shape = self._shape(num_updates)
        noise = self._rng.standard_normal((*shape, self._size), np.float32)
        losses = self.burst.update((*self.replay.sample(*shape), noise))
        self.pull_policy()
        return losses

    def _shape(self, num_updates: int) -> tuple[int, int, int]:
        """Returns the shape of a burst's minibatches: updates of the actor, updates of the critics for each of them, transitions."""
        delay = self.config.policy_delay
        return num_updates // delay, delay, self.config.batch_size

    def _dummy_batches(self) -> tuple[Array, ...]:
        shape = self._shape(self.config.num_updates)
        observations = np.zeros((*shape, *self.observation_space.shape), np.float32)
        actions, rewards = np.zeros((*shape, self._size), np.float32), np.zeros(shape, np.float32)
        return observations, actions, rewards, observations, np.zeros(shape, np.bool_), actions


def make_td3(
    engine: Engine, actor: Network, critics: Critics, rng: np.random.Generator, config: KerasTD3Config
) -> tuple[Callable[[TD3State, tuple[Any, ...]], tuple[TD3State, Any]], TD3State]:
    """Returns one update of the actor, with those of the critics before it, as a pure function; and the initial state.

    It takes `policy_delay` minibatches of `arena.learning.replay.ReplayBuffer`, then standard normal noise for their next actions,
    `[policy_delay, B, ...]`. The actor learns from the last of them, by the new critics; the target networks move last. A truncated
    transition is bootstrapped, a terminated one is not.
    """
    first = (actor.initial_parameters(rng), critics.initial_parameters(rng))
    of_actor, of_critics = (Adam(engine, parameters, config) for parameters in first)

    def actor_loss(parameters: list[Any], critic_parameters: list[Any], observations: Any) -> tuple[Any, tuple[()]]:
        values, _ = critics(critic_parameters, observations, ops.tanh(actor(parameters, observations)))
        return -ops.mean(values), ()

    critics_gradient, actor_gradient = engine.value_and_grad(critics.loss), engine.value_and_grad(actor_loss)

    def critics_step(state: TD3State, batch: tuple[Any, ...]) -> tuple[LearnerState, Any, Any]:
        observations, actions, rewards, next_observations, terminated, noise = batch
        noise = ops.clip(config.target_noise * noise, -config.target_noise_clip, config.target_noise_clip)
        next_actions = ops.clip(ops.tanh(actor(state.target_actor, next_observations)) + noise, -1.0, 1.0)
        next_values = critics.lower(state.target_critics, next_observations, next_actions)  # [B]
        targets = rewards + config.discount * (1.0 - ops.cast(terminated, "float32")) * next_values
        (loss, q_value), gradients = critics_gradient(state.critics.parameters, observations, actions, targets)
        return of_critics.step(state.critics, gradients), loss, q_value

    def step(state: TD3State, batches: tuple[Any, ...]) -> tuple[TD3State, Any]:
        critic_loss = q_value = 0.0
        for index in range(config.policy_delay):
            new_critics, loss, value = critics_step(state, tuple(field[index] for field in batches))
            state = state._replace(critics=new_critics)
            critic_loss, q_value = critic_loss + loss / config.policy_delay, q_value + value / config.policy_delay
        (loss, _), gradients = actor_gradient(state.actor.parameters, state.critics.parameters, batches[0][-1])
        new_actor = of_actor.step(state.actor, gradients)
        target_actor = polyak(state.target_actor, new_actor.parameters, config.target_update_tau)
        target_critics = polyak(state.target_critics, state.critics.parameters, config.target_update_tau)
        return TD3State(new_actor, state.critics, target_actor, target_critics), ops.stack([critic_loss, loss, q_value])

    return step, TD3State(of_actor.initial, of_critics.initial, *first)
