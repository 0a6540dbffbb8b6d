"""Specs of the baselines: agents that learn nothing, to measure the others against."""

from arena.agent.spec import AgentSpec
from arena_baselines.config import ConstantConfig, RandomConfig

RANDOM = AgentSpec(
    id="random",
    entry_point="arena_baselines.agents:RandomAgent",
    config=RandomConfig,
    framework="NumPy",
    algorithm="random",
    modules=frozenset(),
    distributions=("numpy",),
    action_spaces=frozenset({"discrete", "choices", "box"}),
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    action_masks=True,
)

CONSTANT = AgentSpec(
    id="constant",
    entry_point="arena_baselines.agents:ConstantAgent",
    config=ConstantConfig,
    framework="NumPy",
    algorithm="constant",
    modules=frozenset(),
    distributions=("numpy",),
    action_spaces=frozenset({"discrete", "choices", "box"}),
    observation_spaces=frozenset({"flat", "image", "mixed"}),
    action_masks=True,
)
