"""What the arena must know of the TF-Agents agents before it imports TensorFlow."""

from typing import Any

from arena.agent.spec import AgentSpec
from arena_tfagents.config import C51Config, TFAgentsDQNConfig, TFAgentsSACConfig, TFAgentsTD3Config

_SHARED: dict[str, Any] = {
    "framework": "TF-Agents",
    "modules": frozenset({"tensorflow", "tf_agents", "tf_keras", "tensorflow_probability"}),
    "distributions": ("tf-agents", "tensorflow", "tf-keras", "tensorflow-probability", "numpy"),
    # TF-Agents needs Keras 2 under the name tf.keras; TensorFlow's C++ log holds notices about its build only.
    "process_env": {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    "unneeded": frozenset({"matplotlib", "pandas", "sklearn"}),  # for data frames and estimators
    "extra": "tfagents",
}

_DISCRETE: dict[str, Any] = {
    "entry_point": "arena_tfagents.dqn:DQN",
    "observation_spaces": frozenset({"flat", "image", "mixed"}),
    "action_masks": True,
}

DQN = AgentSpec(id="tfagents-dqn", config=TFAgentsDQNConfig, algorithm="dqn", **_DISCRETE, **_SHARED)
C51 = AgentSpec(id="tfagents-c51", config=C51Config, algorithm="c51", **_DISCRETE, **_SHARED)
SAC = AgentSpec(
    id="tfagents-sac",
    entry_point="arena_tfagents.sac:SAC",
    config=TFAgentsSACConfig,
    algorithm="sac",
    action_spaces=frozenset({"box"}),
    **_SHARED,
)
TD3 = AgentSpec(
    id="tfagents-td3",
    entry_point="arena_tfagents.td3:TD3",
    config=TFAgentsTD3Config,
    algorithm="td3",
    action_spaces=frozenset({"box"}),
    **_SHARED,
)
