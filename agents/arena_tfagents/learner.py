"""A TF-Agents agent from a config, and its training step compiled so that one call makes a whole burst of updates.

Loss, network, optimizer, target network and greedy policy are TF-Agents' (and tf_keras') own. The burst is one XLA program with a
loop over `agent.train`, because dispatching each update costs more than computing it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.networks import network_sizes
from arena.environments.images import largest_values
from arena.environments.spaces import ImageAndNumbers, MaskedBox, network_inputs, network_shape
from arena.policies.onnx_network import Conv, Dense, initial_weights, network_layers
from arena_tfagents.actor_critic import make_slots
from arena_tfagents.config import C51Config, TFAgentsDQNConfig
from arena_tfagents.framework import (
    BoundedTensorSpec,
    CategoricalDqnAgent,
    CategoricalQNetwork,
    DdqnAgent,
    DqnAgent,
    QNetwork,
    StepType,
    TimeStep,
    element_wise_huber_loss,
    tf,
    time_step_spec,
)
from arena_tfagents.image_joining import ImageJoiningNumbers
from arena_tfagents.private_api import online_variables, optimizer, target_update_counter, target_variables
from arena_tfagents.trajectories import scaled, trajectories

Array = npt.NDArray[Any]


class Learner:
    """Owns the weights.

    Args:
        config: Settings of DQN or C51.
        observation_space: Space of one environment.
        action_space: Space of one environment.
        rng: draws the initial weights.
    """

    def __init__(
        self, config: TFAgentsDQNConfig, observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, rng: np.random.Generator
    ) -> None:
        self.config = config
        self._largest = largest_values(observation_space)
        self._sizes = network_sizes(config, network_shape(observation_space))
        self.agent = make_agent(config, observation_space, action_space)
        for variable, weights in zip(self._weights, initial_weights((kernel.shape for kernel in self._weights[::2]), rng), strict=True):
            variable.assign(weights)
        self.agent.initialize()
        make_slots(optimizer(self.agent), self._weights)
        self._compile(tf.TensorSpec(observation_space.shape, observation_space.dtype))

    @property
    def _weights(self) -> list[tf.Variable]:
        return online_variables(self.agent)

    def _compile(self, observation: tf.TensorSpec) -> None:
        batches = (self.config.num_updates, self.config.batch_size)
        observations = tf.TensorSpec((*batches, *observation.shape), observation.dtype)
        actions, rewards, terminated = (tf.TensorSpec(batches, dtype) for dtype in (tf.int64, tf.float32, tf.bool))
        signature = [observations, actions, rewards, observations, terminated]
        any_number = tf.TensorSpec((None, *observation.shape), observation.dtype)
        # TF-Agents' training step has no Python control flow over tensors. Autograph would take 7 more CPU-seconds to find that out.
        # XLA's convolutions on CPUs are slower than TensorFlow's own, inside a loop twenty times.
        is_slow = bool(self._sizes.conv_layers) and not tf.config.get_visible_devices("GPU")
        self._train = tf.function(self._train_burst, input_signature=signature, jit_compile=not is_slow, autograph=False)
        self._act = tf.function(self._greedy_actions, input_signature=[any_number], autograph=False)
        initial = self.arrays()
        self._train(*(tf.zeros(spec.shape, spec.dtype) for spec in signature))
        self.assign(initial)
        self._act(tf.zeros((1, *observation.shape), observation.dtype))

    def _train_burst(self, *batches: tf.Tensor) -> dict[str, tf.Tensor]:
        def train(index: tf.Tensor, losses: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            info = self.agent.train(trajectories(*(batch[index] for batch in batches), largest=self._largest))
            update = {"loss": info.loss}
            if "td_error" in losses:
                update["td_error"] = tf.reduce_mean(tf.abs(info.extra.td_error))
            return index + 1, {name: losses[name] + update[name] for name in losses}

        num_updates = self.config.num_updates
        names = ("loss",) if isinstance(self.config, C51Config) else ("loss", "td_error")  # CategoricalDqnAgent gives no TD error
        start = (tf.constant(0), {name: tf.constant(0.0) for name in names})
        _, losses = tf.while_loop(lambda index, _: index < num_updates, train, start)
        return {name: loss / num_updates for name, loss in losses.items()}

    def _greedy_actions(self, observations: tf.Tensor) -> tf.Tensor:
        ones = tf.ones(tf.shape(observations)[:1])
        step_type = tf.fill(tf.shape(ones), StepType.FIRST)
        time_step = TimeStep(step_type=step_type, reward=0.0 * ones, discount=ones, observation=scaled(observations, self._largest))
        return self.agent.policy.action(time_step).action

    def update(self, *batches: Array) -> dict[str, float]:
        """Makes `num_updates` optimizer steps.

        TF-Agents copies the weights into the target network by itself, after every `num_updates * target_update_bursts` steps.

        Args:
            batches: observations, actions, rewards, next observations and terminated, each `[num_updates, batch_size, ...]`.

        Returns:
            The mean over these steps of `loss`, and for DQN of `td_error` (absolute).
        """
        return {name: float(loss) for name, loss in self._train(*batches).items()}

    def act(self, observations: Array) -> Array:
        """Returns the actions `int64 [N]` of TF-Agents' greedy policy for `observations` `[N, *obs]`."""
        return np.asarray(self._act(observations).numpy())

    def layers(self) -> list[Dense | Conv]:
        """Returns the online network's present weights."""
        weights = [variable.numpy() for variable in self._weights]
        return network_layers(weights, self.config.activation, (stride for _, _, stride in self._sizes.conv_layers))

    def _variables(self) -> dict[str, tf.Variable]:
        agent, adam, weights = self.agent, optimizer(self.agent), self._weights
        return {
            **{f"online_{i}": variable for i, variable in enumerate(weights)},
            **{f"target_{i}": variable for i, variable in enumerate(target_variables(agent))},
            **{f"adam_{slot}_{i}": adam.get_slot(variable, slot) for slot in ("m", "v") for i, variable in enumerate(weights)},
            "adam_iterations": adam.iterations,
            "train_steps": agent.train_step_counter,
            "target_update_counter": target_update_counter(agent),
        }

    def arrays(self) -> dict[str, Array]:
        """Returns copies of all that training changes: weights, target weights, Adam's moments and the counters."""
        return {name: np.array(variable.numpy()) for name, variable in self._variables().items()}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` returned."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])


def make_agent(config: TFAgentsDQNConfig, observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, **further: Any) -> DqnAgent:
    """Returns TF-Agents' agent, with weights that are still to be set; `further` arguments go to it."""
    time_steps = time_step_spec(tf.TensorSpec(observation_space.shape, tf.float32))
    observation = tf.TensorSpec(network_inputs(observation_space).shape, tf.float32)
    actions = BoundedTensorSpec((), tf.int64, 0, int(action_space.n) - 1)
    sizes = network_sizes(config, network_shape(observation_space))
    network: dict[str, Any] = {
        "conv_layer_params": sizes.conv_layers or None,
        "fc_layer_params": sizes.hidden_sizes,
        "activation_fn": _tanh_after_dense if config.activation == "tanh" else tf.nn.relu,
    }
    if isinstance(observation_space, ImageAndNumbers):
        network["conv_layer_params"] = None
        network["preprocessing_layers"] = ImageJoiningNumbers(observation_space.image_shape, sizes.conv_layers)
    options: dict[str, Any] = {
        # The legacy Adam gives its moments by variable (`get_slot`), so that they are saved by name. It clips by the global norm;
        # DqnAgent's own `gradient_clipping` is per variable.
        "optimizer": tf.keras.optimizers.legacy.Adam(
            config.learning_rate, epsilon=config.adam_epsilon, global_clipnorm=config.max_gradient_norm
        ),
        "gamma": config.discount,
        "target_update_period": config.target_update_bursts * config.num_updates,  # in optimizer steps
        "target_update_tau": config.target_update_tau,
        "train_step_counter": tf.Variable(0, dtype=tf.int64),
        **config.overrides,
        **further,
    }
    if isinstance(observation_space, MaskedBox):
        options["observation_and_action_constraint_splitter"] = splitter(observation_space.num_features, observation_space.num_actions)
    if isinstance(config, C51Config):
        categorical = CategoricalQNetwork(observation, actions, num_atoms=config.num_atoms, **network)
        return CategoricalDqnAgent(
            time_steps, actions, categorical, min_q_value=config.min_q_value, max_q_value=config.max_q_value, **options
        )
    agent_class = DdqnAgent if config.double else DqnAgent
    return agent_class(time_steps, actions, QNetwork(observation, actions, **network), td_errors_loss_fn=element_wise_huber_loss, **options)


def splitter(num_features: int, num_actions: int) -> Callable[[Any], tuple[Any, Any]]:
    """Returns TF-Agents' way of telling an observation, or its spec, from its action mask."""

    def split(observation: Any) -> tuple[Any, Any]:
        if isinstance(observation, tf.TensorSpec):
            return tf.TensorSpec((num_features,), tf.float32), tf.TensorSpec((num_actions,), tf.bool)
        return observation[..., :num_features], observation[..., num_features:] > 0.5

    return split


def _tanh_after_dense(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(x) if x.shape.rank == 4 else tf.tanh(x)  # QNetwork has one activation for both; convolutions have relu here
