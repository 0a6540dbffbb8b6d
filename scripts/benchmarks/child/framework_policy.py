"""Plays a framework's own policy in a plain loop, for `benchmarks.evaluation`: `VARIANT ENV`, then a line on stdin for each round.

Prints "ready" once the policy is built, and after each round the env steps or games per CPU second, as JSON.
"""

import json
import sys
from collections.abc import Callable

import gymnasium as gym
import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.spaces import MaskedBox
from benchmarks.plain_loops import AGENTS, SIZES, Act, play_once, played_per_cpu_second, spaces_of


def main() -> None:
    """Builds the policy, and plays a round for each line of stdin."""
    variant, env_id = sys.argv[1:]
    spec = agent_spec(AGENTS[variant])
    refuse_other_frameworks(spec.modules_for(build_config(spec.config, {}, where=spec.id)))
    space, actions = spaces_of(env_id)
    num_features = space.num_features if isinstance(space, MaskedBox) else int(space.shape[0])
    make = {"rllib": rllib, "tf-agents": tf_agents, "keras": keras, "keras-rl": keras_rl}[variant]
    act = make(space, num_features, int(actions.n))
    play_once(env_id, act)
    print(json.dumps("ready"), flush=True)
    for _ in sys.stdin:
        print(json.dumps(played_per_cpu_second(lambda: play_once(env_id, act))), flush=True)


def rllib(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    """Returns `RLModule.forward_inference` of RLlib's default PPO module."""
    import torch
    from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
    from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule

    features = gym.spaces.Box(-np.inf, np.inf, (num_features,), np.float32)
    config = {"fcnet_hiddens": list(SIZES), "fcnet_activation": "relu"}
    module = DefaultPPOTorchRLModule(
        observation_space=features, action_space=gym.spaces.Discrete(num_actions), model_config=config, catalog_class=PPOCatalog
    )

    def scores(features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return module.forward_inference({"obs": torch.from_numpy(features)})["action_dist_inputs"].numpy()

    return best_allowed(space, scores)


def tf_agents(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    """Returns the greedy `policy.action` of TF-Agents' DQN agent, through `common.function`."""
    from tf_agents.trajectories.time_step import restart
    from tf_agents.utils import common

    from arena_tfagents.framework import BoundedTensorSpec, DqnAgent, QNetwork, tf, time_step_spec
    from arena_tfagents.learner import splitter

    observations = tf.TensorSpec(space.shape, tf.float32)
    actions = BoundedTensorSpec((), tf.int64, 0, num_actions - 1)
    net = QNetwork(tf.TensorSpec((num_features,), tf.float32), actions, fc_layer_params=SIZES)
    masks = {"observation_and_action_constraint_splitter": splitter(num_features, num_actions)} if isinstance(space, MaskedBox) else {}
    agent = DqnAgent(time_step_spec(observations), actions, q_network=net, optimizer=None, **masks)
    action = common.function(agent.policy.action)
    return lambda rows: action(restart(tf.constant(rows), batch_size=1)).action.numpy()


def keras(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    """Returns a call of a Keras model (JAX)."""
    import keras as framework

    hidden = [framework.layers.Dense(size, activation="relu") for size in SIZES]
    model = framework.Sequential([framework.Input((num_features,)), *hidden, framework.layers.Dense(num_actions)])
    return best_allowed(space, lambda features: np.asarray(model(features, training=False)))


def keras_rl(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    """Returns `DQNAgent.forward` of keras-rl2, which has no masks."""
    import tf_keras

    from arena_kerasrl.shim import DQNAgent, SequentialMemory, start_session

    assert not isinstance(space, MaskedBox)
    start_session("cpu")
    hidden = [tf_keras.layers.Dense(size, activation="relu") for size in SIZES]
    layers = [tf_keras.layers.Flatten(input_shape=(1, num_features)), *hidden, tf_keras.layers.Dense(num_actions)]
    agent = DQNAgent(tf_keras.Sequential(layers), nb_actions=num_actions, memory=SequentialMemory(limit=10, window_length=1))
    agent.compile(tf_keras.optimizers.legacy.Adam())
    agent.training = False
    return lambda rows: np.array([agent.forward(rows[0])])


def best_allowed(space: gym.spaces.Box, scores: Callable[[np.ndarray], np.ndarray]) -> Act:
    """Returns a policy that takes the best action by `scores`, among those that the mask allows."""
    if not isinstance(space, MaskedBox):
        return lambda rows: scores(rows).argmax(-1)

    def act(rows: np.ndarray) -> np.ndarray:
        features, mask = space.split(rows)
        return np.where(mask, scores(np.ascontiguousarray(features)), -np.inf).argmax(-1)

    return act


if __name__ == "__main__":
    main()
