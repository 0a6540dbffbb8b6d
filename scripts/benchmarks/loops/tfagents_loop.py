"""TF-Agents' own documented DQN loops, with the hyperparameters of one of our runs: the baselines of `tfagents-dqn`.

Loop `dqn` follows its tutorials: driver, replay buffer, `next` of the dataset's iterator, `agent.train` through `common.function`. Loop
`dqn-example` follows its script `tf_agents/agents/dqn/examples/v2/train_eval.py` (0.19), which puts the iterator inside `common.function`.
The environments are Gymnasium's vectorised CartPole, which is faster than the environments of both.
"""

import os
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena_tfagents.config import TFAgentsDQNConfig
from arena_tfagents.specs import DQN
from benchmarks.child.probe import LoopProbe

refuse_other_frameworks(DQN.modules_for(None))

from arena_tfagents.framework import BoundedTensorSpec, StepType, TFUniformReplayBuffer, TimeStep, tf, time_step_spec  # noqa: E402, I001
from arena_tfagents.learner import make_agent  # noqa: E402

from tf_agents.drivers.dynamic_step_driver import DynamicStepDriver  # noqa: E402 - after the module that silences its notices
from tf_agents.environments.py_environment import PyEnvironment  # noqa: E402
from tf_agents.environments.tf_py_environment import TFPyEnvironment  # noqa: E402
from tf_agents.policies.random_tf_policy import RandomTFPolicy  # noqa: E402
from tf_agents.specs import ArraySpec, BoundedArraySpec  # noqa: E402
from tf_agents.utils import common  # noqa: E402

Array = npt.NDArray[Any]


class VectorPyEnvironment(PyEnvironment):
    """Gymnasium's vector environment in NEXT_STEP mode, whose steps are TF-Agents' time steps one to one."""

    def __init__(self, env: gym.vector.VectorEnv, seed: int) -> None:
        super().__init__(handle_auto_reset=False)
        self.env, self._seed = env, seed
        self.num_env_steps = 0
        """Number of transitions; a step that only resets an environment does not count."""
        self._ended = np.zeros(env.num_envs, np.bool_)

    @property
    def batched(self) -> bool:
        """Whether observations have a batch axis: always."""
        return True

    @property
    def batch_size(self) -> int:
        """Number of environments."""
        return self.env.num_envs

    def observation_spec(self) -> BoundedArraySpec:
        """Returns the spec of one environment's observation."""
        space = self.env.single_observation_space
        return ArraySpec(space.shape, space.dtype)

    def action_spec(self) -> BoundedArraySpec:
        """Returns the spec of one environment's action."""
        return BoundedArraySpec((), np.int64, 0, int(self.env.single_action_space.n) - 1)

    def _reset(self) -> TimeStep:
        observations, _ = self.env.reset(seed=self._seed)
        self._ended[:] = False
        return self._time_step(StepType.FIRST, np.zeros(self.batch_size), np.ones(self.batch_size), observations)

    def _step(self, action: Array) -> TimeStep:
        observations, rewards, terminated, truncated, _ = self.env.step(np.asarray(action))
        first, self._ended = self._ended, terminated | truncated
        self.num_env_steps += self.batch_size - int(np.count_nonzero(first))
        step_type = np.where(first, StepType.FIRST, np.where(self._ended, StepType.LAST, StepType.MID))
        return self._time_step(step_type, np.where(first, 0.0, rewards), 1.0 - terminated, observations)

    def _time_step(self, step_type: Any, rewards: Array, discounts: Array, observations: Array) -> TimeStep:
        step_types = np.broadcast_to(np.asarray(step_type, np.int32), (self.batch_size,))
        return TimeStep(step_types, rewards.astype(np.float32), discounts.astype(np.float32), observations)


def main() -> None:
    """Trains by the loop asked for, and prints what that took."""
    probe = LoopProbe()
    config = build_config(TFAgentsDQNConfig, probe.hyperparameters, where="tfagents-dqn")
    threads = int(os.environ.get("ARENA_NUM_THREADS", "1"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.random.set_seed(probe.seed)
    vector_env = gym.make_vec("CartPole-v1", config.num_envs, vectorization_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT)
    py_env = VectorPyEnvironment(vector_env, probe.seed)
    env = TFPyEnvironment(py_env)
    epsilon = tf.Variable(config.epsilon_start, dtype=tf.float32)
    spaces = py_env.env.single_observation_space, py_env.env.single_action_space
    agent = make_agent(config, *spaces, epsilon_greedy=lambda: epsilon)
    agent.initialize()
    replay = TFUniformReplayBuffer(agent.collect_data_spec, env.batch_size, max_length=config.replay_capacity // config.num_envs)
    actions = BoundedTensorSpec((), tf.int64, 0, int(spaces[1].n) - 1)
    random_policy = RandomTFPolicy(time_step_spec(tf.TensorSpec(spaces[0].shape, tf.float32)), actions)
    first = DynamicStepDriver(env, random_policy, [replay.add_batch], num_steps=config.learning_starts)
    driver = DynamicStepDriver(env, agent.collect_policy, [replay.add_batch], num_steps=config.train_period)
    first.run, driver.run = common.function(first.run), common.function(driver.run)
    first.run()
    dataset = replay.as_dataset(num_parallel_calls=3, sample_batch_size=config.batch_size, num_steps=2).prefetch(3)
    experience = iter(dataset)

    agent_train = common.function(agent.train)

    def tutorial() -> None:
        for _ in range(config.num_updates):
            agent_train(next(experience)[0])

    train_step = common.function(lambda: agent.train(next(experience)[0]))

    def example() -> None:
        for _ in range(config.num_updates):
            train_step()

    loop = SimpleNamespace(train={"dqn": tutorial, "dqn-example": example}[probe.loop])
    probe.timed(py_env.env, "step", "env")
    probe.timed(loop, "train", "learn")
    for owner in (first, driver):
        probe.timed(owner, "run", "collect")
    time_step, policy_state = driver.run(env.current_time_step(), agent.collect_policy.get_initial_state(env.batch_size))
    loop.train()  # compiles
    updates, begun = int(agent.train_step_counter), py_env.num_env_steps
    probe.begin()
    first.run()
    for _ in range((probe.env_steps - config.learning_starts) // config.train_period):
        epsilon.assign(config.epsilon(py_env.num_env_steps - begun))
        time_step, policy_state = driver.run(time_step, policy_state)
        loop.train()
    probe.finish(env_steps=py_env.num_env_steps - begun, updates=int(agent.train_step_counter) - updates)


if __name__ == "__main__":
    main()
