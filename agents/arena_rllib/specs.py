"""Specs of the RLlib agents; imports no framework."""

from arena.agent.spec import AgentSpec
from arena_rllib.config import DQNConfig, PPOConfig, SACConfig

_RLLIB = {
    "framework": "RLlib",
    "modules": frozenset({"ray", "torch"}),
    "distributions": ("ray", "torch", "numpy"),
    "process_env": {
        "RLLIB_TEST_NO_TF_IMPORT": "1",  # RLlib imports TensorFlow where it finds it, and cannot use it for anything here
    },
    "extra": "rllib",
    "warm_imports": ("torch._dynamo",),  # imported by the recording of the update as a graph
}

_DISCRETE = {"observation_spaces": frozenset({"flat", "image", "mixed"}), "action_masks": True}

DQN = AgentSpec(
    id="rllib-dqn",
    entry_point="arena_rllib.dqn:DQNAgent",
    config=DQNConfig,
    algorithm="dqn",
    action_spaces=frozenset({"discrete"}),
    **_DISCRETE,
    **_RLLIB,  # type: ignore[arg-type]
)

PPO = AgentSpec(
    id="rllib-ppo",
    entry_point="arena_rllib.ppo:PPOAgent",
    config=PPOConfig,
    algorithm="ppo",
    action_spaces=frozenset({"discrete", "choices", "box"}),
    **_DISCRETE,
    **_RLLIB,  # type: ignore[arg-type]
)

SAC = AgentSpec(
    id="rllib-sac",
    entry_point="arena_rllib.sac:SACAgent",
    config=SACConfig,
    algorithm="sac",
    action_spaces=frozenset({"box"}),
    **_RLLIB,  # type: ignore[arg-type]
)
