"""RLlib's own loop, `Algorithm.train()` with a local env runner and learner, with the hyperparameters of one of our runs.

Loops: `dqn` and `ppo` follow the documentation (DQN with one environment, PPO with as many as we have). `dqn-best` and `ppo-best` have the
fastest settings found that keep the algorithm: many environments, Gymnasium's vectorised implementation, whole bursts of updates, and no
check of gradients for NaN.
"""

import os
from typing import Any

import gymnasium as gym

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena_rllib import config as configs
from arena_rllib.specs import DQN
from benchmarks.child.probe import LoopProbe

refuse_other_frameworks(DQN.modules_for(None))

import ray  # noqa: E402 - after what it must not find
import torch  # noqa: E402
from ray.rllib.algorithms.algorithm import Algorithm  # noqa: E402
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig  # noqa: E402
from ray.rllib.core import DEFAULT_MODULE_ID  # noqa: E402

from arena_rllib import dqn, ppo  # noqa: E402

ENV_STEPS = "num_env_steps_sampled_lifetime"
BEST_NUM_ENVS = {"dqn": 8, "ppo": 32}
"""Environments of the loops with the best settings. With more, DQN steps so far past the end of a training period that it makes fewer
updates per env step than we do."""


def dqn_config(config: configs.DQNConfig, *, best: bool) -> AlgorithmConfig:
    """Returns RLlib's config, with the same updates per env step; and uniform replay as in our agent."""
    env = gym.make("CartPole-v1")
    num_envs = BEST_NUM_ENVS["dqn"] if best else 1
    return (
        _common(dqn.algorithm_config(config, env.observation_space), num_envs, best=best)
        .env_runners(rollout_fragment_length=max(1, config.train_period // num_envs) if best else 1)
        .training(
            replay_buffer_config={"type": "EpisodeReplayBuffer", "capacity": config.replay_capacity},
            # RLlib trains in the very step that reaches this number; our agent trains one period later.
            num_steps_sampled_before_learning_starts=config.learning_starts + (config.train_period // 2 if best else 1),
            training_intensity=config.batch_size * config.num_updates / config.train_period,
            target_network_update_freq=config.target_update_period,
            epsilon=[(0, config.epsilon_start), (config.epsilon_decay_steps, config.epsilon_end)],
        )
        .reporting(min_sample_timesteps_per_iteration=4 * config.train_period)  # about RLlib's default of 1,000
    )


def ppo_config(config: configs.PPOConfig, *, best: bool) -> AlgorithmConfig:
    """Returns RLlib's config, with the same transitions, minibatches and epochs in an iteration."""
    env = gym.make("CartPole-v1")
    return _common(
        ppo.algorithm_config(config, env.observation_space, env.action_space), BEST_NUM_ENVS["ppo"] if best else config.num_envs, best=best
    )


def _common(config: AlgorithmConfig, num_envs: int, *, best: bool) -> AlgorithmConfig:
    mode = gym.VectorizeMode.VECTOR_ENTRY_POINT if best else gym.VectorizeMode.SYNC  # RLlib's default
    return (
        config.environment("CartPole-v1")
        .env_runners(num_env_runners=0, num_envs_per_env_runner=num_envs, gym_env_vectorize_mode=mode)
        .learners(num_learners=0, num_gpus_per_learner=0)
        .framework("torch", torch_skip_nan_gradients=best)
    )


def num_updates(algorithm: Algorithm) -> int:
    """Returns the steps that the optimizer has counted."""
    [(_, optimizer)] = algorithm.learner_group._learner.get_optimizers_for_module(DEFAULT_MODULE_ID)
    return max((int(state["step"]) for state in optimizer.state.values()), default=0)


def main() -> None:
    """Trains by `Algorithm.train()`, and prints what it took."""
    probe = LoopProbe()
    torch.set_num_threads(int(os.environ.get("ARENA_NUM_THREADS", "1")))
    kind, _, variant = probe.loop.partition("-")
    make: Any = {"dqn": dqn_config, "ppo": ppo_config}[kind]
    config_class = {"dqn": configs.DQNConfig, "ppo": configs.PPOConfig}[kind]
    config = build_config(config_class, probe.hyperparameters, where=f"rllib-{kind}")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    algorithm = make(config, best=variant == "best").debugging(seed=probe.seed, log_sys_usage=False).build_algo()
    runner = algorithm.env_runner_group.local_env_runner
    probe.timed(runner.env, "step", "env")
    probe.timed(runner, "sample", "collect")
    probe.timed(algorithm.learner_group, "update", "learn")
    done = 0
    if kind == "ppo":  # DQN compiles nothing and needs no warm-up
        done = algorithm.train()[ENV_STEPS]
    first, updates = done, num_updates(algorithm)
    probe.begin()
    while done - first < probe.env_steps:
        done = algorithm.train()[ENV_STEPS]
    probe.finish(env_steps=done - first, updates=num_updates(algorithm) - updates)
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()
