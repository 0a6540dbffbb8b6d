"""The floor of a training run: the time of its environment steps alone, and of the arithmetic of its updates in NumPy's BLAS.

The arithmetic is what every implementation must do: the matrix products of the forward and backward passes, bias and activation, and one
pass of Adam over all parameters, in float32 and in buffers made beforehand. Acting, replay, losses, advantages and the dispatch of a
framework are left out, so an implementation hardly reaches the floor.
"""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import NetworkConfig
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.vectorize import make_vec_env

Array = npt.NDArray[Any]

CLOCKS = ("wall_seconds", "cpu_seconds")
NUM_REPETITIONS = 40
"""Number of short repetitions; the fastest is taken, which nothing else on the machine has interrupted."""
NUM_TIMED_UPDATES = 20
NUM_TIMED_STEPS = 200
"""Vector steps of one repetition."""


class BareNetwork:
    """Dense layers whose parameters lie in one array, so that Adam is a pass over one array.

    Args:
        sizes: numbers of inputs, of units in each hidden layer, and of outputs.
        batch_size: number of rows in every pass.
        activation: `relu` or `tanh`, applied after each hidden layer.
        rng: source of the weights.
    """

    def __init__(self, sizes: Sequence[int], batch_size: int, activation: str, rng: np.random.Generator) -> None:
        pairs = list(itertools.pairwise(sizes))
        self.parameters = np.concatenate([rng.normal(size=a * b + b) / math.sqrt(a) for a, b in pairs]).astype(np.float32)
        self.gradients = np.zeros_like(self.parameters)
        """Gradient of each of `parameters`."""
        self._moments = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        self._scratch = np.empty_like(self.parameters)
        self._layers, self._slopes = _views(self.parameters, pairs), _views(self.gradients, pairs)
        self._outputs = [np.empty((batch_size, b), np.float32) for _, b in pairs]
        self._back, self._factors = ([np.empty((batch_size, a), np.float32) for a, _ in pairs] for _ in range(2))
        self._ones = np.ones(batch_size, np.float32)
        self._relu = activation == "relu"
        self._steps = 0

    def forward(self, x: Array) -> Array:
        """Returns the outputs `[B, outputs]` for `x` `[B, inputs]`, in a buffer that the next call uses again."""
        last = len(self._layers) - 1
        for index, ((kernel, bias), output) in enumerate(zip(self._layers, self._outputs, strict=True)):
            np.matmul(x, kernel, out=output)
            output += bias
            if index < last:
                self._activate(output)
            x = output
        return x

    def _activate(self, output: Array) -> None:
        if self._relu:
            np.maximum(output, 0.0, out=output)
        else:
            np.tanh(output, out=output)

    def backward(self, x: Array, slope: Array) -> None:
        """Computes `gradients` from `slope` `[B, outputs]`, the gradient of the outputs of the last `forward(x)`."""
        for index in reversed(range(len(self._layers))):
            inputs = x if index == 0 else self._outputs[index - 1]
            kernel_slope, bias_slope = self._slopes[index]
            np.matmul(inputs.T, slope, out=kernel_slope)
            np.matmul(self._ones, slope, out=bias_slope)
            if index:
                back, factor = np.matmul(slope, self._layers[index][0].T, out=self._back[index]), self._factors[index]
                if self._relu:
                    np.sign(inputs, out=factor)  # 0 or 1, in the type of what it multiplies
                else:
                    np.subtract(1.0, np.multiply(inputs, inputs, out=factor), out=factor)
                back *= factor
                slope = back

    def adam(self, learning_rate: float) -> None:
        """Makes one step of Adam (Kingma and Ba, 2015, with its epsilon hat) along `gradients`."""
        self._steps += 1
        (first, second), scratch = self._moments, self._scratch
        first += np.multiply(np.subtract(self.gradients, first, out=scratch), 0.1, out=scratch)
        np.multiply(self.gradients, self.gradients, out=scratch)
        second += np.multiply(np.subtract(scratch, second, out=scratch), 0.001, out=scratch)
        np.add(np.sqrt(second, out=scratch), 1e-8, out=scratch)
        np.divide(first, scratch, out=scratch)
        rate = learning_rate * math.sqrt(1.0 - 0.999**self._steps) / (1.0 - 0.9**self._steps)
        self.parameters -= np.multiply(scratch, rate, out=scratch)


def _views(flat: Array, pairs: Sequence[tuple[int, int]]) -> list[tuple[Array, Array]]:
    """Returns kernel `[a, b]` and bias `[b]` of each layer as views of `flat`."""
    views, start = [], 0
    for a, b in pairs:
        middle, end = start + a * b, start + a * b + b
        views.append((flat[start:middle].reshape(a, b), flat[middle:end]))
        start = end
    return views


def time_updates(algorithm: str, hyperparameters: dict[str, Any], num_inputs: int, num_actions: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds of the arithmetic of one update; zeros for an algorithm that is neither DQN nor PPO."""
    if algorithm not in ("dqn", "ppo"):
        return 0.0, 0.0
    rng, batch_size = np.random.default_rng(0), hyperparameters["batch_size"]
    hidden, activation = hyperparameters["hidden_sizes"] or NetworkConfig.flat_hidden_sizes, hyperparameters["activation"]
    outputs = (num_actions,) if algorithm == "dqn" else (num_actions, 1)  # PPO has a second network, for values
    networks = [BareNetwork([num_inputs, *hidden, count], batch_size, activation, rng) for count in outputs]
    target = BareNetwork([num_inputs, *hidden, num_actions], batch_size, activation, rng) if algorithm == "dqn" else None
    observations = rng.normal(size=(batch_size, num_inputs)).astype(np.float32)
    slopes = [rng.normal(size=(batch_size, count)).astype(np.float32) / batch_size for count in outputs]

    def update() -> None:
        if target is not None:
            target.forward(observations)
        for network, slope in zip(networks, slopes, strict=True):
            network.forward(observations)
            network.backward(observations, slope)
            network.adam(1e-3)

    def updates() -> None:
        for _ in range(NUM_TIMED_UPDATES):
            update()

    return fastest_seconds(updates, NUM_TIMED_UPDATES)


def time_env_steps(num_envs: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds of one env step of CartPole-v1 while `num_envs` environments step together."""
    env = make_vec_env(EnvConfig("CartPole-v1"), num_envs)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 2, (NUM_TIMED_STEPS, num_envs))

    def steps() -> None:
        for row in actions:
            env.step(row)

    return fastest_seconds(steps, NUM_TIMED_STEPS * num_envs)


def time_single_env_steps() -> tuple[float, float]:
    """Returns the wall and CPU seconds of one step of a single CartPole-v1, resets included."""
    env = make_env(EnvConfig("CartPole-v1"))
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 2, NUM_TIMED_STEPS)

    def steps() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return fastest_seconds(steps, NUM_TIMED_STEPS)


def fastest_seconds(work: Callable[[], None], count: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds of one of the `count` things that `work` does: the minimum over repetitions, since it is a floor."""
    found = []
    for _ in range(NUM_REPETITIONS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in found) / count, min(cpu for _, cpu in found) / count
