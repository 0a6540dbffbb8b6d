"""The networks of DDPG, and the functions that keras-rl2's `DDPGAgent` compiled from them, without the Python around them.

`DDPGAgent.backward` calls the targets by `predict_on_batch`, the critic by `train_on_batch`, then its own function of the actor. Here the
functions below these are called directly (`arena_kerasrl.fast_path`). A test holds that the weights come out the same.

keras-rl2 moves the targets in the same call as the gradient step, in no set order with it, so that two equal calls may differ. Here a
call of its own moves them afterwards, by the same rule (`rl.util.get_soft_target_model_updates`).
"""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from tf_keras import backend, models
from tf_keras import layers as keras_layers

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.networks import network_sizes
from arena.policies.onnx_network import initial_weights
from arena_kerasrl.config import KerasRLDDPGConfig
from arena_kerasrl.fast_path import Prepared, arrays_of, name_arrays
from arena_kerasrl.network import prepare
from arena_kerasrl.private_api import make_predict_function, make_train_function
from arena_kerasrl.shim import NEVER, DDPGAgent, SequentialMemory, get_soft_target_model_updates, make_optimizer

Array = npt.NDArray[Any]


def make_networks(num_features: int, num_dimensions: int, config: NetworkConfig, rng: np.random.Generator) -> tuple[Any, Any]:
    """Returns actor and critic as tf_keras models, with weights drawn for the actor first.

    Args:
        num_features: Numbers in an observation, `D`.
        num_dimensions: Numbers in an action, `A`.
        config: Hidden layers and activation of both.
        rng: Generator of the weights.

    Returns:
        The actor from observations `[N, 1, D]` to unscaled actions `[N, A]`, and the critic from actions `[N, A]` and observations
        `[N, 1, D]` to values `[N, 1]`. keras-rl2 gives each observation a window axis, here of length one.
    """
    observations, actions = keras_layers.Input((1, num_features)), keras_layers.Input((num_dimensions,))

    def hidden(inputs: Any) -> Any:
        for size in network_sizes(config, (num_features,)).hidden_sizes:
            inputs = keras_layers.Dense(size, activation=config.activation)(inputs)
        return inputs

    features = keras_layers.Flatten()(observations)
    actor = models.Model(observations, keras_layers.Dense(num_dimensions, activation="tanh")(hidden(features)))
    joined = keras_layers.Concatenate()([features, actions])
    critic = models.Model([actions, observations], keras_layers.Dense(1)(hidden(joined)))
    for model in (actor, critic):
        model.set_weights(initial_weights((kernel.shape for kernel in model.get_weights()[::2]), rng))
    return actor, critic


class DDPGFunctions:
    """keras-rl2's `DDPGAgent`, and the calls of one update.

    Args:
        config: Settings.
        num_features: Numbers in an observation, `D`.
        num_dimensions: Numbers in an action, `A`.
        rng: Generator of the initial weights.
    """

    def __init__(self, config: KerasRLDDPGConfig, num_features: int, num_dimensions: int, rng: np.random.Generator) -> None:
        self._num_features, self._num_dimensions = num_features, num_dimensions
        actor, critic = make_networks(num_features, num_dimensions, config, rng)
        self.agent = DDPGAgent(
            num_dimensions,
            actor,
            critic,
            critic.inputs[0],
            SequentialMemory(limit=1, window_length=1),
            gamma=config.discount,
            batch_size=config.batch_size,
            delta_clip=config.huber_delta or math.inf,
            target_model_update=NEVER,
        )
        # metrics: compile() appends to its default list, which all agents of a process would share.
        self.agent.compile([make_optimizer(config), make_optimizer(config)], metrics=[])
        targets = self.agent.target_actor, self.agent.target_critic
        moves = [
            move
            for target, online in zip(targets, (actor, critic), strict=True)
            for move in get_soft_target_model_updates(target, online, config.target_update_tau)
        ]
        with warnings.catch_warnings():
            # tf_keras' own graph-mode code still reads an attribute that it calls deprecated (engine/training_v1.py).
            warnings.filterwarnings("ignore", "`Model.state_updates` will be removed", UserWarning)
            self._act = Prepared(make_predict_function(actor))
            self._target_act, self._target_values = (Prepared(make_predict_function(target)) for target in targets)
            self._train_critic = Prepared(make_train_function(critic))
            self._train_actor = Prepared(self.agent.actor_train_fn)
            self._move_targets = Prepared(backend.function([], [backend.constant(0.0)], updates=moves))
        self._warm_up(config.batch_size)

    def act(self, observations: Array) -> Array:
        """Returns the actor's unscaled actions `float32 [N, A]` for `observations` `[N, D]`."""
        return self._act(prepare(observations, None))[0]

    def update(
        self, observations: Array, actions: Array, rewards: Array, next_observations: Array, terminated: Array
    ) -> tuple[float, float]:
        """Makes one optimizer step of the critic and one of the actor, as `DDPGAgent.backward` does, then moves the targets.

        Returns:
            The critic's mean loss before its step, and the mean target.
        """
        next_states = prepare(next_observations, None)
        next_values = self._target_values(self._target_act(next_states)[0], next_states)[0][:, 0]  # [B]
        targets = (rewards + self.agent.gamma * (next_values * ~terminated)).astype(np.float32)  # [B]
        states = prepare(observations, None)
        loss = self._train_critic(actions, states, targets[:, None], np.ones(len(targets), np.float32))[0]
        self._train_actor(states)
        self._move_targets()
        return float(loss), float(targets.mean())

    def state(self) -> dict[str, Array]:
        """Returns all weights and the optimizers' variables by name."""
        agent = self.agent
        groups = {name: model.get_weights() for name, model in self._models().items()}
        optimizers = {"actor_optimizer": agent.actor_optimizer, "critic_optimizer": agent.critic.optimizer}
        return name_arrays(groups | {name: optimizer.get_weights() for name, optimizer in optimizers.items()})

    def restore(self, state: dict[str, Array]) -> None:
        """Takes over what `state` returned."""
        for name, model in self._models().items():
            model.set_weights(arrays_of(state, name))
        self.agent.actor_optimizer.set_weights(arrays_of(state, "actor_optimizer"))
        self.agent.critic.optimizer.set_weights(arrays_of(state, "critic_optimizer"))

    def _models(self) -> dict[str, Any]:
        agent = self.agent
        return {
            "actor": agent.actor,
            "critic": agent.critic,
            "target_actor": agent.target_actor,
            "target_critic": agent.target_critic,
        }

    def _warm_up(self, batch_size: int) -> None:
        """Runs every function once, so that TensorFlow prepares its graph now, and leaves no trace."""
        state = self.state()
        observations, actions = np.zeros((batch_size, self._num_features)), np.zeros((batch_size, self._num_dimensions))
        self.act(observations)
        self.update(observations, actions, np.zeros(batch_size), observations, np.zeros(batch_size, np.bool_))
        self.restore(state)
