"""Hyperparameters of the Keras agents: the shared ones, and the backend."""

import dataclasses
from typing import Literal

from arena.hyperparameters import DQNConfig, PPOConfig

Backend = Literal["jax", "tensorflow", "torch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasDQNConfig(DQNConfig):
    """Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) with Adam and Huber loss, on Keras 3."""

    backend: Backend = "jax"
    """What Keras computes with."""
    compile: bool = False
    """Whether the training step passes through `torch.compile` (backend `torch` only; the other two always compile)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_compile(self.backend, self.compile)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasPPOConfig(PPOConfig):
    """Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347), on Keras 3."""

    backend: Backend = "jax"
    """What Keras computes with."""
    compile: bool = False
    """Whether the training step passes through `torch.compile` (backend `torch` only; the other two always compile)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_compile(self.backend, self.compile)


def _check_compile(backend: Backend, compile_torch: bool) -> None:
    if compile_torch and backend != "torch":
        raise ValueError(f"compile=true has a meaning for backend 'torch' only; {backend!r} always compiles the training step")
