"""Hyperparameters of the TF-Agents agents: the shared DQN names, and what TF-Agents has besides."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from annotated_types import Ge

from arena.agent.hyperparameters import DQNConfig, SACConfig, TD3Config
from arena.errors import did_you_mean

OVERRIDES = ("gradient_clipping", "reward_scale_factor")
"""Arguments of `DqnAgent` and `CategoricalDqnAgent` that `overrides` may hold."""
CONTINUOUS_OVERRIDES = (*OVERRIDES, "td_errors_loss_fn")
"""Arguments of `SacAgent` and `Td3Agent` that `overrides` may hold."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFAgentsDQNConfig(DQNConfig):
    """Deep Q-learning by TF-Agents' `DqnAgent`, or `DdqnAgent` where `double` is true."""

    replay: Literal["arena", "tf_agents"] = "arena"
    """`arena`: the arena's NumPy buffer. `tf_agents`: `TFUniformReplayBuffer`. Both draw uniformly and with replacement."""
    overrides: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Further arguments of the TF-Agents agent: `gradient_clipping` (norm per variable), `reward_scale_factor`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_names(self.overrides, OVERRIDES)

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is the arena's."""
        return self.replay == "arena"


@dataclasses.dataclass(frozen=True, kw_only=True)
class C51Config(TFAgentsDQNConfig):
    """Categorical deep Q-learning (Bellemare et al., 2017, arXiv:1707.06887) by TF-Agents' `CategoricalDqnAgent`.

    The defaults of the support hold every return where rewards lie in 0..1 and `discount` is 0.99: at most 1 / (1 - 0.99) = 100.
    """

    num_atoms: Annotated[int, Ge(2)] = 51
    """Atoms of each return distribution, evenly spaced."""
    min_q_value: float = 0.0
    """The lowest atom; smaller returns count as this one."""
    max_q_value: float = 100.0
    """The highest atom; larger returns count as this one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.double:
            raise ValueError("double=True is not expressible: TF-Agents' CategoricalDqnAgent has no double variant")
        if not self.min_q_value < self.max_q_value:
            raise ValueError(f"min_q_value={self.min_q_value} must be below max_q_value={self.max_q_value}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFAgentsSACConfig(SACConfig):
    """Soft actor-critic by TF-Agents' `SacAgent`."""

    overrides: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    """Further arguments of the TF-Agents agent: `gradient_clipping` (norm per variable), `reward_scale_factor`, and `td_errors_loss_fn`
    (`"mse"`, squared errors, or `"huber"`)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_continuous(self.overrides)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFAgentsTD3Config(TD3Config):
    """Twin delayed deep deterministic policy gradients by TF-Agents' `Td3Agent`."""

    overrides: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    """Further arguments of the TF-Agents agent: `gradient_clipping` (norm per variable), `reward_scale_factor`, and `td_errors_loss_fn`
    (`"mse"`, squared errors, or `"huber"`)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_continuous(self.overrides)


def _check_continuous(overrides: Mapping[str, float | str]) -> None:
    _check_names(overrides, CONTINUOUS_OVERRIDES)
    loss = overrides.get("td_errors_loss_fn", "mse")
    if loss not in ("mse", "huber"):
        raise ValueError(f"overrides.td_errors_loss_fn={loss!r} must be 'mse' or 'huber'")


def _check_names(overrides: Mapping[str, object], names: tuple[str, ...]) -> None:
    for name in overrides:
        if name not in names:
            raise ValueError(f"overrides has no {name!r}{did_you_mean(name, names)} (it may have: {', '.join(names)})")
