"""Networks for images by the names under which they were published, and which layers a config gives for an environment's observations.

One definition for all frameworks: each adapter builds the layers that `network_sizes` returns.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from arena.agent.hyperparameters import ConvLayer, NetworkConfig


class NetworkSizes(NamedTuple):
    """Sizes of the layers before the last one, which has as many units as there are outputs."""

    conv_layers: tuple[ConvLayer, ...]
    """Filters, kernel size and stride of each convolution, without padding and with relu; none for flat observations."""
    hidden_sizes: tuple[int, ...]
    """Units of each hidden dense layer."""


NETWORKS: Mapping[str, NetworkSizes] = {
    # Mnih et al., 2015, doi:10.1038/nature14236. `NatureCNN` of Stable-Baselines3 and the RL Zoo; the network of CleanRL's *_atari.py.
    "nature": NetworkSizes(((32, 8, 4), (64, 4, 2), (64, 3, 1)), (512,)),
    # The small network of Espeholt et al., 2018, arXiv:1802.01561, without its LSTM: that of Mnih et al., 2013, arXiv:1312.5602.
    "impala-small": NetworkSizes(((16, 8, 4), (32, 4, 2)), (256,)),
    # Young and Tian, 2019, arXiv:1903.03176: 10 x 10 images with a channel for each kind of object.
    "minatar": NetworkSizes(((16, 3, 1),), (128,)),
}
"""Published networks by the value of `network`, the one for the largest images first."""


def network_sizes(config: NetworkConfig, shape: Sequence[int]) -> NetworkSizes:
    """Returns the layers of an agent's network.

    Args:
        config: The agent's hyperparameters.
        shape: Shape of an observation that the network reads: `[H, W, C]`, or one axis.
    """
    if len(shape) != 3:
        return NetworkSizes((), config.hidden_sizes or config.flat_hidden_sizes)
    if config.conv_layers:
        return NetworkSizes(config.conv_layers, config.hidden_sizes or config.flat_hidden_sizes)
    published = NETWORKS[fitting_network(shape) if config.network == "auto" else config.network]
    return NetworkSizes(published.conv_layers, config.hidden_sizes or published.hidden_sizes)


def fitting_network(shape: Sequence[int]) -> str:
    """Returns the name of the first of `NETWORKS` whose convolutions fit images `[H, W, C]`; the last one's if none does."""
    return next((name for name, sizes in NETWORKS.items() if misfit(shape, sizes.conv_layers) is None), list(NETWORKS)[-1])


class Misfit(NamedTuple):
    """A convolution that is larger than what it would look at."""

    layer: int
    """Number of the convolution, counting from 1."""
    height: int
    """Height that the convolutions before it leave."""
    width: int
    """Width that the convolutions before it leave."""


def misfit(shape: Sequence[int], conv_layers: Sequence[ConvLayer]) -> Misfit | None:
    """Returns the first convolution that does not fit images `[H, W, C]`; None if all do."""
    height, width = shape[:2]
    for index, (_, size, stride) in enumerate(conv_layers, start=1):
        if size > min(height, width):
            return Misfit(index, height, width)
        height, width = (height - size) // stride + 1, (width - size) // stride + 1
    return None
