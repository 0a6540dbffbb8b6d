"""The search spaces of algorithms fit every installed agent, value by value."""

from collections.abc import Iterator
from typing import Any

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_ids, agent_spec
from arena.errors import ArenaError
from arena.tuning.config import tuning_for
from arena.tuning.default_space import DEFAULT_SPACES, default_space
from arena.tuning.space import Parameter, make_space

pytestmark = pytest.mark.extra
SEARCHED = [agent_id for agent_id in agent_ids() if agent_id not in ("random", "constant")]


def values(parameter: Parameter, *, whole: bool) -> Iterator[Any]:
    """Yields the choices, or the ends of a range."""
    if parameter.choices is not None:
        yield from parameter.choices
        return
    assert parameter.low is not None
    assert parameter.high is not None
    yield from (int(end) if whole else end for end in (parameter.low, parameter.high))


@pytest.mark.parametrize("agent_id", SEARCHED)
def test_every_agent_takes_every_value_of_its_space(agent_id: str):
    spec = agent_spec(agent_id)
    space = make_space(default_space(spec), spec, agent_id)
    for name, parameter in space.parameters.items():
        for value in values(parameter, whole=name in space.whole):
            build_config(spec.config, {name: value}, where=agent_id)


def test_an_agent_without_anything_to_search_is_refused():
    with pytest.raises(ArenaError, match=r"no default search space for 'random', whose algorithm is 'random' \(there are some for: dqn"):
        tuning_for("random", "CartPole-v1", env_steps=100, num_seeds=1)


def test_an_agent_and_an_environment_are_a_whole_search():
    experiment, config, spaces = tuning_for("keras-ppo", "CartPole-v1", env_steps=5_000, num_seeds=3)
    assert (experiment.name, experiment.seeds, experiment.budget.env_steps) == ("tune-keras-ppo-CartPole-v1", (0, 1, 2), 5_000)
    assert experiment.evaluation.period == 500
    assert spaces.keys() == {"keras-ppo"}
    assert spaces["keras-ppo"].parameters.keys() == DEFAULT_SPACES["ppo"].keys()
    assert config.sampler == "TPESampler"
