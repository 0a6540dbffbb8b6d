"""Hyperparameters of the Keras agents: the shared ones, and the backend."""

import dataclasses
from typing import Literal

from arena.agent.hyperparameters import DQNConfig, InitialWeights, PPOConfig, SACConfig, TD3Config

Backend = Literal["jax", "tensorflow", "torch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackendOptions:
    """Options that all Keras agents have."""

    backend: Backend = "jax"
    """Library that Keras computes with."""
    compile: bool = False
    """Whether the training step passes through `torch.compile` (backend `torch` only; the other two always compile)."""

    def check(self) -> None:
        """Refuses options that exclude each other.

        Raises:
            ValueError: if `compile` is set for a backend that always compiles.
        """
        if self.compile and self.backend != "torch":
            raise ValueError(f"compile=true has a meaning for backend 'torch' only; {self.backend!r} always compiles the training step")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceOptions(BackendOptions):
    """Options of the agents that can run with their environments in one compiled program."""

    on_device: bool = False
    """Whether environments, collecting and learning are one compiled program (backend `jax`, environments of JAX functions alone)."""

    def check(self) -> None:
        """Refuses options that exclude each other.

        Raises:
            ValueError: if `on_device` or `compile` is set for a backend that cannot do it.
        """
        super().check()
        if self.on_device and self.backend != "jax":
            raise ValueError(f"on_device=true needs backend 'jax', not {self.backend!r}: environments of JAX functions run in no other")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasDQNConfig(DeviceOptions, DQNConfig):
    """Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) with Adam and Huber loss, on Keras 3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()
        long, short = max(self.train_period, self.num_envs), min(self.train_period, self.num_envs)
        if self.on_device and long % short:
            raise ValueError(f"on_device=true needs train_period={self.train_period} to divide num_envs={self.num_envs}, or the reverse")
        if self.on_device and self.replay_capacity < long:
            raise ValueError(f"on_device=true needs replay_capacity={self.replay_capacity} to hold {long} transitions, one training period")

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is the arena's; on the device it holds whole observations."""
        return not self.on_device

    @property
    def device_iteration(self) -> int:
        """Env steps of an iteration on the device, 0 from the host: a training period, or one vector step if that has more."""
        return max(self.train_period, self.num_envs) if self.on_device else 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasPPOConfig(DeviceOptions, PPOConfig):
    """Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347), on Keras 3."""

    initial_weights: InitialWeights = "uniform"
    """Rule of the initial weights: PyTorch's default, or orthogonal kernels and zero biases, which suit large images better."""
    share_layers: bool = False
    """Whether the policy and the values share all layers but the last; what values teach the convolutions then helps the policy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()

    @property
    def device_iteration(self) -> int:
        """Env steps of an iteration on the device, 0 from the host: one rollout."""
        return self.rollout_length * self.num_envs if self.on_device else 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasSACConfig(BackendOptions, SACConfig):
    """Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) with a learned temperature and two critics, on Keras 3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasTD3Config(BackendOptions, TD3Config):
    """Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477), on Keras 3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()
