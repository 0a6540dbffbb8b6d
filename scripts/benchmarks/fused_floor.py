"""The floor of a training run's updates as a compiler makes them: the arithmetic of `benchmarks.floor`, in fused passes of XLA on the CPU.

NumPy makes its elementwise passes one by one. A compiler makes bias, activation, its derivative and Adam in few passes over memory, so its
floor can lie below NumPy's.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from arena.agent.hyperparameters import NetworkConfig
from benchmarks.floor import NUM_TIMED_UPDATES, fastest_seconds

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}
Layers = list[tuple[jax.Array, jax.Array]]
"""Kernel `[a, b]` and bias `[b]` of each layer."""


def fused_updates(algorithm: str, hyperparameters: dict[str, Any], num_inputs: int, num_actions: int) -> tuple[Any, tuple[Any, ...]]:
    """Returns a compiled function that makes `NUM_TIMED_UPDATES` updates in one call, and its arguments: the networks and batches.

    The function returns the networks after the updates, with Adam's moments, and a sum over the target network's outputs (0 for PPO).

    Args:
        algorithm: `dqn` or `ppo`. DQN has a target network, which only computes its outputs; PPO has a second network, for values.
        hyperparameters: those of the agent: `batch_size`, `hidden_sizes` and `activation` are read.
        num_inputs: numbers in an observation.
        num_actions: number of actions.
    """
    hidden, batch_size = hyperparameters["hidden_sizes"] or NetworkConfig.flat_hidden_sizes, hyperparameters["batch_size"]
    activation = ACTIVATIONS[hyperparameters["activation"]]
    counts = (num_actions,) if algorithm == "dqn" else (num_actions, 1)
    keys = iter(jax.random.split(jax.random.key(0), 64))
    networks = [_layers([num_inputs, *hidden, count], keys) for count in counts]
    target = _layers([num_inputs, *hidden, num_actions], keys) if algorithm == "dqn" else []
    observations = jax.random.normal(next(keys), (NUM_TIMED_UPDATES, batch_size, num_inputs))
    slopes = [jax.random.normal(next(keys), (NUM_TIMED_UPDATES, batch_size, count)) / batch_size for count in counts]

    def forward(layers: Layers, x: jax.Array) -> jax.Array:
        for kernel, bias in layers[:-1]:
            x = activation(x @ kernel + bias)
        kernel, bias = layers[-1]
        return x @ kernel + bias

    def update(state: Any, batch: Any) -> Any:
        networks, first, second, steps = state
        x, slopes = batch
        steps += 1
        gradients = [
            jax.vjp(lambda layers: forward(layers, x), layers)[1](slope)[0] for layers, slope in zip(networks, slopes, strict=True)
        ]
        first = jax.tree.map(lambda moment, gradient: moment + 0.1 * (gradient - moment), first, gradients)
        second = jax.tree.map(lambda moment, gradient: moment + 0.001 * (gradient * gradient - moment), second, gradients)
        rate = 1e-3 * jnp.sqrt(1.0 - 0.999**steps) / (1.0 - 0.9**steps)
        networks = jax.tree.map(lambda value, m, v: value - rate * m / (jnp.sqrt(v) + 1e-8), networks, first, second)
        outputs = forward(target, x).sum() if target else jnp.zeros(())
        return (networks, first, second, steps), outputs

    zeros = jax.tree.map(jnp.zeros_like, networks)
    state = (networks, zeros, zeros, jnp.zeros((), jnp.int32))
    return jax.jit(lambda state, batches: jax.lax.scan(update, state, batches)), (state, (observations, slopes))


def _layers(sizes: Sequence[int], keys: Any) -> Layers:
    return [(jax.random.normal(next(keys), (a, b)) / jnp.sqrt(a), jnp.zeros(b)) for a, b in itertools.pairwise(sizes)]


def time_fused_updates(algorithm: str, hyperparameters: dict[str, Any], num_inputs: int, num_actions: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds of one compiled update, compilation left out; zeros for an algorithm that is neither DQN nor PPO.

    The arguments are those of `fused_updates`.
    """
    if algorithm not in ("dqn", "ppo"):
        return 0.0, 0.0
    updates, arguments = fused_updates(algorithm, hyperparameters, num_inputs, num_actions)

    def work() -> None:
        jax.block_until_ready(updates(*arguments))  # type: ignore[no-untyped-call]

    work()  # compiles
    return fastest_seconds(work, NUM_TIMED_UPDATES)
