from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from arena.watching.episode import Moment


class Pushes:
    """Pushes the cart of CartPole-v1 to the right, always."""

    def act(self, observations: Any) -> Any:
        return np.ones(len(observations), np.int64)

    def scores(self, observations: Any) -> Any:
        return np.tile(np.array([-0.5, 2.0], np.float32), (len(observations), 1))


@pytest.fixture
def pushes() -> Pushes:
    return Pushes()


@pytest.fixture
def moments() -> Callable[..., Iterator[Moment]]:
    """Makes an episode of grey pictures."""

    def make(count: int, shade: int = 128, width: int = 40) -> Iterator[Moment]:
        for step in range(count):
            picture = np.full((20, width, 3), shade, np.uint8)
            ending = "terminated" if step == count - 1 else ""
            yield Moment(picture, step, 2.0 * step, np.array([0.0, 1.0, -1e30], np.float32), np.int64(1), ending)

    return make
