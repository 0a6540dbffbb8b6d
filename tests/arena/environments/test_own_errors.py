import json

import numpy as np
import pytest
from raising_env import RaisingEnv

from arena.environments.common_form import CommonForm
from arena.environments.own_errors import environment_error, errors_of, with_notes_of
from arena.environments.values import MissingValue
from arena.errors import ArenaError, EnvironmentFault, EnvironmentRaised


def test_an_error_names_environment_env_step_and_episode_and_its_line():
    told = "environment Mine-v0 failed at env step 3 of episode 7: ValueError: so bad"
    with pytest.raises(EnvironmentRaised) as found, errors_of("Mine-v0", 3, "episode 7"):
        raise ValueError("so\n bad")
    assert str(found.value) == told
    assert isinstance(found.value.__cause__, ValueError)
    [note] = found.value.__notes__
    assert f"{__file__}, line " in note
    assert 'raise ValueError("so\\n bad")' in note


def test_the_line_is_of_the_environment_and_not_of_what_it_calls():
    with pytest.raises(EnvironmentRaised) as found, errors_of("Mine-v0", 0, "episode 7"):
        json.loads("{")
    [note] = found.value.__notes__
    assert 'json.loads("{")' in note
    assert "at the reset of episode 7" in str(found.value)


def test_a_missing_value_stays_a_fault_of_the_environment():
    found = environment_error(MissingValue("None", "reward", 2), "Mine-v0", 9, "episode 7")
    assert isinstance(found, EnvironmentFault)
    assert str(found).startswith("environment Mine-v0 gave None as reward at env step 2 of episode 7;")


def test_an_error_without_a_name_or_a_line_is_told_as_well():
    found = environment_error(OSError("gone"), "", None, "its end")
    assert str(found) == "the environment failed at its end: OSError: gone"
    assert not hasattr(found, "__notes__")
    found.add_note("somewhere")
    assert with_notes_of(found, ArenaError("another")).__notes__ == ["somewhere"]


def test_an_environment_in_common_form_says_whether_it_came_to_an_end():
    env = CommonForm(RaisingEnv(env_step=2))
    env.reset()
    env.step(np.int64(0))
    assert (env.env_step, env.is_stepping) == (1, False)
    with pytest.raises(KeyError):
        env.step(np.int64(0))
    assert (env.env_step, env.is_stepping) == (2, True)
    with pytest.raises(EnvironmentRaised, match=r"^the environment failed at its end: KeyError: 'no such"):
        CommonForm(RaisingEnv(at="close")).close()
