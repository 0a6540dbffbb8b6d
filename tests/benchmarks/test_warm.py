"""The example scripts that warm workers are measured beside."""

import pytest

from benchmarks.options import names
from benchmarks.startup import AGENTS
from benchmarks.warm import DEFAULT, example_beside


@pytest.mark.parametrize("row", names(DEFAULT))
def test_every_row_has_an_example_of_its_framework(row: str) -> None:
    agent = AGENTS[row][0]
    case, example = example_beside(agent)
    assert example.is_example
    assert case.agent.partition("-")[0] == agent.partition("-")[0]


def test_the_example_of_the_same_algorithm_is_preferred() -> None:
    assert [example_beside(agent)[0].agent for agent in ("rllib-dqn", "rllib-ppo", "keras-ppo")] == ["rllib-dqn", "rllib-ppo", "keras-dqn"]
