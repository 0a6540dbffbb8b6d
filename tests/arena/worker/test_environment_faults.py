"""A whole run, in this process, whose environment gives what no environment may give: the environment is named, not the learner."""

from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from bad_env import GIVEN, LENGTH, NAMES, PLACES, BadEnv

from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.references import Catalogue
from arena.errors import TrainingDiverged
from arena.report.load import load_runs
from arena.report.notes import notes
from arena.report.samples import Samples
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import write_result, write_run
from arena.run_folder.timings import Timings
from arena.testing.fakes import FakeAgent
from arena.worker.worker import train_and_judge


@pytest.fixture(autouse=True)
def bad_env() -> Iterator[None]:
    gym.register("Bad-v0", entry_point=BadEnv, disable_env_checker=True)
    yield
    del gym.registry["Bad-v0"]


class StrictAgent(FakeAgent):
    """Notices by itself what is not finite, as frameworks do, and blames its learner."""

    def update(self, transitions) -> float:
        loss = super().update(transitions)
        if not np.isfinite(loss):
            raise TrainingDiverged("td is nan; try a smaller learning_rate")
        return loss


@pytest.fixture
def work(make_run, tmp_path: Path):
    """Does a run of a fake agent on `BadEnv`, and returns its result."""

    def run(agent_class=FakeAgent, **gives) -> RunResult:
        wanted = make_run(
            envs=[{"id": "Bad-v0", "kwargs": gives}],
            budget={"env_steps": 200},
            checkpoint_period=100,
            evaluation={"period": 50, "episodes": 3},
        )
        run_dir = RunDir(tmp_path / "logs" / wanted.name)
        run_dir.path.mkdir(parents=True)
        write_run(run_dir, wanted)
        BadEnv.made = -2  # the factory makes one to look at, and so does its vector environment
        factory = ArenaEnvFactory(wanted.env, Meter(max_env_steps=200), np.random.SeedSequence(0))
        agent = agent_class(factory, wanted.config(), seed=0, device="cpu")
        result = train_and_judge(wanted, run_dir, agent, factory, lambda event: None, Timings())
        agent.close()
        write_result(run_dir, result)
        return result

    return run


@pytest.mark.parametrize("agent_class", [FakeAgent, StrictAgent])
@pytest.mark.parametrize(("what", "place"), GIVEN)
@pytest.mark.parametrize("value", NAMES)
def test_in_training_the_environment_is_named_and_what_was_done_is_kept(work, what: str, value: str, place: str, agent_class) -> None:
    result = work(agent_class, what=what, value=value, at=PLACES[place], episode=3)
    where = "the reset" if place == "reset" else f"env step {PLACES[place]}"
    assert result.status == "env_failed"
    assert result.reason.startswith(f"the environment gave {value} as {what} at {where} of episode ")
    assert "learning_rate" not in result.reason
    record = RunRecord(Path(result.path))
    assert {episode.episode_return for episode in record.episodes} == {float(LENGTH)}
    assert result.num_episodes == len(record.episodes) >= 4


@pytest.mark.parametrize("what", ["reward", "observation"])
def test_in_an_evaluation_too(work, what: str) -> None:
    result = work(what=what, value="NaN", at=1, episode=1, row=5)  # four environments train; the fifth is the evaluation's to look at
    assert (result.status, result.env_steps) == ("env_failed", 52)
    assert f" gave NaN as {what} at env step 1 of evaluation episode 1;" in result.reason


def test_a_learner_that_diverges_by_itself_has_diverged(work) -> None:
    class Diverging(FakeAgent):
        def update(self, transitions) -> float:
            raise TrainingDiverged("td is nan")

    assert work(Diverging).status == "diverged"


@pytest.mark.filterwarnings("ignore:the environment gave an observation outside of its space")
def test_observations_outside_of_their_space_stand_in_the_result_and_in_the_report(work, tmp_path: Path) -> None:
    result = work(what="observation", value="1.5", at=1, episode=1, row=1)
    assert (result.status, result.num_outside_observations) == ("finished", 1)
    assert RunRecord(Path(result.path)).result == result
    [loaded] = load_runs([tmp_path / "logs"]).runs
    assert loaded.result == result
    found = notes(Samples([loaded], Catalogue({})), (), Catalogue({}))
    assert any(
        note.startswith("Bad-v0") and "gave 1 observations outside of its observation space, in 1 of 1 runs" in note for note in found
    )


class Unseeded(gym.Env):
    """Draws its first observation from a generator that nobody seeds; its episodes have no end."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32), gym.spaces.Discrete(2)
        self.rng = np.random.default_rng()

    def reset(self, *, seed=None, options=None):
        return self.rng.random(1).astype(np.float32), {}

    def step(self, action):
        return self.rng.random(1).astype(np.float32), 0.25, False, False, {}


def test_a_seed_that_is_ignored_and_episodes_that_are_cut_stand_in_the_result_and_in_the_report(make_run, tmp_path: Path) -> None:
    gym.register("Unseeded-v0", entry_point=Unseeded, disable_env_checker=True)
    try:
        wanted = make_run(
            envs=["Unseeded-v0"],
            budget={"env_steps": 40},
            checkpoint_period=20,
            evaluation={"period": 20, "episodes": 2, "final_episodes": 3, "max_episode_steps": 6},
        )
        run_dir = RunDir(tmp_path / "logs" / wanted.name)
        run_dir.path.mkdir(parents=True)
        write_run(run_dir, wanted)
        factory = ArenaEnvFactory(wanted.env, Meter(max_env_steps=40), np.random.SeedSequence(0))
        agent = FakeAgent(factory, wanted.config(), seed=0, device="cpu")
        result = train_and_judge(wanted, run_dir, agent, factory, lambda event: None, Timings())
        agent.close()
        write_result(run_dir, result)
    finally:
        del gym.registry["Unseeded-v0"]
    assert (result.follows_seed, result.score_num_cut, result.score_episodes, result.score_mean) == (False, 3, 3, 1.5)
    assert [row.num_cut for row in RunRecord(run_dir.path).evaluations] == [2, 2, 3]
    [loaded] = load_runs([tmp_path / "logs"]).runs
    found = notes(Samples([loaded], Catalogue({})), (), Catalogue({}))
    assert any(note.startswith("Unseeded-v0: resets ignore their seed.") for note in found)
    assert any("Unseeded-v0: 3 of 3 final evaluation episodes were cut" in note for note in found)
