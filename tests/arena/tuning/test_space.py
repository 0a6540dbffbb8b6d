"""The table `tune.space` of an experiment's file."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from arena.errors import ArenaError
from arena.testing.fakes import FAKE_AGENT
from arena.tuning.config import load_tuning
from arena.tuning.space import make_space

pytestmark = pytest.mark.extra


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "epsilom = { low = 0.0, high = 1.0 }",
            "tune.space.q-learning: agent 'fake' has no hyperparameter 'epsilom'; did you mean 'epsilon'",
        ),
        ("epsilon = { low = 0.0 }", "tune.space.q-learning.epsilon: give low and high, or choices"),
        ("epsilon = { low = 0.5, high = 0.1 }", "low=0.5 must be less than high=0.1"),
        ("epsilon = { low = 0.0, high = 1.5 }", "tune.space.q-learning.epsilon: high=1.5: Input should be less than or equal to 1"),
        ("epsilon = { low = 0.0, high = 1.0, log = true }", "log needs a range above 0"),
        ("epsilon = { choices = [0.1] }", "choices=[0.1]"),
        ("epsilon = { choices = [0.1, 2.0] }", "epsilon: 1=2.0: Input should be less than or equal to 1"),
        ("epsilon = { lo = 0.1, high = 0.2 }", "tune.space.q-learning.epsilon: unknown key 'lo'; did you mean 'low'"),
        ("epsilon = 0.1", "tune.space.q-learning.epsilon=0.1 must be a table"),
        ("num_envs = { low = 1.5, high = 3 }", "num_envs: low=1.5: Input should be a valid integer"),
        ("fault = { low = 1, high = 2 }", "fault: low=1: Input should be"),
    ],
)
def test_a_wrong_space_names_the_thing(write_search: Callable[[str, str], Path], change: str, message: str):
    file = write_search("epsilon = { low = 0.0, high = 1.0 }\nnum_envs = { choices = [2, 4] }\n", change)
    with pytest.raises(ArenaError) as caught:
        load_tuning(file)
    assert message in str(caught.value)


def test_a_space_suggests_values_of_the_hyperparameters_types_and_describes_itself_as_given():
    table = {
        "epsilon": {"low": 0.1, "high": 1.0, "log": True},
        "num_envs": {"low": 2, "high": 8, "step": 3},
        "fault": {"choices": ["none", "nan"]},
    }
    space = make_space(table, FAKE_AGENT, "tune.space.fake")
    values = {"epsilon": 0.3, "num_envs": 5, "fault": '"nan"'}
    assert space.suggest(optuna.trial.FixedTrial(values)) == {"epsilon": 0.3, "num_envs": 5, "fault": "nan"}
    assert space.whole == {"num_envs"}
    assert space.describe() == table
