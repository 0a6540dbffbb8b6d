"""Settings of the Keras-RL agents."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge

from arena.agent.hyperparameters import Activation, ContinuousConfig, Count, DQNConfig, NetworkConfig, Unit

NonNegative = Annotated[float, Ge(0.0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasRLDQNConfig(DQNConfig):
    """DQN by keras-rl2's `DQNAgent`."""

    huber_delta: NonNegative = 1.0
    """Error beyond which the loss is linear (`delta_clip` of keras-rl2); 0 for half the squared error everywhere."""
    replay: Literal["arena", "keras_rl"] = "arena"
    """Store of transitions: the arena's arrays, or keras-rl2's `SequentialMemory`, which takes one environment only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replay == "arena":
            return
        if self.num_envs != 1:
            raise ValueError(f"replay='keras_rl' keeps one stream of transitions: set num_envs=1 (it is {self.num_envs}) or replay='arena'")
        # Its sample() needs more rows than a batch, or it draws through np.random.random_integers, which NumPy 2 no longer has.
        if self.learning_starts < self.batch_size + 3 or self.replay_capacity < self.batch_size + 3:
            raise ValueError(
                f"replay='keras_rl' draws without replacement: learning_starts={self.learning_starts} and "
                f"replay_capacity={self.replay_capacity} must be at least batch_size + 3 = {self.batch_size + 3}"
            )

    @property
    def stores_frames_once(self) -> bool:
        """Whether the replay buffer is the arena's."""
        return self.replay == "arena"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasRLSARSAConfig(NetworkConfig):
    """SARSA by keras-rl2's `SARSAAgent`: one update per vector step, on the transitions of all environments."""

    activation: Activation = "tanh"
    """Activation after each hidden dense layer; convolutions always have relu."""
    num_envs: Count = 16
    """Number of environments stepped together; each update averages over them."""
    epsilon_start: Unit = 1.0
    """Probability of a random action at the beginning."""
    epsilon_end: Unit = 0.02
    """Probability of a random action after `epsilon_decay_steps`."""
    epsilon_decay_steps: Count = 50_000
    """Env steps over which epsilon falls linearly."""
    huber_delta: NonNegative = 0.0
    """Error beyond which the loss is linear (`delta_clip` of keras-rl2); 0 for half the squared error everywhere."""

    def epsilon(self, env_steps: int) -> float:
        """Returns the probability of a random action after `env_steps`."""
        fraction = min(1.0, env_steps / self.epsilon_decay_steps)
        return self.epsilon_start + fraction * (self.epsilon_end - self.epsilon_start)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasRLDDPGConfig(ContinuousConfig):
    """Deep deterministic policy gradients by keras-rl2's `DDPGAgent`."""

    exploration_noise: NonNegative = 0.1
    """Standard deviation of the noise on unscaled actions while collecting."""
    huber_delta: NonNegative = 0.0
    """Error beyond which the critic's loss is linear (`delta_clip` of keras-rl2); 0 for half the squared error everywhere."""
