"""Calls the functions that keras-rl2 compiled, without the Python around them.

`DQNAgent` and `SARSAAgent` train alike: a `trainable_model` takes states, targets and a mask of the chosen actions, and computes the
masked Huber loss. `train_on_batch` spends most of its time on resetting metrics and on standardising inputs; its `train_function`
alone does the same update, and a third of that is looking up, each time anew, which prepared call of the session it has to make: here
it is made directly. A test holds that the weights come out the same.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.images import largest_values
from arena_kerasrl.network import prepare
from arena_kerasrl.private_api import make_predict_function, make_train_function, prepared_call
from arena_kerasrl.shim import DQNAgent, SARSAAgent

Array = npt.NDArray[Any]


class FastPath:
    """The compiled functions of one agent.

    Args:
        agent: compiled. Its optimizer's variables are made here.
        observation_space: space of one environment.
    """

    def __init__(self, agent: DQNAgent | SARSAAgent, observation_space: gym.spaces.Box) -> None:
        self._space, self._largest = observation_space, largest_values(observation_space)
        self._agent = agent
        self._num_actions = agent.nb_actions
        self._target_model = getattr(agent, "target_model", None)
        with warnings.catch_warnings():
            # tf_keras' own graph-mode code still reads an attribute that it calls deprecated (engine/training_v1.py).
            warnings.filterwarnings("ignore", "`Model.state_updates` will be removed", UserWarning)
            self._predict = Prepared(make_predict_function(agent.model))
            self._train = Prepared(make_train_function(agent.trainable_model))
            self._predict_target: Prepared | None = None
            if self._target_model is not None:
                self._predict_target = Prepared(make_predict_function(self._target_model))

    def scores(self, observations: Array) -> Array:
        """Returns the model's values `float32 [N, A]` for `observations` `[N, *obs]`."""
        return self._predict(prepare(observations, self._largest))[0]

    def target_scores(self, observations: Array) -> Array:
        """Returns the target model's values `float32 [N, A]` for `observations` `[N, *obs]`."""
        assert self._predict_target is not None
        return self._predict_target(prepare(observations, self._largest))[0]

    def update(self, observations: Array, actions: Array, targets: Array) -> float:
        """Makes one optimizer step towards `targets` `float32 [N]` for `actions` `[N]`; returns the mean loss before it."""
        rows, count = np.arange(len(actions)), len(actions)
        masks = np.zeros((count, self._num_actions), np.float32)
        masks[rows, actions] = 1.0
        wanted = np.zeros_like(masks)
        wanted[rows, actions] = targets
        ones = np.ones(count, np.float32)  # sample weights of the two outputs
        # Inputs, then the targets of the outputs `loss` and `q`: neither enters the loss, which a Lambda layer computes.
        outputs = self._train(prepare(observations, self._largest), wanted, masks, targets, wanted, ones, ones)
        return float(outputs[0])

    def state(self) -> dict[str, Array]:
        """Returns all weights and the optimizer's variables by name."""
        groups = {"model": self._agent.model.get_weights(), "optimizer": self._agent.trainable_model.optimizer.get_weights()}
        if self._target_model is not None:
            groups["target"] = self._target_model.get_weights()
        return name_arrays(groups)

    def restore(self, state: dict[str, Array]) -> None:
        """Takes over what `state` returned."""
        self._agent.model.set_weights(arrays_of(state, "model"))
        self._agent.trainable_model.optimizer.set_weights(arrays_of(state, "optimizer"))
        if self._target_model is not None:
            self._target_model.set_weights(arrays_of(state, "target"))

    def warm_up(self, *batch_sizes: int) -> None:
        """Runs every function once, so that TensorFlow prepares its graph now, and leaves no trace."""
        state = self.state()
        for batch_size in batch_sizes:
            observations = np.zeros((batch_size, *self._space.shape), self._space.dtype)
            self.scores(observations)
            if self._target_model is not None:
                self.target_scores(observations)
            self.update(observations, np.zeros(batch_size, np.int64), np.zeros(batch_size, np.float32))
        self.restore(state)


def name_arrays(groups: Mapping[str, Sequence[Array]]) -> dict[str, Array]:
    """Returns the arrays of all groups by `GROUP.INDEX`."""
    return {f"{group}.{index}": np.asarray(array) for group, arrays in groups.items() for index, array in enumerate(arrays)}


def arrays_of(state: Mapping[str, Array], group: str) -> list[Array]:
    """Returns the arrays of one group in their order, from what `name_arrays` returned."""
    return [state[f"{group}.{index}"] for index in range(sum(name.startswith(f"{group}.") for name in state))]


class Prepared:
    """A `tf_keras.backend.function`, called without what it checks each time.

    Its first call makes the session's callable for these inputs; the others go there.

    Args:
        function: takes arrays only.
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        self._dtypes = [np.dtype(tensor.dtype.as_numpy_dtype) for tensor in function.inputs]

    def __call__(self, *arrays: Array) -> list[Array]:
        """Returns the outputs for `arrays`, the function's inputs."""
        call = prepared_call(self._function)
        if call is None:
            outputs: list[Array] = self._function(list(arrays))
            return outputs
        values = [
            np.asarray(array, dtype) for array, dtype in zip(arrays, self._dtypes, strict=False)
        ]  # the function has no use for the rest
        return call(*values)
