"""Builds an agent as its config asks: alone, or behind the normalisation of what it sees."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from arena.agent.interface import Agent, EnvFactory, Metrics
from arena.formats.json import read_json_object, write_json
from arena.learning.normalization import CLIP, NormalizingFactory
from arena.policies.preprocessing import prepend_normalization

Array = npt.NDArray[Any]

STATE_FILE = "normalization.json"
"""Name of the file with the statistics, beside what the agent itself writes into a checkpoint."""


def build_agent(agent_class: type[Agent], factory: EnvFactory, config: Any, *, seed: int, device: str) -> Agent:
    """Returns an instance of `agent_class`; behind a `NormalizedAgent` if its config sets `normalize_observations` or `normalize_rewards`.

    Args:
        agent_class: Class of the agent.
        factory: Makes metered environments.
        config: The agent's hyperparameters.
        seed: Seed of the agent.
        device: Device of the agent.
    """
    observations, rewards = getattr(config, "normalize_observations", False), getattr(config, "normalize_rewards", False)
    if not (observations or rewards):
        return agent_class(factory, config, seed=seed, device=device)
    normalizing = NormalizingFactory(factory, observations=observations, rewards=rewards, discount=getattr(config, "discount", 1.0))
    return NormalizedAgent(agent_class(normalizing, config, seed=seed, device=device), normalizing)


class NormalizedAgent(Agent):
    """An agent that trains on normalised observations or rewards, and whose policy takes observations as the environment gives them.

    The statistics grow with every training step. An evaluation plays an exported policy, which has the statistics of its moment.

    Args:
        agent: The agent, which was built with `factory`.
        factory: Made the agent's environments; holds the statistics.
    """

    def __init__(self, agent: Agent, factory: NormalizingFactory) -> None:
        self.agent = agent
        """The agent behind the normalisation."""
        self._factory = factory

    def learn(self, num_steps: int) -> Metrics:
        """Trains the agent, as `Agent.learn` says."""
        return self.agent.learn(num_steps)

    def act(self, observations: Array) -> Array:
        """Returns greedy actions `[N, *act]` for observations `[N, *obs]` that are not normalised."""
        statistics = self._factory.observations
        return self.agent.act(observations if statistics is None else statistics.normalize(observations))

    def export_policy(self, path: Path) -> None:
        """Writes the agent's policy with the normalisation of this moment in its graph."""
        self.agent.export_policy(path)
        statistics = self._factory.observations
        if statistics is not None:
            prepend_normalization(path, statistics.shift, statistics.scale, CLIP)

    def save(self, directory: Path) -> None:
        """Writes the agent's state, and the statistics beside it."""
        self.agent.save(directory)
        write_json(directory / STATE_FILE, self._factory.state())

    def restore(self, directory: Path) -> None:
        """Takes over what `save` wrote."""
        self.agent.restore(directory)
        self._factory.restore(read_json_object(directory / STATE_FILE))

    def close(self) -> None:
        """Closes the agent."""
        self.agent.close()
