"""Loads keras-rl2 1.0.5 on today's TensorFlow, without editing its files. Import it before anything of `rl`.

keras-rl2 was written for tf.keras of TensorFlow 2.1. What stands between:

- It imports `tensorflow.keras.*`, which since TensorFlow 2.16 is Keras 3. The names are pointed at `tf_keras`, the old Keras.
- Importing `rl.agents` switches eager execution off for the whole process (rl/agents/ddpg.py). Its agents need that: graph mode it is,
  with one session per process.
- Its optimizers must be `tf_keras.optimizers.legacy` ones; the newer fail in rl/util.py.
"""

import functools
import importlib
import os
import sys
import weakref

import tensorflow as tf
import tf_keras

for _name in ("", ".models", ".layers", ".callbacks", ".backend", ".optimizers"):
    sys.modules[f"tensorflow.keras{_name}"] = importlib.import_module(f"tf_keras{_name}")

from rl.agents import DDPGAgent, DQNAgent, SARSAAgent  # noqa: E402 - after the names above
from rl.memory import SequentialMemory  # noqa: E402
from rl.util import get_soft_target_model_updates  # noqa: E402

from arena.agent.hyperparameters import NetworkConfig  # noqa: E402
from arena.machine.devices import gpu_index, gpu_share  # noqa: E402

__all__ = [
    "NEVER",
    "DDPGAgent",
    "DQNAgent",
    "SARSAAgent",
    "SequentialMemory",
    "get_soft_target_model_updates",
    "keep_session",
    "leave_session",
    "make_optimizer",
    "start_session",
]

NEVER = 10**9
"""Env steps between target updates as keras-rl2 would make them; the arena's agents make them instead."""

_agents: weakref.WeakSet[DDPGAgent | DQNAgent | SARSAAgent] = weakref.WeakSet()
"""Agents in the process's graph that are not closed."""


def start_session(device: str) -> None:
    """Opens the process's TensorFlow session: `ARENA_NUM_THREADS` threads, and no GPU but the one that `device` names.

    Agents that live at a time share the session and its graph. Once all of them are closed, the next one begins with an empty graph:
    TensorFlow goes through the whole graph for each function that it prepares, so an agent would be made more slowly after every other.

    Raises:
        DeviceUnavailable: if TensorFlow sees no such GPU.
    """
    if not _agents:
        tf_keras.backend.clear_session()
        _open_session.cache_clear()
    _open_session(device)


def keep_session(agent: DDPGAgent | DQNAgent | SARSAAgent) -> None:
    """Notes that `agent` needs the open session, which then is not replaced before `leave_session` is called for it."""
    _agents.add(agent)


def leave_session(agent: DDPGAgent | DQNAgent | SARSAAgent) -> None:
    """Notes that `agent` needs its session no longer; the agent works until `start_session` opens the next one."""
    _agents.discard(agent)


@functools.cache
def _open_session(device: str) -> None:
    threads = int(os.environ.get("ARENA_NUM_THREADS", "1"))
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    if device == "cpu":
        config.device_count["GPU"] = 0
    else:
        index = gpu_index(device, len(tf.config.list_physical_devices("GPU")), "Keras-RL")
        config.gpu_options.allow_growth = True
        config.gpu_options.visible_device_list = str(index)
        config.gpu_options.per_process_gpu_memory_fraction = gpu_share() or 0.0  # 0: no limit
    tf.compat.v1.keras.backend.set_session(tf.compat.v1.Session(config=config))


def make_optimizer(config: NetworkConfig) -> tf_keras.optimizers.legacy.Adam:
    """Returns Adam with the gradient's global norm clipped, unless `max_gradient_norm` is 0."""
    clip = config.max_gradient_norm or None
    return tf_keras.optimizers.legacy.Adam(config.learning_rate, epsilon=config.adam_epsilon, global_clipnorm=clip)
