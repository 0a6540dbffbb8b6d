from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.formats.locks import FolderLock
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.schema import write_run
from arena.run_folder.warm_start import began_from, find_origin

FAKE = "arena.testing.fakes:FAKE_AGENT"


def run_of(folder: Path, seed: int = 0, **agent: Any) -> Run:
    wanted: Experiment = from_table(
        {"name": "t", "output": str(folder), "agents": [{"agent": FAKE, **agent}], "envs": ["CartPole-v1"], "seeds": [seed]}
    )
    return next(wanted.runs())


@pytest.fixture
def other(tmp_path: Path) -> RunDir:
    """A run that has begun and has no checkpoint."""
    files = RunDir(tmp_path / "other" / "seed-3")
    files.folder.make()
    write_run(files, run_of(tmp_path, 3))
    return files


def test_a_run_that_cannot_be_begun_from_is_refused_with_the_reason(tmp_path: Path, other: RunDir):
    def refusal(init: object, seed: int = 0) -> str:
        with pytest.raises(ArenaError) as caught:
            find_origin(run_of(tmp_path, seed, init=str(init)))
        return str(caught.value)

    assert "a policy holds how an agent acts" in refusal(other.policy)
    assert "is the folder of a run" in refusal(other.path.parent, seed=1)
    assert f"{other.path} holds no checkpoint" in refusal(other.path.parent, seed=3)
    assert f"{other.path} holds no checkpoint" in refusal(other.path, seed=1), "the folder of one run serves all seeds"
    with FolderLock(other.path):
        assert "a worker is at work in" in refusal(other.path)
    wanted = from_table({"agents": [{"agent": "random", "init": str(other.path)}], "envs": ["CartPole-v1"]})
    with pytest.raises(ArenaError, match=r"is a run of 'arena\.testing.*whose checkpoints 'random' cannot read"):
        find_origin(next(wanted.runs()))


def test_an_agent_that_begins_from_nothing_has_the_inputs_that_it_always_had(tmp_path: Path):
    assert "init" not in run_of(tmp_path).inputs()["agent"]
    assert run_of(tmp_path, init="logs/x").inputs()["agent"]["init"] == "logs/x"
    with pytest.raises(ArenaError, match="init"):
        run_of(tmp_path, init=3)


def test_what_a_record_says_of_an_origin_is_told_in_words():
    assert began_from({"run": "a/CartPole-v1/seed-0", "env_steps": 20_000}) == "a/CartPole-v1/seed-0 after 20,000 env steps"
    assert began_from(None) == "another run"
