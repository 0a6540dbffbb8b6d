"""Specs of the Stable-Baselines3 agents; imports no framework."""

from arena.agent.spec import AgentSpec
from arena_sb3.config import DQNConfig, PPOConfig, SACConfig, TD3Config

_SB3 = {
    "entry_point": "arena_sb3.agent:SB3Agent",
    "framework": "Stable-Baselines3",
    "modules": frozenset({"stable_baselines3", "torch"}),
    "distributions": ("stable-baselines3", "torch", "numpy"),
    "unneeded": frozenset({"cv2", "gym", "matplotlib", "pandas", "tensorboard", "tqdm"}),  # for plots, logs and environments of its own
    "warm_imports": ("torch._dynamo",),  # imported with the first optimizer
    "extra": "sb3",
}

DQN = AgentSpec(
    id="sb3-dqn",
    config=DQNConfig,
    algorithm="dqn",
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    **_SB3,  # type: ignore[arg-type]
)

PPO = AgentSpec(
    id="sb3-ppo",
    config=PPOConfig,
    algorithm="ppo",
    action_spaces=frozenset({"discrete", "choices", "box"}),
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    **_SB3,  # type: ignore[arg-type]
)

SAC = AgentSpec(
    id="sb3-sac",
    config=SACConfig,
    algorithm="sac",
    action_spaces=frozenset({"box"}),
    **_SB3,  # type: ignore[arg-type]
)

TD3 = AgentSpec(
    id="sb3-td3",
    config=TD3Config,
    algorithm="td3",
    action_spaces=frozenset({"box"}),
    **_SB3,  # type: ignore[arg-type]
)
