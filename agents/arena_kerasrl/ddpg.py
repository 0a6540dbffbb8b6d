"""Deep deterministic policy gradients by keras-rl2's `DDPGAgent`, driven by the arena's loop instead of its `fit`.

Lillicrap et al., 2015, arXiv:1509.02971. Differs from the paper: bursts of updates, vectorised environments, and independent Gaussian noise
on actions instead of an Ornstein-Uhlenbeck process.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np

from arena.agent.interface import Agent, Array, EnvFactory, Metrics
from arena.environments.spaces import scale_actions
from arena.formats.json import read_json, write_json
from arena.formats.npz import read_arrays, write_arrays
from arena.learning.noisy_actions import noisy_actions
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.policies.onnx_network import PolicyNetwork, network_layers, squashed_mean
from arena.seeding import split_seed
from arena_kerasrl.config import KerasRLDDPGConfig
from arena_kerasrl.ddpg_functions import DDPGFunctions
from arena_kerasrl.shim import keep_session, leave_session, start_session


class DDPG(Agent):
    """keras-rl2's `DDPGAgent` as an arena agent; see `arena.agent.interface.Agent`."""

    def __init__(self, env_factory: EnvFactory, config: KerasRLDDPGConfig, *, seed: int, device: str) -> None:
        start_session(device)
        space, actions = env_factory.observation_space, env_factory.action_space
        assert isinstance(space, gym.spaces.Box)
        assert isinstance(actions, gym.spaces.Box)
        network_seed, replay_seed, loop_seed, noise_seed = split_seed(seed, 4)
        self._config, self._observation_space, self._action_space = config, space, actions
        self.functions = DDPGFunctions(config, space.shape[0], actions.shape[0], np.random.default_rng(network_seed))
        keep_session(self.functions.agent)
        self.replay = ReplayBuffer(config.replay_capacity, space, actions, replay_seed)
        self._loop = ReplayLoop(env_factory.make_vec(config.num_envs), config, self.replay, loop_seed)
        self._noise_rng = np.random.default_rng(noise_seed)
        self._pull_weights()

    def _pull_weights(self) -> None:
        """Fetches the actor's weights into the NumPy network that acts in training and is exported."""
        layers = network_layers(self.functions.agent.actor.get_weights(), self._config.activation, ())
        layers = squashed_mean(layers, self._action_space.shape[0])
        self.policy = PolicyNetwork(layers, self._observation_space, self._action_space, squashed=True)

    def learn(self, num_steps: int) -> Metrics:
        """Trains for at least `num_steps` env steps."""
        return self._loop.run(num_steps, self._draw_actions, self._burst)

    def _draw_actions(self, observations: Array) -> Array:
        """Returns unscaled actions `float32 [N, A]` for `observations` `[N, *obs]`: the policy's with noise, within [-1, 1]."""
        return noisy_actions(self.policy.scores(observations), self._config.exploration_noise, self._noise_rng)

    def _burst(self, num_updates: int, update_target: bool) -> dict[str, float]:
        del update_target  # the targets move with every update
        found = [self.functions.update(*self.replay.sample(self._config.batch_size)) for _ in range(num_updates)]
        self._pull_weights()
        loss, target = np.mean(found, axis=0)
        return {"critic_loss": float(loss), "target": float(target)}

    def act(self, observations: Array) -> Array:
        """Returns the actions `[N, *act]` of the Keras actor, scaled to the bounds."""
        return scale_actions(self._action_space, self.functions.act(observations))

    def export_policy(self, path: Path) -> None:
        """Writes the actor as an ONNX file."""
        self.policy.export(path)

    def save(self, directory: Path) -> None:
        """Writes weights, optimizers, replay, generators and counters."""
        write_arrays(directory / "weights.npz", self.functions.state())
        state = {"loop": self._loop.state(), "replay": self.replay.save(directory), "noise": self._noise_rng.bit_generator.state}
        write_json(directory / "state.json", state)

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.functions.restore(read_arrays(directory / "weights.npz"))
        state = read_json(directory / "state.json")
        self._loop.restore(state["loop"])
        self.replay.restore(directory, state["replay"])
        self._noise_rng.bit_generator.state = state["noise"]
        self._pull_weights()

    def close(self) -> None:
        """Closes the environments, and leaves TensorFlow's session."""
        leave_session(self.functions.agent)
        self._loop.env.close()
