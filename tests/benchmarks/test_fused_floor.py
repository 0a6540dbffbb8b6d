"""The compiled floor makes the updates of NumPy's floor, so that the two can be compared."""

import numpy as np
import pytest

from benchmarks.floor import NUM_TIMED_UPDATES, BareNetwork

pytestmark = pytest.mark.extra


@pytest.mark.imports("jax", "jaxlib")
@pytest.mark.parametrize("algorithm", ["dqn", "ppo"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_compiled_updates_are_those_of_numpy(algorithm: str, activation: str):
    pytest.importorskip("jax")
    from benchmarks.fused_floor import fused_updates

    settings = {"batch_size": 8, "hidden_sizes": [5, 4], "activation": activation}
    updates, arguments = fused_updates(algorithm, settings, 3, 2)
    (networks, *_), (observations, slopes) = arguments
    (after, *_), _ = updates(*arguments)
    assert len(after) == {"dqn": 1, "ppo": 2}[algorithm]
    for layers, trained, slope in zip(networks, after, slopes, strict=True):
        numpy = BareNetwork([3, 5, 4, slope.shape[-1]], 8, activation, np.random.default_rng(0))
        numpy.parameters[:] = flat(layers)
        for index in range(NUM_TIMED_UPDATES):
            x = np.asarray(observations[index])
            numpy.forward(x)
            numpy.backward(x, np.asarray(slope[index]))
            numpy.adam(1e-3)
        np.testing.assert_allclose(numpy.parameters, flat(trained), atol=1e-5)
        assert np.abs(flat(trained) - flat(layers)).max() > 1e-3


def flat(layers) -> np.ndarray:
    """Returns all kernels and biases in the order in which NumPy's floor keeps them."""
    return np.concatenate([np.asarray(part).ravel() for layer in layers for part in layer])
