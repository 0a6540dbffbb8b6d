"""Gymnasium's environments in JAX, without Flax where that is not installed.

They take one thing from Flax, the decorator `flax.struct.dataclass` of their parameters; Flax would bring twenty packages along. The
stand-in is seen by these imports alone: nothing else in the process finds a module `flax`.
"""

import contextlib
import dataclasses
import importlib.util
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import jax

os.environ.setdefault(
    "XLA_PYTHON_CLIENT_PREALLOCATE", "false"
)  # or the first environment made takes three quarters of a GPU from all others


@contextlib.contextmanager
def _flax_struct() -> Iterator[None]:
    if importlib.util.find_spec("flax") is not None:
        yield
        return
    flax, struct = types.ModuleType("flax"), types.ModuleType("flax.struct")
    flax.struct, struct.dataclass = struct, _dataclass  # type: ignore[attr-defined]
    sys.modules |= {"flax": flax, "flax.struct": struct}
    try:
        yield
    finally:
        del sys.modules["flax"], sys.modules["flax.struct"]


def _dataclass(cls: type) -> type:
    frozen: Any = dataclasses.dataclass(frozen=True)(cls)
    frozen.replace = dataclasses.replace
    return jax.tree_util.register_dataclass(frozen)  # type: ignore[no-any-return]


with _flax_struct():
    from gymnasium.envs.phys2d.cartpole import CartPoleJaxEnv
    from gymnasium.envs.phys2d.pendulum import PendulumJaxEnv
    from gymnasium.envs.tabular.blackjack import BlackJackJaxEnv
    from gymnasium.envs.tabular.cliffwalking import CliffWalkingJaxEnv

__all__ = ["BlackJackJaxEnv", "CartPoleJaxEnv", "CliffWalkingJaxEnv", "PendulumJaxEnv"]
