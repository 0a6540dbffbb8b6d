"""Hyperparameters of the Stable-Baselines3 agents: the shared ones, less what SB3 cannot express. Imports no framework."""

import dataclasses

from arena.agent import hyperparameters


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig(hyperparameters.DQNConfig):
    """Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236) with Adam and Huber loss, on Stable-Baselines3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_period(self)
        if self.double:
            raise ValueError("double=true: Stable-Baselines3's DQN has no double Q-learning; keras-dqn, rllib-dqn and tfagents-dqn have it")

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is the arena's; Stable-Baselines3's holds whole observations."""
        return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig(hyperparameters.PPOConfig):
    """Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347) on Stable-Baselines3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size < 2:
            raise ValueError(f"batch_size={self.batch_size}: Stable-Baselines3's PPO standardises advantages over minibatches of 2 or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SACConfig(hyperparameters.SACConfig):
    """Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) on Stable-Baselines3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_period(self)
        _check_gradients(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TD3Config(hyperparameters.TD3Config):
    """Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477) on Stable-Baselines3."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_period(self)
        _check_gradients(self)


def _check_period(config: hyperparameters.ReplayConfig) -> None:
    if config.train_period % config.num_envs:
        raise ValueError(
            f"train_period={config.train_period} must be a multiple of num_envs={config.num_envs}: Stable-Baselines3 trains after whole "
            "vector steps"
        )


def _check_gradients(config: hyperparameters.ContinuousConfig) -> None:
    if config.max_gradient_norm:
        raise ValueError(
            f"max_gradient_norm={config.max_gradient_norm}: Stable-Baselines3 does not clip the gradients of SAC and TD3; 0 only"
        )
