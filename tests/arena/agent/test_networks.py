import pytest

from arena.agent.hyperparameters import DQNConfig, PPOConfig, SACConfig
from arena.agent.networks import NETWORKS, Misfit, fitting_network, misfit, network_sizes

NATURE = (((32, 8, 4), (64, 4, 2), (64, 3, 1)), (512,))
SMALL = (((16, 8, 4), (32, 4, 2)), (256,))
MINATAR = (((16, 3, 1),), (128,))
OWN = ((8, 2, 1),)


@pytest.mark.parametrize(
    ("config", "shape", "sizes"),
    [
        (DQNConfig(), (4,), ((), (64, 64))),
        (PPOConfig(hidden_sizes=(32,), network="nature"), (4,), ((), (32,))),
        (SACConfig(), (4,), ((), (256, 256))),
        (DQNConfig(), (84, 84, 4), NATURE),
        (DQNConfig(), (210, 160, 3), NATURE),
        (PPOConfig(), (35, 36, 3), SMALL),
        (DQNConfig(), (10, 10, 7), MINATAR),
        (DQNConfig(), (7, 7, 3), MINATAR),
        (DQNConfig(), (2, 2, 1), MINATAR),
        (DQNConfig(network="impala-small"), (84, 84, 4), SMALL),
        (DQNConfig(network="nature", hidden_sizes=(64, 32)), (84, 84, 4), (NATURE[0], (64, 32))),
        (DQNConfig(conv_layers=OWN), (84, 84, 4), (OWN, (64, 64))),
        (DQNConfig(conv_layers=OWN, hidden_sizes=(9,)), (84, 84, 4), (OWN, (9,))),
    ],
)
def test_an_observation_gets_the_layers_that_a_config_says(config, shape, sizes) -> None:
    assert network_sizes(config, shape) == sizes


@pytest.mark.parametrize(
    ("name", "smallest"),
    [("nature", 36), ("impala-small", 20), ("minatar", 3)],
)
def test_a_network_fits_from_its_smallest_image_on(name, smallest) -> None:
    layers = NETWORKS[name].conv_layers
    assert misfit((smallest, 99, 1), layers) is None
    assert misfit((99, smallest - 1, 1), layers) is not None
    assert fitting_network((smallest, smallest, 1)) == name


def test_a_misfit_says_which_layer_and_what_is_left() -> None:
    assert misfit((84, 19, 3), NATURE[0]) == Misfit(layer=2, height=20, width=3)
