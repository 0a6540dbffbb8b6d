from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.policies.policy import PolicySignature
from arena.serve.batching import Batcher
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts
from arena.serve.models import Model, Models

SIGNATURE = PolicySignature((3,), np.dtype(np.float32), (), np.dtype(np.int64), 2)


class Sums:
    """Scores an observation by its sum; breaks on a sum of 13, and its process ends there."""

    def __init__(self) -> None:
        self.is_alive = True
        self.batches: list[int] = []

    def act(self, observations: Any) -> Any:
        self.batches.append(len(observations))
        if (observations.sum(-1) == 13).any():
            self.is_alive = False
            raise ArenaError("it gave no answer")
        return (observations.sum(-1) > 0).astype(np.int64)

    def scores(self, observations: Any) -> Any:
        sums = observations.sum(-1, dtype=np.float32)
        return np.stack([-sums, sums], -1)

    def close(self) -> None:
        self.is_alive = False


@pytest.fixture
def signature() -> PolicySignature:
    """Three numbers, and two actions."""
    return SIGNATURE


@pytest.fixture
def loaded() -> list[Sums]:
    """The policies that were begun, in their order."""
    return []


@pytest.fixture
def make_batcher(loaded: list[Sums]) -> Callable[..., Batcher]:
    def make(limits: Limits, metrics: ServerCounts) -> Batcher:
        def load() -> Sums:
            loaded.append(Sums())
            return loaded[-1]

        return Batcher("sums/1", load, limits, metrics)

    return make


@pytest.fixture
def make_models(make_batcher: Callable[..., Batcher]) -> Callable[..., Models]:
    """Makes two versions of one policy, and another policy."""

    def make(limits: Limits, metrics: ServerCounts) -> Models:
        names = [("sums", "1"), ("sums", "2"), ("other", "1")]
        return Models([Model(name, version, SIGNATURE, "0" * 64, make_batcher(limits, metrics)) for name, version in names])

    return make
