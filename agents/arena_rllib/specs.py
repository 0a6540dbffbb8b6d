"""Specs of the RLlib agents; imports no framework."""

from arena.agent.spec import AgentSpec
from arena_rllib.config import DQNConfig, PPOConfig

_RLLIB = {
    "framework": "RLlib",
    "modules": frozenset({"ray", "torch"}),
    "distributions": ("ray", "torch", "numpy"),
    "process_env": {
        "RLLIB_TEST_NO_TF_IMPORT": "1",  # RLlib imports TensorFlow where it finds it, and cannot use it for anything here
    },
    "extra": "rllib",
    "observation_spaces": frozenset({"flat", "image"}),
    "action_masks": True,
    "warm_imports": ("torch._dynamo",),  # imported by the recording of the update as a graph
}

DQN = AgentSpec(
    id="rllib-dqn",
    entry_point="arena_rllib.dqn:DQNAgent",
    config=DQNConfig,
    algorithm="dqn",
    action_spaces=frozenset({"discrete"}),
    **_RLLIB,  # type: ignore[arg-type]
)

PPO = AgentSpec(
    id="rllib-ppo",
    entry_point="arena_rllib.ppo:PPOAgent",
    config=PPOConfig,
    algorithm="ppo",
    action_spaces=frozenset({"discrete", "box"}),
    **_RLLIB,  # type: ignore[arg-type]
)
