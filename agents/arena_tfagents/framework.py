"""TensorFlow and TF-Agents, imported without their notices and set up for one worker."""

import os
import warnings

import gym_notices.notices

from arena.machine.devices import take_tensorflow

# TF-Agents imports the old `gym`, which tells every process on stderr that it is unmaintained. Nothing here uses it.
gym_notices.notices.notices.clear()
with warnings.catch_warnings():
    # tf_agents 0.19 and tensorflow_probability 0.25 compare versions by distutils, and have invalid escapes in docstrings.
    warnings.filterwarnings("ignore", "distutils Version classes", DeprecationWarning)
    warnings.simplefilter("ignore", SyntaxWarning)
    import tensorflow as tf
    from tf_agents.agents.categorical_dqn.categorical_dqn_agent import CategoricalDqnAgent
    from tf_agents.agents.ddpg.actor_network import ActorNetwork
    from tf_agents.agents.ddpg.critic_network import CriticNetwork
    from tf_agents.agents.dqn.dqn_agent import DdqnAgent, DqnAgent
    from tf_agents.agents.sac.sac_agent import SacAgent
    from tf_agents.agents.sac.tanh_normal_projection_network import TanhNormalProjectionNetwork
    from tf_agents.agents.td3.td3_agent import Td3Agent
    from tf_agents.networks.actor_distribution_network import ActorDistributionNetwork
    from tf_agents.networks.categorical_q_network import CategoricalQNetwork
    from tf_agents.networks.q_network import QNetwork
    from tf_agents.replay_buffers.tf_uniform_replay_buffer import TFUniformReplayBuffer
    from tf_agents.specs import BoundedTensorSpec
    from tf_agents.trajectories import StepType, TimeStep, Trajectory, time_step_spec
    from tf_agents.utils.common import element_wise_huber_loss

__all__ = [
    "ActorDistributionNetwork",
    "ActorNetwork",
    "BoundedTensorSpec",
    "CategoricalDqnAgent",
    "CategoricalQNetwork",
    "CriticNetwork",
    "DdqnAgent",
    "DqnAgent",
    "QNetwork",
    "SacAgent",
    "StepType",
    "TFUniformReplayBuffer",
    "TanhNormalProjectionNetwork",
    "Td3Agent",
    "TimeStep",
    "Trajectory",
    "element_wise_huber_loss",
    "set_up",
    "tf",
    "time_step_spec",
]

tf.get_logger().setLevel("ERROR")  # the warnings are about deprecated functions that TF-Agents calls


def set_up(device: str, seed: int) -> None:
    """Takes one device and few threads, and makes TensorFlow's operations deterministic. Call before the first operation.

    Args:
        device: `"cpu"` (GPUs are then hidden), `"cuda"` or `"cuda:<index>"`.
        seed: Seed of TensorFlow's random operations.

    Raises:
        DeviceUnavailable: if TensorFlow sees no such GPU.
    """
    num_threads = int(os.environ.get("ARENA_NUM_THREADS", "1"))
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)
    take_tensorflow(tf.config, device, "TF-Agents")
    tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 on GPUs too
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(seed)
