"""Hyperparameters of the RLlib agents: the shared names, and RLlib's own options in one table. Imports no framework."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from arena.agent import hyperparameters
from arena.agent.hyperparameters import InitialWeights
from arena.errors import did_you_mean


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of RLlib: its default here, and what a value must be."""

    default: Any
    description: str
    accepts: Callable[[Any], bool]
    needs: str | None = None
    """A flag without which this option has no effect."""


def _flag(default: bool) -> Option:
    return Option(default, "true or false", lambda value: isinstance(value, bool))


def _number(default: float, high: float = math.inf, *, needs: str | None = None) -> Option:
    def accepts(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= high

    return Option(default, f"a number in [0, {high:g}]", accepts, needs)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_range(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_count, value)) and value[0] < value[1]


def _learning_rate() -> Option:
    def accepts(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 < value < math.inf

    return Option(None, "a positive number", accepts)


DQN_OPTIONS: Mapping[str, Option] = {
    "dueling": _flag(False),
    "head_fcnet_activation": Option("relu", "'relu' or 'tanh'", lambda value: value in ("relu", "tanh"), needs="head_fcnet_hiddens"),
    "head_fcnet_hiddens": Option(
        (),
        "a list of whole numbers from 1",
        lambda value: isinstance(value, (list, tuple)) and len(value) > 0 and all(map(_is_count, value)),
    ),
    "n_step": Option(
        1, "a whole number from 1, or two of them [low, high] with low < high", lambda value: _is_count(value) or _is_range(value)
    ),
    "td_error_loss_fn": Option("huber", "'huber' or 'mse'", lambda value: value in ("huber", "mse")),
    "prioritized_replay": _flag(False),
    "prioritized_replay_alpha": _number(0.6, 1.0, needs="prioritized_replay"),
    "prioritized_replay_beta": _number(0.4, 1.0, needs="prioritized_replay"),
}
"""RLlib's names where it has one; the three of prioritised replay are `type`, `alpha`, `beta` of its `replay_buffer_config`."""

PPO_OPTIONS: Mapping[str, Option] = {
    "fcnet_activation": Option(None, "'linear' (`activation` has the others)", lambda value: value == "linear"),
    "free_log_std": _flag(True),
    "kl_coeff": _number(0.2, needs="use_kl_loss"),
    "kl_target": _number(0.01, needs="use_kl_loss"),
    "log_std_clip_param": _number(20.0),
    "use_kl_loss": _flag(False),
    "vf_clip_param": _number(math.inf),
    "vf_share_layers": _flag(False),
}
"""RLlib's names, from `PPOConfig.training` and `DefaultModelConfig`."""

SAC_OPTIONS: Mapping[str, Option] = {
    "actor_lr": _learning_rate(),
    "alpha_lr": _learning_rate(),
    "critic_lr": _learning_rate(),
    "td_error_loss_fn": Option("mse", "'huber' or 'mse'", lambda value: value in ("huber", "mse")),
}
"""RLlib's names, from `SACConfig.training`; a learning rate that is left out is `learning_rate`.

RLlib's SAC always has the Huber loss: `td_error_loss_fn` is the name of its DQN for the same choice.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig(hyperparameters.DQNConfig):
    """DQN on RLlib; the shared names mean what they say, defaults included."""

    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """RLlib's further options, by the names of `DQN_OPTIONS`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.overrides, DQN_OPTIONS)

    @property
    def options(self) -> dict[str, Any]:
        """All of `DQN_OPTIONS` with their values."""
        return _with_defaults(self.overrides, DQN_OPTIONS)

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is the arena's."""
        return self.options["n_step"] == 1 and not self.options["prioritized_replay"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig(hyperparameters.PPOConfig):
    """PPO on RLlib; the shared names mean what they say, defaults included."""

    initial_weights: InitialWeights = "uniform"
    """Rule of the initial weights: PyTorch's default, or orthogonal kernels and zero biases, which suit large images better."""
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """RLlib's further options, by the names of `PPO_OPTIONS`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.overrides, PPO_OPTIONS)

    @property
    def options(self) -> dict[str, Any]:
        """All of `PPO_OPTIONS` with their values."""
        return _with_defaults(self.overrides, PPO_OPTIONS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SACConfig(hyperparameters.SACConfig):
    """SAC on RLlib; the shared names mean what they say, defaults included."""

    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """RLlib's further options, by the names of `SAC_OPTIONS`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.overrides, SAC_OPTIONS)

    @property
    def options(self) -> dict[str, Any]:
        """All of `SAC_OPTIONS` with their values."""
        return _with_defaults(self.overrides, SAC_OPTIONS)


def _with_defaults(overrides: Mapping[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    return {name: option.default for name, option in options.items()} | dict(overrides)


def _check(overrides: Mapping[str, Any], options: Mapping[str, Option]) -> None:
    for name, value in overrides.items():
        if name not in options:
            raise ValueError(
                f"RLlib's option {name!r} is not known here or cannot be honoured without RLlib's own loop"
                f"{did_you_mean(name, options)} (overrides takes: {', '.join(sorted(options))})"
            )
        option = options[name]
        if not option.accepts(value):
            raise ValueError(f"overrides.{name}={value!r} must be {option.description}")
        if option.needs and not overrides.get(option.needs):
            raise ValueError(f"overrides.{name}={value!r} has no effect without overrides.{option.needs}")
