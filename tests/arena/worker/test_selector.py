"""The selector: which policy is kept, and when a target return is held."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from arena.errors import EnvironmentFault
from arena.policies.evaluation import Evaluation
from arena.policies.metadata import ScoreMetadata, read_metadata
from arena.policies.parity import PARITY_BATCH_SIZE, ParityBroken
from arena.policies.policy import OnnxPolicy
from arena.run_folder.folder import RunDir
from arena.seeding import evaluation_seeds
from arena.worker.selector import Selector
from arena.worker.state import TrainingState


class Stage:
    """A selector among fakes: `play` gives the `returns` one after the other, and notes what it was asked."""

    def __init__(self, run, run_dir: RunDir, agent, spaces, *returns: float, keeps_snapshots: bool = False) -> None:
        self.run, self.run_dir, self.agent, self.factory, self.returns = run, run_dir, agent, spaces, iter(returns)
        self.played: list[tuple[int, int]] = []
        self.logged: list[tuple[str, float, int]] = []
        self.meter, self.state = SimpleNamespace(env_steps=0), TrainingState()
        log = SimpleNamespace(add_evaluation=self.note)
        parts = agent, spaces, self.meter, self.state, log, self.play
        self.found: list[Path] = []
        self.selector = Selector(run, run_dir, *parts, keeps_snapshots=keeps_snapshots, load_found=self.load_found)

    def load_found(self, path: Path) -> AbstractContextManager[OnnxPolicy]:
        self.found.append(path)
        return nullcontext(OnnxPolicy(path))

    def play(self, policy: OnnxPolicy, num_episodes: int, seed: int) -> Evaluation:
        self.played.append((num_episodes, seed))
        return Evaluation(np.full(num_episodes, next(self.returns)), np.ones(num_episodes, np.int64), np.zeros((1, 2), np.float32))

    def note(self, kind: str, evaluation: Evaluation, env_steps: int) -> None:
        self.logged.append((kind, evaluation.episode_return_mean, env_steps))

    def evaluate(self, env_steps: int) -> bool:
        """Evaluates a policy that says by its weights after how many env steps it was taken."""
        self.meter.env_steps = env_steps
        self.agent.network.layers[0].kernel[:] = np.eye(2) * env_steps
        return self.selector.evaluate()

    def kept(self) -> float:
        """Returns the env steps after which the policy in `policy.onnx` was taken."""
        return float(OnnxPolicy(self.run_dir.policy).scores(np.ones((1, 2), np.float32))[0, 0])


@pytest.fixture
def stage(make_run, run_dir: RunDir, agent, spaces):
    def make(*returns: float, keeps_snapshots: bool = False, **changes) -> Stage:
        return Stage(make_run(**changes), run_dir, agent, spaces, *returns, keeps_snapshots=keeps_snapshots)

    return make


def test_the_best_policy_is_kept_and_of_equal_ones_the_later(stage):
    found = stage(1.0, 5.0, 3.0, 5.0, 4.0)
    kept = []
    for env_steps in (100, 200, 300, 400, 500):
        assert found.evaluate(env_steps) is False
        kept.append(found.kept())
    assert kept == [100, 200, 200, 400, 400]
    assert (found.state.best_return, found.state.policy_env_steps, found.state.parity) == (5.0, 400, 1.0)
    assert found.logged[2] == ("selection", 3.0, 300)
    assert not list(found.run_dir.path.glob(".candidate*"))


def test_the_last_policy_is_kept_on_demand(stage):
    found = stage(5.0, 1.0, evaluation={"period": 100, "episodes": 3, "keep": "last"})
    for env_steps in (100, 200):
        found.evaluate(env_steps)
    assert found.kept() == 200
    assert found.state.best_return == 1.0


def test_a_target_is_held_only_over_its_own_episodes_too(stage):
    budget = {"env_steps": 1_000, "target_return": 10.0, "target_episodes": 20}
    found = stage(9.0, 10.0, 9.9, 12.0, 10.0, budget=budget)
    seeds = evaluation_seeds(0)
    assert found.evaluate(100) is False
    assert found.played == [(3, seeds.selection)], "the target's episodes are played only once an evaluation has reached it"
    assert found.evaluate(200) is False
    assert found.played[1:] == [(3, seeds.selection), (20, seeds.target)]
    assert found.evaluate(300) is True
    assert [kind for kind, *_ in found.logged] == ["selection", "selection", "target", "selection", "target"]


def test_a_policy_that_holds_the_target_is_kept_even_if_an_earlier_one_scored_higher(stage):
    found = stage(20.0, 1.0, 15.0, 15.0, budget={"env_steps": 1_000, "target_return": 10.0})
    assert found.evaluate(100) is False
    assert found.evaluate(200) is True
    assert (found.kept(), found.state.best_return) == (200, 15.0)


def test_the_final_evaluation_plays_the_kept_policy_on_seeds_of_its_own(stage):
    found = stage(5.0, 1.0, 4.0)
    for env_steps in (100, 200):
        found.evaluate(env_steps)
    assert found.selector.final_evaluation().episode_return_mean == 4.0
    assert found.played[-1] == (7, evaluation_seeds(0).final)
    assert found.logged[-1] == ("final", 4.0, 100), "the env steps are those of the kept policy"
    assert found.state.timings.evaluate > found.state.timings.play > 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_returns_that_are_not_finite_are_a_fault_of_the_environment(stage, bad: float):
    found = stage(5.0, bad)
    found.evaluate(100)
    with pytest.raises(EnvironmentFault, match="rewards whose sum over an episode is infinite"):
        found.evaluate(200)
    assert found.kept() == 100


def test_a_policy_that_acts_otherwise_than_its_agent_is_not_kept(stage, monkeypatch: pytest.MonkeyPatch):
    found = stage(5.0)
    monkeypatch.setattr(found.agent, "act", lambda observations: 1 - found.agent.network.actions(observations))
    with pytest.raises(ParityBroken):
        found.evaluate(100)
    assert not found.run_dir.policy.exists()
    assert found.state.best_return is None


@pytest.mark.parametrize("keeps_snapshots", [False, True])
def test_every_evaluated_policy_becomes_a_snapshot_where_the_environment_wants_them(stage, keeps_snapshots: bool):
    found = stage(5.0, 1.0, keeps_snapshots=keeps_snapshots)
    for env_steps in (100, 200):
        found.evaluate(env_steps)
    names = sorted(path.name for path in found.run_dir.snapshots.glob("*"))
    assert names == (["env-steps-000000000100.onnx", "env-steps-000000000200.onnx"] if keeps_snapshots else [])


def test_the_kept_policy_says_where_it_comes_from_and_equal_runs_write_equal_files(stage, tmp_path):
    found = stage(5.0, 6.0, 4.0)
    for env_steps in (100, 200):
        found.evaluate(env_steps)
    before = read_metadata(found.run_dir.policy.read_bytes(), "policy")
    assert before is not None
    assert before.agent is not None
    assert before.training is not None
    assert (before.agent.id, before.training.env_steps, before.training.selection_return) == ("arena.testing.fakes:FAKE_AGENT", 200, 6.0)
    assert before.training.score is None
    found.selector.final_evaluation()
    content = found.run_dir.policy.read_bytes()
    after = read_metadata(content, "policy")
    assert after is not None
    assert after.training is not None
    assert after.training.score == ScoreMetadata(mean=4.0, std=0.0, num_episodes=7)
    again = Stage(found.run, RunDir(tmp_path / "again"), found.agent, found.factory, 5.0, 6.0, 4.0)
    again.run_dir.folder.make()
    for env_steps in (100, 200):
        again.evaluate(env_steps)
    again.selector.final_evaluation()
    assert again.run_dir.policy.read_bytes() == content


@pytest.mark.parametrize(
    ("keep_policies", "steps"), [(None, []), ("all", [90, 180, 270, 360, 450]), (200, [270, 450]), (400, [450]), (1_000, [])]
)
def test_policies_are_kept_by_step_where_they_are_asked_for(stage, keep_policies: object, steps: list[int]):
    found = stage(*range(5), evaluation={"period": 90, "episodes": 3, "keep_policies": keep_policies})
    for env_steps in (90, 180, 270, 360, 450):
        found.evaluate(env_steps)
    assert found.run_dir.snapshot_steps() == steps
    for env_steps in steps:
        assert float(OnnxPolicy(found.run_dir.snapshot(env_steps)).scores(np.ones((1, 2), np.float32))[0, 0]) == env_steps


def test_the_agent_itself_answers_every_recorded_observation_at_the_end(stage, monkeypatch: pytest.MonkeyPatch):
    found = stage(5.0, 4.0)
    found.evaluate(100)
    asked = []
    monkeypatch.setattr(found.agent, "act", lambda observations: asked.append(observations) or found.agent.network.actions(observations))
    found.selector.final_evaluation()
    assert [len(observations) for observations in asked] == [PARITY_BATCH_SIZE], "with the batch size that agents compile for"
    again = stage(4.0)
    again.state.best_return, again.state.policy_env_steps = 5.0, 100
    again.agent.network.layers[0].bias[:] = [1.0, 0.0]
    monkeypatch.setattr(again.agent, "act", lambda observations: 1 - again.agent.network.actions(observations))
    with pytest.raises(ParityBroken):
        again.selector.final_evaluation()


def test_a_policy_that_was_in_the_folder_before_plays_with_bounds(stage):
    found = stage(5.0, 4.0)
    found.evaluate(100)
    found.selector.final_evaluation()
    assert found.found == [], "this process wrote it"
    again = stage(4.0)
    again.state.best_return, again.state.policy_env_steps = 5.0, 100
    again.selector.final_evaluation()
    assert again.found == [found.run_dir.policy]


def test_pictures_are_drawn_where_they_are_asked_for_and_change_nothing(stage, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "arena.worker.episode_pictures.draw_episodes", lambda run, policy, evaluation, log, steps, on_step: drawn.append(steps)
    )
    scores = []
    for images in (False, True):
        made = stage(1.0, 2.0, evaluation={"period": 100, "episodes": 3, "final_episodes": 7, "images": images})
        made.evaluate(100)
        scores.append(made.selector.final_evaluation().episode_return_mean)
        assert drawn == [100] * images
    assert scores == [2.0, 2.0]
    assert "images" not in stage(evaluation={}).run.inputs()["evaluation"]
