"""Hyperparameters: the shared names of DQN, PPO, SAC and TD3, and the check of a table from a file or the command line.

An adapter's config is a frozen dataclass that inherits the shared one and adds what its framework has besides. Types and ranges
stand in the annotations and are checked by pydantic.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import pydantic
from annotated_types import Ge, Gt, Interval, Len

from arena.errors import ArenaError, did_you_mean
from arena.formats.validation import sentence, validate

Positive = Annotated[float, Gt(0.0), pydantic.AllowInfNan(False)]
NonNegative = Annotated[float, Ge(0.0), pydantic.AllowInfNan(False)]
Unit = Annotated[float, Interval(ge=0.0, le=1.0)]
Count = Annotated[int, Interval(ge=1, le=2**63 - 1)]
Activation = Literal["relu", "tanh"]
InitialWeights = Literal["uniform", "orthogonal"]
"""Rule of initial weights: `arena.policies.onnx_network.initial_weights` or `orthogonal_weights`."""
NetworkName = Literal["auto", "nature", "impala-small", "minatar"]
ConvLayer = tuple[Count, Count, Count]
"""Filters, kernel size and stride of a convolution."""

LOG_STD_BOUNDS = (-20.0, 2.0)
"""Bounds to which SAC clips the log standard deviation of its Gaussian, as the authors' code does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A feed-forward network: convolutions for images, then dense layers. `arena.agent.networks` says which layers an environment gets."""

    flat_hidden_sizes: ClassVar[tuple[int, ...]] = (64, 64)
    """Units of the hidden dense layers, unless `hidden_sizes` or the `network` of an image says otherwise."""
    hidden_sizes: Annotated[tuple[Count, ...], Len(1)] | None = None
    """Units of each hidden dense layer; by default those of `network` for images, and two layers of 64 otherwise (SAC and TD3: 256)."""
    activation: Activation = "relu"
    """Activation after each hidden dense layer; convolutions always have relu."""
    network: NetworkName = "auto"
    """Published network for image observations, with its dense layers; `auto` takes the largest that fits the image."""
    conv_layers: tuple[ConvLayer, ...] = ()
    """Filters, kernel size and stride of each convolution, without padding, in place of a published `network`. For images only."""
    learning_rate: Positive = 1e-3
    """Learning rate of Adam (Kingma and Ba, 2015)."""
    adam_epsilon: Positive = 1e-8
    """Number added to the root of Adam's second moment, where the framework adds it (see the agent's README)."""
    max_gradient_norm: Positive = 10.0
    """Largest global norm of the gradients; longer ones are scaled down to it."""
    discount: Unit = 0.99
    """Weight of the next step's value."""
    num_envs: Count = 8
    """Number of environments stepped together."""
    normalize_observations: bool = False
    """Whether flat observations are shifted and scaled by their running mean and variance, which the exported policy has in its graph."""
    normalize_rewards: bool = False
    """Whether rewards are divided by the running deviation of discounted returns; scores stay in the environment's own units."""

    def __post_init__(self) -> None:
        if self.conv_layers and self.network != "auto":
            shown = [list(layer) for layer in self.conv_layers]
            raise ValueError(f"network={self.network!r} and conv_layers={shown} are two choices of the same layers: set one of them")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayConfig(NetworkConfig):
    """What every agent that learns from a replay buffer has. Periods are in env steps."""

    batch_size: Count = 64
    """Number of transitions in a minibatch."""
    replay_capacity: Count = 50_000
    """Number of transitions that the replay buffer keeps."""
    learning_starts: Count = 1_000
    """Env steps of random actions before the first update."""
    train_period: Count = 64
    """Env steps between two training bursts."""
    num_updates: Count = 32
    """Optimizer steps in a training burst."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replay_capacity < max(self.batch_size, self.num_envs):
            raise ValueError(f"replay_capacity={self.replay_capacity} is smaller than batch_size or num_envs")

    @property
    def target_update_bursts(self) -> int:
        """Training bursts between two target updates."""
        return 1

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is `arena.learning.replay.ReplayBuffer`, which holds each frame of a stack once."""
        return True


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig(ReplayConfig):
    """Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) with Adam and Huber loss. Periods are in env steps."""

    target_update_period: Count = 128
    """Env steps between two copies of the weights into the target network, after a burst; a multiple of `train_period`."""
    target_update_tau: Annotated[float, Interval(gt=0.0, le=1.0)] = 1.0
    """Share of the online weights in each copy into the target network."""
    epsilon_start: Unit = 1.0
    """Probability of a random action at the beginning."""
    epsilon_end: Unit = 0.05
    """Probability of a random action after `epsilon_decay_steps`."""
    epsilon_decay_steps: Count = 10_000
    """Env steps over which epsilon falls linearly."""
    double: bool = False
    """Choose the next action by the online network, value it by the target network (van Hasselt et al., 2016)."""

    def __post_init__(self) -> None:
        if self.target_update_period % self.train_period:
            raise ValueError(f"target_update_period={self.target_update_period} must be a multiple of train_period={self.train_period}")
        super().__post_init__()

    @property
    def target_update_bursts(self) -> int:
        """Training bursts between two target updates."""
        return self.target_update_period // self.train_period

    def epsilon(self, env_steps: int) -> float:
        """Returns the probability of a random action after `env_steps`."""
        fraction = min(1.0, env_steps / self.epsilon_decay_steps)
        return self.epsilon_start + fraction * (self.epsilon_end - self.epsilon_start)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig(NetworkConfig):
    """Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347) with generalised advantages (arXiv:1506.02438)."""

    activation: Activation = "tanh"
    """Activation after each hidden dense layer; convolutions always have relu."""
    adam_epsilon: Positive = 1e-5
    """Number added to the root of Adam's second moment, where the framework adds it (see the agent's README)."""
    max_gradient_norm: Positive = 0.5
    """Largest global norm of the gradients; longer ones are scaled down to it."""
    rollout_length: Count = 128
    """Vector steps in a rollout: `rollout_length * num_envs` transitions."""
    batch_size: Count = 256
    """Number of transitions in a minibatch."""
    num_epochs: Count = 10
    """Number of passes over a rollout."""
    gae_lambda: Unit = 0.95
    """Weight of longer returns in the advantage."""
    clip_ratio: Positive = 0.2
    """Bound on the change of the action probability's ratio."""
    entropy_coefficient: Annotated[float, Ge(0.0)] = 0.0
    """Weight of the entropy bonus."""
    value_coefficient: Annotated[float, Ge(0.0)] = 0.5
    """Weight of the value loss."""
    anneal_steps: Annotated[int, Ge(0)] = 0
    """Env steps over which `learning_rate` falls linearly to zero; 0 keeps it constant."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rollout_length * self.num_envs < self.batch_size:
            raise ValueError(f"batch_size={self.batch_size} is larger than a rollout ({self.rollout_length} x {self.num_envs} transitions)")

    def learning_rate_at(self, env_steps: int) -> float:
        """Returns the learning rate after `env_steps`."""
        if not self.anneal_steps:
            return self.learning_rate
        return self.learning_rate * max(0.0, 1.0 - env_steps / self.anneal_steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContinuousConfig(ReplayConfig):
    """What SAC and TD3 share. Both learn from unscaled actions, where [-1, 1] spans the bounds of the environment's Box."""

    flat_hidden_sizes: ClassVar[tuple[int, ...]] = (256, 256)
    """Units of the hidden dense layers of the actor and of both critics, unless `hidden_sizes` says otherwise."""
    learning_rate: Positive = 3e-4
    """Learning rate of Adam (Kingma and Ba, 2015), the same for every part."""
    max_gradient_norm: NonNegative = 0.0
    """Largest global norm of the gradients of each part (actor, critics, temperature); 0 leaves gradients as they are."""
    num_envs: Count = 4
    """Number of environments stepped together."""
    batch_size: Count = 256
    """Number of transitions in a minibatch."""
    replay_capacity: Count = 1_000_000
    """Number of transitions that the replay buffer keeps."""
    learning_starts: Count = 1_000
    """Env steps of uniformly random actions before the first update."""
    train_period: Count = 32
    """Env steps between two training bursts."""
    num_updates: Count = 32
    """Optimizer steps in a training burst."""
    target_update_tau: Annotated[float, Interval(gt=0.0, le=1.0)] = 0.005
    """Share of the online weights that moves into the target networks after every optimizer step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SACConfig(ContinuousConfig):
    """Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) with a learned temperature and two critics."""

    initial_alpha: Positive = 1.0
    """Temperature, the weight of the policy's entropy, before the first update."""
    target_entropy_per_dimension: Annotated[float, pydantic.AllowInfNan(False)] = -1.0
    """Entropy of the policy, in nats for each dimension of an unscaled action, that the temperature aims at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TD3Config(ContinuousConfig):
    """Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477)."""

    exploration_noise: NonNegative = 0.1
    """Standard deviation of the noise on unscaled actions while collecting."""
    target_noise: NonNegative = 0.2
    """Standard deviation of the noise on unscaled next actions in the targets."""
    target_noise_clip: NonNegative = 0.5
    """Largest absolute value of the noise on next actions."""
    policy_delay: Count = 2
    """Updates of the critics for each update of the actor and of the target networks; divides `num_updates`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_updates % self.policy_delay:
            raise ValueError(f"num_updates={self.num_updates} must be a multiple of policy_delay={self.policy_delay}")


def build_config(config_class: type, table: Mapping[str, Any], *, where: str) -> Any:
    """Returns `config_class(**table)` with every value checked.

    Args:
        config_class: Dataclass whose fields all have defaults.
        table: Values by name, from TOML or the command line.
        where: What the table belongs to, for errors: `agent 'keras-dqn'`.

    Raises:
        ArenaError: on an unknown name (with the near one), a wrong type, or a value out of range.
    """
    for name in table:
        hyperparameter_type(config_class, name, where=where)
    try:
        return validate(config_class, dict(table))
    except pydantic.ValidationError as error:
        raise ArenaError(f"{where}: {sentence(error)}") from error


def hyperparameter_type(config_class: type, name: str, *, where: str) -> Any:
    """Returns the annotation of one hyperparameter, with its range; raises as `build_config` if there is none of that name."""
    names = [field.name for field in dataclasses.fields(config_class)]
    if name not in names:
        raise ArenaError(f"{where} has no hyperparameter {name!r}{did_you_mean(name, names)} (it has: {', '.join(sorted(names))})")
    return _annotations(config_class)[name]


@functools.cache
def _annotations(config_class: type) -> Mapping[str, Any]:
    return get_type_hints(config_class, include_extras=True)
