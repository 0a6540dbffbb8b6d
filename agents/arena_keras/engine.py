"""What differs between the backends of Keras 3: threads and devices, gradients, and a compiled loop over minibatches.

Everything else in this package is written once, with `keras.ops`.
"""

import contextlib
import os
import types
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np

from arena.machine.devices import gpu_index, take_tensorflow, take_torch, to_torch

BACKEND = keras.backend.backend()
if BACKEND == "jax":
    import jax
elif BACKEND == "tensorflow":
    import tensorflow as tf
else:
    import torch

Tree = Any
"""Arrays or tensors in nested lists and tuples."""


class Engine:
    """Computes on one device; one per process, made before the first tensor.

    Args:
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`.
        compile_torch: whether loops pass through `torch.compile` on the torch backend.

    Raises:
        DeviceUnavailable: if the backend does not see the device.
    """

    def __init__(self, device: str, *, compile_torch: bool = False) -> None:
        framework = f"Keras on {BACKEND}"
        self._device = "cpu"
        self._compile_torch = compile_torch
        keras.config.set_floatx("float32")  # a keras.json in the home directory may say otherwise
        num_threads = int(os.environ.get("ARENA_NUM_THREADS", "1"))
        if BACKEND == "jax":
            jax.config.update("jax_default_matmul_precision", "highest")  # float32 on GPUs too, where ten bits of mantissa are the default
            if device == "cpu":
                jax.config.update("jax_platforms", "cpu")
            else:
                self._device = f"gpu:{gpu_index(device, _num_jax_gpus(), framework)}"
        elif BACKEND == "tensorflow":
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
            tf.config.threading.set_inter_op_parallelism_threads(num_threads)
            take_tensorflow(tf.config, device, framework)
            tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 on GPUs too
            self._device = "cpu" if device == "cpu" else "gpu:0"
        else:
            torch.set_num_threads(num_threads)
            take_torch(torch.cuda, device, framework)
            self._device = device.replace("cuda", "gpu")

    def scope(self) -> AbstractContextManager[Any]:
        """Returns a context in which Keras makes tensors on the device."""
        return keras.device(self._device)

    def put(self, tree: Tree) -> Tree:
        """Returns NumPy arrays as tensors on the device."""
        if BACKEND == "torch" and self._device != "cpu":
            return keras.tree.map_structure(self._put_torch, tree)
        with self.scope():
            return keras.tree.map_structure(keras.ops.convert_to_tensor, tree)

    def feed(self, tree: Tree) -> Tree:
        """Returns NumPy arrays as what a program from `fold` or `forward` takes soonest: for JAX the arrays themselves, else tensors.

        The arrays must not change until the program's result has been read.
        """
        return tree if BACKEND == "jax" else self.put(tree)

    def _put_torch(self, array: Any) -> Any:
        return to_torch(torch, array, torch.device(self._device.replace("gpu", "cuda")))

    def get(self, tree: Tree) -> Tree:
        """Returns tensors as NumPy arrays."""
        return keras.tree.map_structure(lambda tensor: np.array(keras.ops.convert_to_numpy(tensor)), tree)

    def forward(self, function: Callable[..., Tree]) -> Callable[..., Tree]:
        """Returns a function that computes `function(*arguments)` without gradients and returns NumPy arrays.

        JAX compiles it once for each shape: a single operation alone would be compiled too, and each costs as much as the whole.
        """
        computed = jax.jit(function) if BACKEND == "jax" else function

        def run(*arguments: Tree) -> Tree:
            with self.scope(), torch.no_grad() if BACKEND == "torch" else contextlib.nullcontext():
                return self.get(computed(*arguments))

        return run

    def value_and_grad(self, loss: Callable[..., tuple[Tree, Tree]]) -> Callable[..., tuple[tuple[Tree, Tree], list[Any]]]:
        """Turns `loss(parameters, *rest) -> (value, other)` into a function that returns `((value, other), gradients)`."""
        if BACKEND == "jax":
            return jax.value_and_grad(loss, has_aux=True)
        if BACKEND == "tensorflow":

            def run_tensorflow(parameters: list[Any], *rest: Tree) -> tuple[tuple[Tree, Tree], list[Any]]:
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(parameters)
                    value, other = loss(parameters, *rest)
                return (value, other), tape.gradient(value, parameters)

            return run_tensorflow
        differentiated = torch.func.grad_and_value(loss, has_aux=True)

        def run_torch(parameters: list[Any], *rest: Tree) -> tuple[tuple[Tree, Tree], list[Any]]:
            gradients, value_and_other = differentiated(parameters, *rest)
            return value_and_other, gradients

        return run_torch

    def optimizer_step(self, optimizer: keras.Optimizer, variables: list[keras.Variable]) -> Callable[..., tuple[list[Any], list[Any]]]:
        """Returns `step(slots, gradients, parameters) -> (parameters, slots)`: `optimizer.apply` as a pure function, for use in `fold`.

        Args:
            optimizer: built for `variables`; `slots` are values of its `variables`.
            variables: stand for the parameters; their own values mean nothing.
        """
        if BACKEND != "tensorflow":
            return optimizer.stateless_apply

        def step_tensorflow(slots: list[Any], gradients: list[Any], parameters: list[Any]) -> tuple[list[Any], list[Any]]:
            # Keras refuses stateless_apply on TensorFlow for the sake of tf.distribute. In a compiled function, values pass through
            # variables at no cost: XLA turns the assignments below into data flow.
            everything = [*variables, *optimizer.variables]
            for variable, value in zip(everything, [*parameters, *slots], strict=True):
                variable.assign(value)
            optimizer.apply(gradients)
            values = [tf.convert_to_tensor(variable.value) for variable in everything]
            return values[: len(variables)], values[len(variables) :]

        return step_tensorflow

    def fold(
        self, step: Callable[[Tree, tuple[Any, ...]], Tree], *, convolutional: bool = False
    ) -> Callable[[Tree, tuple[Any, ...]], Tree]:
        """Returns `run(carry, batches)`, which does `carry = step(carry, batch)` for each of k minibatches, batches being `[k, ...]`.

        Args:
            step: One optimizer step; pure.
            convolutional: Whether `step` has convolutions. TensorFlow then does without XLA on a CPU, which runs convolutions inside a
                loop twenty times slower.
        """
        if BACKEND == "jax":
            run = jax.jit(lambda carry, batches: jax.lax.scan(lambda c, batch: (step(c, batch), None), carry, batches)[0])
        elif BACKEND == "tensorflow":
            # Without autograph, which has nothing to convert here, tracing takes a tenth of the time.
            use_xla = not (convolutional and self._device == "cpu")
            run = tf.function(lambda carry, batches: _tensorflow_fold(step, carry, batches), jit_compile=use_xla, autograph=False)
        else:
            step = _torch_compile(step) if self._compile_torch else step
            run = torch.no_grad()(lambda carry, batches: _torch_fold(step, carry, batches))

        def on_device(carry: Tree, batches: tuple[Any, ...]) -> Tree:
            with self.scope():
                return run(carry, self.feed(batches))

        return on_device


def convolves_slowly() -> bool:
    """Returns whether the backend's convolutions are slow where this process computes: XLA's on a CPU, ten times inside a loop."""
    return BACKEND == "jax" and jax.default_backend() == "cpu"


def _num_jax_gpus() -> int:
    try:
        return len(jax.devices("gpu"))
    except RuntimeError:  # JAX's answer where it has no GPU platform
        return 0


def _tensorflow_fold(step: Callable[[Tree, tuple[Any, ...]], Tree], carry: Tree, batches: tuple[Any, ...]) -> Tree:
    def body(index: Any, carry: Tree) -> tuple[Any, Tree]:
        return index + 1, step(carry, tuple(batch[index] for batch in batches))

    num_batches = batches[0].shape[0]
    return tf.while_loop(lambda index, _: index < num_batches, body, (0, carry), maximum_iterations=num_batches)[1]


def _torch_compile(step: Any) -> Any:
    # All that is not a tensor is constant here (loss, network, optimizer): looking at every one of Keras' attributes before each call, as
    # torch.compile would, takes as long as the update. A code object of its own keeps the step from finding another learner's graph.
    step = types.FunctionType(step.__code__.replace(), step.__globals__, step.__name__, step.__defaults__, step.__closure__)
    return torch.compile(step, fullgraph=True, options={"guard_filter_fn": torch.compiler.keep_tensor_guards_unsafe})


def _torch_fold(step: Callable[[Tree, tuple[Any, ...]], Tree], carry: Tree, batches: tuple[Any, ...]) -> Tree:
    carry = keras.tree.map_structure(torch.clone, carry)  # Keras' optimizers change their arguments in place on PyTorch
    for index in range(len(batches[0])):
        carry = step(carry, tuple(batch[index] for batch in batches))
    return carry
