"""The file in which a search leaves its outcome."""

from pathlib import Path

import pytest

from arena.experiment.file import from_toml
from arena.tuning.best import write_best
from arena.tuning.study import Tuned

pytestmark = pytest.mark.extra


def test_other_files_extend_the_outcome_and_carry_what_it_cost(tmp_path: Path):
    found = Tuned(agent="fake", settings={"epsilon": 0.3, "num_envs": 2}, score=0.12345678, record={"trials": 3, "envs": ["CartPole-v1"]})
    write_best(tmp_path / "best.toml", [found], "search.toml")
    (tmp_path / "after.toml").write_text(
        'extends = "best.toml"\nagents = ["arena.testing.fakes:FAKE_AGENT", "random"]\nenvs = ["CartPole-v1"]\n'
    )
    fake, other = from_toml(tmp_path / "after.toml").agents
    assert (fake.hyperparameters["epsilon"], fake.hyperparameters["num_envs"]) == (0.3, 2)
    assert fake.tuning == {"trials": 3, "envs": ["CartPole-v1"], "score": 0.123457}
    assert other.tuning is None
