"""Specs of the Keras-RL agents."""

from arena.agent.spec import AgentSpec
from arena_kerasrl.config import KerasRLDDPGConfig, KerasRLDQNConfig, KerasRLSARSAConfig

_MODULES = frozenset({"tensorflow", "tf_keras", "rl"})
_DISTRIBUTIONS = ("keras-rl2", "tensorflow", "tf-keras", "numpy")
_PROCESS_ENV = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

DQN = AgentSpec(
    id="kerasrl-dqn",
    entry_point="arena_kerasrl.dqn:DQN",
    config=KerasRLDQNConfig,
    framework="Keras-RL",
    algorithm="dqn",
    modules=_MODULES,
    distributions=_DISTRIBUTIONS,
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    process_env=_PROCESS_ENV,
    unneeded=frozenset({"matplotlib", "pandas", "sklearn"}),
    extra="kerasrl",
)

DDPG = AgentSpec(
    id="kerasrl-ddpg",
    entry_point="arena_kerasrl.ddpg:DDPG",
    config=KerasRLDDPGConfig,
    framework="Keras-RL",
    algorithm="ddpg",
    modules=_MODULES,
    distributions=_DISTRIBUTIONS,
    action_spaces=frozenset({"box"}),
    process_env=_PROCESS_ENV,
    unneeded=frozenset({"matplotlib", "pandas", "sklearn"}),
    extra="kerasrl",
)

SARSA = AgentSpec(
    id="kerasrl-sarsa",
    entry_point="arena_kerasrl.sarsa:SARSA",
    config=KerasRLSARSAConfig,
    framework="Keras-RL",
    algorithm="sarsa",
    modules=_MODULES,
    distributions=_DISTRIBUTIONS,
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    process_env=_PROCESS_ENV,
    unneeded=frozenset({"matplotlib", "pandas", "sklearn"}),
    extra="kerasrl",
)
