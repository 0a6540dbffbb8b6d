"""PyTorch modules become layers; stand-ins take PyTorch's place."""

import types

import numpy as np
import pytest

from arena.policies.onnx_network import Dense, LayerNorm
from arena.policies.torch_network import torch_layers


class Tensor:
    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


class Module:
    def __init__(self, *parts, weight=None, bias=None, stride=(1, 1)):
        self.parts, self.stride = parts, stride
        self.weight, self.bias = Tensor(weight), Tensor(bias)

    def children(self):
        return iter(self.parts)

    def modules(self):
        yield self
        for part in self.parts:
            yield from part.modules()


NN = types.SimpleNamespace(
    **{name: type(name, (Module,), {}) for name in ("Linear", "Conv2d", "LayerNorm", "ReLU", "Tanh", "Flatten", "Dropout")}
)


def test_layers_come_in_the_arenas_order_of_axes():
    rng = np.random.default_rng(0)
    kernel, dense = rng.normal(size=(5, 3, 2, 4)).astype(np.float32), rng.normal(size=(6, 7)).astype(np.float32)
    stack = Module(NN.Conv2d(weight=kernel, bias=np.arange(5.0), stride=(2, 2)), NN.ReLU(), NN.Flatten())
    convolution, hidden = torch_layers(NN, stack, Module(NN.Linear(weight=dense, bias=np.arange(6.0)), NN.Tanh()))
    assert convolution.kernel.shape == (2, 4, 3, 5)  # height, width, inputs, outputs
    assert convolution.kernel[1, 2, 0, 4] == kernel[4, 0, 1, 2]
    assert (convolution.stride, convolution.activation, hidden.activation) == (2, "relu", "tanh")
    assert np.array_equal(hidden.kernel, dense.T)
    assert np.array_equal(hidden.bias, np.arange(6.0))


def test_a_module_without_a_counterpart_is_refused():
    with pytest.raises(ValueError, match="a Dropout has no counterpart among the layers of arena"):
        torch_layers(NN, Module(NN.Dropout()))


def test_a_layer_norm_keeps_its_epsilon_and_gets_the_activation_behind_it():
    norm = NN.LayerNorm(weight=np.array([2.0, 3.0]), bias=np.array([0.5, 0.25]))
    norm.eps = 1e-4
    [dense, found] = torch_layers(NN, Module(NN.Linear(weight=np.ones((2, 2)), bias=np.zeros(2)), norm, NN.ReLU()))
    assert isinstance(dense, Dense)
    assert isinstance(found, LayerNorm)
    assert (dense.activation, found.activation, found.epsilon) == ("linear", "relu", 1e-4)
    assert (found.scale.tolist(), found.bias.tolist()) == ([2.0, 3.0], [0.5, 0.25])
