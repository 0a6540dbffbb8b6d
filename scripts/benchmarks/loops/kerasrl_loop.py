"""keras-rl2's own loop, `DQNAgent.fit`, with the hyperparameters of one of our runs: the baseline of `kerasrl-dqn`.

`fit` takes one environment. It counts steps in int16, which wraps at 32,767 under NumPy 2 (rl/core.py), so a request must ask for fewer.
"""

import math
from typing import Any

import gymnasium as gym
import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.errors import ArenaError
from arena_kerasrl.config import KerasRLDQNConfig
from arena_kerasrl.specs import DQN
from benchmarks.child.probe import LoopProbe

refuse_other_frameworks(DQN.modules_for(None))

import tf_keras  # noqa: E402, I001 - after what it must not find

from arena_kerasrl.network import make_model  # noqa: E402
from arena_kerasrl.shim import DQNAgent, SequentialMemory, make_optimizer, start_session  # noqa: E402

from rl.policy import EpsGreedyQPolicy, LinearAnnealedPolicy  # noqa: E402 - after the shim

MAX_STEPS = 32_000
"""Largest number of env steps that a request may ask for."""


class FourValues:
    """An environment of Gymnasium as keras-rl2 expects one: `step` returns four values."""

    def __init__(self, env: gym.Env, seed: int) -> None:
        self.env, self._seed = env, seed
        self.action_space, self.observation_space = env.action_space, env.observation_space

    def reset(self) -> Any:
        """Returns the first observation."""
        observation, _ = self.env.reset(seed=self._seed)
        self._seed = None
        return observation

    def step(self, action: int) -> tuple[Any, float, bool, dict[str, Any]]:
        """Returns observation, reward, whether the episode has ended, and an empty dict."""
        observation, reward, terminated, truncated, _ = self.env.step(action)
        return observation, float(reward), terminated or truncated, {}

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()


def main() -> None:
    """Trains by `fit`, and prints what it took."""
    probe = LoopProbe()
    if probe.env_steps > MAX_STEPS:
        raise ArenaError(f"keras-rl2's fit counts steps in int16: ask for at most {MAX_STEPS}, not {probe.env_steps}")
    config = build_config(KerasRLDQNConfig, probe.hyperparameters, where="kerasrl-dqn")
    start_session("cpu")
    env = FourValues(gym.make("CartPole-v1"), probe.seed)
    num_actions = int(env.action_space.n)
    policy = LinearAnnealedPolicy(
        EpsGreedyQPolicy(),
        attr="eps",
        value_max=config.epsilon_start,
        value_min=config.epsilon_end,
        value_test=config.epsilon_end,
        nb_steps=config.epsilon_decay_steps,
    )
    interval = config.train_period // config.num_updates
    agent = DQNAgent(
        make_model(env.observation_space, num_actions, config, np.random.default_rng(probe.seed)),
        nb_actions=num_actions,
        policy=policy,
        memory=SequentialMemory(limit=config.replay_capacity, window_length=1),
        enable_double_dqn=config.double,
        gamma=config.discount,
        batch_size=config.batch_size,
        nb_steps_warmup=config.learning_starts,
        train_interval=interval,
        target_model_update=config.target_update_period,
        delta_clip=config.huber_delta or math.inf,
    )
    agent.compile(make_optimizer(config), metrics=[])
    agent.fit(env, nb_steps=config.learning_starts + 4 * interval, verbose=0)  # TensorFlow prepares its graph
    for name, part in (("forward", "act"), ("backward", "learn")):
        probe.timed(agent, name, part)
    probe.timed(env, "step", "env")
    iterations = agent.trainable_model.optimizer.iterations
    updates = int(tf_keras.backend.get_value(iterations))
    probe.begin()
    agent.fit(env, nb_steps=probe.env_steps, verbose=0)
    probe.finish(env_steps=probe.env_steps, updates=int(tf_keras.backend.get_value(iterations)) - updates)


if __name__ == "__main__":
    main()
