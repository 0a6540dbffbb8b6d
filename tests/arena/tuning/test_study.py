"""The search for hyperparameters, with a formula in place of training."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.formats.jsonl import JsonlWriter, read_jsonl
from arena.formats.locks import CLAIM_NAME, FolderLock
from arena.run_folder.events import EvaluationEnded
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, write_result, write_run
from arena.run_folder.timings import Timings
from arena.tuning import study
from arena.tuning.config import load_tuning
from arena.tuning.storage import open_storage
from arena.tuning.study import Search

pytestmark = pytest.mark.extra
optuna.logging.set_verbosity(optuna.logging.WARNING)

FILE = """
name = "search"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = ["FrozenLake-v1"]
seeds = 3
[budget]
env_steps = 1000
[tune]
trials = 6
sampler = { name = "TPESampler", n_startup_trials = 3 }
[tune.space.q-learning]
epsilon = { low = 0.0, high = 1.0 }
num_envs = { choices = [2, 4] }
"""


class Formula:
    """Scores epsilon near 0.3 best, in 1,000 env steps and a second a run; ends with KeyboardInterrupt at a given call."""

    def __init__(self, *, cut_at: int | None = None, fail: Any = lambda run: False) -> None:
        self.calls, self.cut_at, self.fail, self.runs = 0, cut_at, fail, []

    def __call__(self, experiment: Experiment, judge: Any = None) -> list[RunResult]:
        self.calls += 1
        if self.calls == self.cut_at:
            raise KeyboardInterrupt
        self.runs += list(experiment.runs())
        return [self.result(run) for run in experiment.runs()]

    def result(self, run) -> RunResult:
        common = {
            "agent": run.agent.name,
            "env": run.env.name,
            "seed": run.seed,
            "path": "",
            "env_steps": 1_000,
            "seconds": Timings(train=1.0),
        }
        if self.fail(run):
            return RunResult(status="diverged", reason="td is nan", **common)
        return RunResult(status="finished", score_mean=1.0 - abs(run.agent.hyperparameters["epsilon"] - 0.3) + 0.01 * run.seed, **common)


def search(tmp_path: Path, run_all: Any, text: str = FILE, storage: optuna.storages.BaseStorage | None = None) -> Search:
    file = tmp_path / "search.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    experiment, config, spaces = load_tuning(file)
    experiment = dataclasses.replace(experiment, output=tmp_path)
    experiment.path.mkdir(parents=True, exist_ok=True)
    agent = experiment.agents[0]
    storage = storage or optuna.storages.InMemoryStorage()
    return Search(experiment, agent, config, spaces[agent.name], run_all, storage, lambda *_: None)


def ended(found: Search) -> list[tuple[Any, ...]]:
    trials = found.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [(trial.user_attrs["entry"], trial.state.name, trial.value, trial.user_attrs["settings"]) for trial in trials]


def test_a_search_finds_good_settings_and_says_what_it_spent(tmp_path: Path):
    formula = Formula()
    found = search(tmp_path, formula, FILE.replace("trials = 6", 'trials = 6\npruner = "NopPruner"'))
    assert found.tuned() is None
    found.run()
    best = found.tuned()
    assert best is not None
    assert len(ended(found)) == 6
    assert best.score == max(value for _, _, value, _ in ended(found)) == pytest.approx(1.01 - abs(best.settings["epsilon"] - 0.3))
    assert best.settings["num_envs"] in (2, 4)
    assert {key: best.record[key] for key in ("trials", "pruned_trials", "seeds", "env_steps", "train_seconds")} == {
        "trials": 6,
        "pruned_trials": 0,
        "seeds": 3,
        "env_steps": 18_000,
        "train_seconds": 18.0,
    }
    assert best.record["space"] == {"epsilon": {"low": 0.0, "high": 1.0}, "num_envs": {"choices": [2, 4]}}


def test_trials_are_paired_and_train_on_streams_that_no_comparison_uses(tmp_path: Path):
    formula = Formula()
    found = search(tmp_path, formula, FILE.replace("trials = 6", "trials = 2"))
    found.run()
    runs = {run.name: run for run in formula.runs}
    assert {name.split("/")[0] for name in runs} == {"trial-0000", "trial-0001"}
    assert {run.experiment_seed for run in runs.values()} != {found.experiment.seed}
    assert len({run.experiment_seed for run in runs.values()}) == 1
    assert {run.seed for run in runs.values() if run.agent.name == "trial-0000"} == {0, 1, 2}


@pytest.mark.parametrize("cut_at", [1, 5, 12])
def test_a_search_that_was_cut_goes_on_as_if_it_never_stopped(tmp_path: Path, cut_at: int):
    straight = search(tmp_path, Formula())
    straight.run()
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, Formula(cut_at=cut_at), storage=storage).run()
    resumed = search(tmp_path, Formula(), storage=storage)
    resumed.run()
    assert ended(resumed) == ended(straight)


def test_two_that_work_on_one_search_try_its_trials_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each has a connection of its own, as two processes do; the locks of one open file exclude those of another."""
    monkeypatch.setattr(study, "POLL_SECONDS", 0.01)
    both = Barrier(2)

    class Slow(Formula):
        def __call__(self, experiment: Experiment, judge: Any = None) -> list[RunResult]:
            if not self.calls:
                both.wait(60)  # neither may have the search to itself
            return super().__call__(experiment, judge)

    formulas = [Slow(), Slow()]
    (tmp_path / "search").mkdir()
    searches = [search(tmp_path, formula, storage=open_storage(tmp_path / "search")) for formula in formulas]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(each.run) for each in searches]:
            done.result(60)
    assert sorted(entry for entry, *_ in ended(searches[0])) == [f"trial-{number:04d}" for number in range(6)]
    assert ended(searches[0]) == ended(searches[1])
    tried = [{run.agent.name for run in formula.runs} for formula in formulas]
    assert tried[0].isdisjoint(tried[1])
    assert len({json.dumps(settings) for *_, settings in ended(searches[0])}) == 6
    assert searches[0].tuned() == searches[1].tuned()


def test_a_trial_that_ends_while_another_process_looks_for_abandoned_ones_stays_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, Formula(cut_at=1), storage=storage).run()
    other = search(tmp_path, Formula(), storage=storage)
    asked = []

    def ends_now(*_: Any) -> bool:
        """Answers that nobody holds a trial's folder, just after its process has ended it and let go."""
        if not asked:
            other.study.tell(0, 0.25)
        asked.append(True)
        return False

    monkeypatch.setattr(study, "is_locked", ends_now)
    other.run()
    assert asked
    assert [trial.number for trial in other.study.get_trials() if trial.value == 0.25] == [0]
    assert len(ended(other)) == 6


def test_a_trial_of_a_process_that_is_at_work_is_left_to_it_and_one_that_has_ended_is_not(tmp_path: Path):
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, Formula(cut_at=1), storage=storage).run()
    other = Formula()
    found = search(tmp_path, other, FILE.replace("trials = 6", "trials = 2"), storage=storage)
    other.cut_at = 3  # the first trial is three calls; the one that was cut comes first
    with FolderLock(tmp_path / "search" / "fake" / "trial-0000", name=CLAIM_NAME), pytest.raises(KeyboardInterrupt):
        found.run()
    assert {run.agent.name for run in other.runs} == {"trial-0001"}
    last = search(tmp_path, Formula(), FILE.replace("trials = 6", "trials = 2"), storage=storage)
    last.run()
    assert [entry for entry, *_ in ended(last)] == ["trial-0000", "trial-0001"]


def test_a_hopeless_trial_runs_no_further_seeds(tmp_path: Path):
    formula = Formula()
    pruner = 'pruner = { name = "ThresholdPruner", lower = 2.0 }'
    found = search(tmp_path, formula, FILE.replace("trials = 6", f"trials = 2\n{pruner}"))
    found.run()
    assert [run.seed for run in formula.runs] == [0, 0]
    assert [state for _, state, _, _ in ended(found)] == ["PRUNED"] * 2
    assert found.study.trials[0].user_attrs["reason"].startswith("pruned after 1 seeds at a score of")
    assert sum(trial.user_attrs["env_steps"] for trial in found.study.trials) == 2_000


class Training(Formula):
    """Writes an evaluation every 100 of 1,000 env steps, in turn for all runs, until a run is given up; `cut_at` counts evaluations.

    Folders are kept: a run that has a result is not run again, one that was cut goes on after its last evaluation.
    """

    def __call__(self, experiment: Experiment, judge: Any = None) -> list[RunResult]:
        at_work = [run for run in experiment.runs() if RunRecord(experiment.path / run.name).result is None]
        for step in range(1, 11):
            for run in list(at_work):
                run_dir, final = RunDir(experiment.path / run.name), self.result(run)
                if step <= len(_lines(run_dir)):
                    continue
                run_dir.folder.make()
                write_run(run_dir, run)
                self.calls += 1
                if self.calls == self.cut_at:
                    raise KeyboardInterrupt
                with JsonlWriter(run_dir.evaluations) as evaluations:
                    evaluations.write(dataclasses.asdict(selection(100 * step, final.score_mean * step / 10)))
                reason = judge(run.name, EvaluationEnded(kind="selection", env_steps=100 * step, episode_return_mean=0.0))
                if reason or step == 10:
                    status = "pruned" if reason else "finished"
                    write_result(run_dir, dataclasses.replace(final, status=status, reason=reason or "", env_steps=100 * step))
                    at_work.remove(run)
        return [RunRecord(experiment.path / run.name).result for run in experiment.runs()]


def selection(env_steps: int, mean: float) -> Evaluated:
    return Evaluated(
        kind="selection",
        env_steps=env_steps,
        train_seconds=1.0,
        episode_return_mean=mean,
        episode_returns=(mean,),
        episode_lengths=(1,),
    )


def _lines(run_dir: RunDir) -> list[Any]:
    return read_jsonl(run_dir.evaluations) if run_dir.evaluations.exists() else []


WITHIN = FILE.replace("[tune]", "[evaluation]\nperiod = 100\n[tune]")


def test_a_hopeless_trial_ends_in_mid_run(tmp_path: Path):
    pruner = 'pruner = { name = "ThresholdPruner", lower = 2.0, n_warmup_steps = 4 }'
    found = search(tmp_path, Training(), WITHIN.replace("trials = 6", f"trials = 2\n{pruner}"))
    found.run()
    assert [state for _, state, _, _ in ended(found)] == ["PRUNED"] * 2
    assert found.study.trials[0].user_attrs["reason"].startswith("pruned at evaluation 4 of 10 of seed 0, at a score of 0.")
    assert [trial.user_attrs["env_steps"] for trial in found.study.trials] == [400, 400]
    assert sorted(found.study.trials[0].intermediate_values) == [1, 2, 3, 4]


def test_evaluations_of_later_seeds_count_with_the_scores_of_earlier_ones(tmp_path: Path):
    found = search(tmp_path, Training(), WITHIN.replace("trials = 6", 'trials = 1\npruner = "NopPruner"'))
    found.run()
    (trial,) = found.study.trials
    final = [1.0 - abs(trial.user_attrs["settings"]["epsilon"] - 0.3) + 0.01 * seed for seed in range(3)]
    values = trial.intermediate_values
    assert sorted(values) == list(range(1, 30)), "the last of all is the trial's own score"
    assert values[4] == pytest.approx(0.4 * final[0])
    assert values[10] == pytest.approx(final[0])
    assert values[14] == pytest.approx((final[0] + 0.4 * final[1]) / 2)
    assert trial.value == pytest.approx(sum(final) / 3)


@pytest.mark.parametrize("cut_at", [3, 17, 44, 90])
def test_a_search_that_was_cut_in_mid_run_prunes_as_if_it_never_stopped(tmp_path: Path, cut_at: int):
    text = WITHIN.replace("trials = 6", 'trials = 9\ngroup_size = 2\npruner = { name = "MedianPruner", n_startup_trials = 2 }')
    straight = search(tmp_path / "straight", Training(), text)
    straight.run()
    assert {state for _, state, _, _ in ended(straight)} == {"PRUNED", "COMPLETE"}
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", Training(cut_at=cut_at), text, storage).run()
    resumed = search(tmp_path / "cut", Training(), text, storage)
    resumed.run()
    assert ended(resumed) == ended(straight)


def test_a_failed_run_ends_its_trial_with_the_reason_and_the_search_goes_on(tmp_path: Path):
    found = search(tmp_path, Formula(fail=lambda run: run.agent.name == "trial-0000"), FILE.replace("trials = 6", "trials = 2"))
    found.run()
    assert [state for _, state, _, _ in ended(found)] == ["PRUNED", "COMPLETE"]
    assert found.study.trials[0].user_attrs["reason"] == "diverged: td is nan"
    best = found.tuned()
    assert best is not None
    assert best.record["env_steps"] == 4_000, "the failed run counts"


def test_trials_chosen_together_share_an_experiment(tmp_path: Path):
    sizes: list[int] = []
    formula = Formula()

    def run_all(experiment: Experiment, judge: Any) -> list[RunResult]:
        sizes.append(len(experiment.agents))
        return formula(experiment)

    text = FILE.replace("trials = 6", 'trials = 3\nparallel_trials = 2\ngroup_size = 3\npruner = "NopPruner"')
    found = search(tmp_path, run_all, text)
    found.run()
    assert sizes == [2, 1]
    assert [entry for entry, _, _, _ in ended(found)] == ["trial-0000", "trial-0001", "trial-0002"]


def test_settings_that_do_not_go_together_cost_nothing(tmp_path: Path):
    text = FILE.replace("arena.testing.fakes:FAKE_AGENT", "keras-dqn")
    text = text[: text.index("[tune.space")] + "[tune.space.dqn]\ntrain_period = { choices = [48, 96] }\n"
    formula = Formula()
    found = search(tmp_path, formula, text)
    found.run()
    assert formula.runs == []
    assert "must be a multiple of train_period" in found.study.trials[0].user_attrs["reason"]
    assert found.tuned() is None


def test_another_search_in_the_same_folder_is_refused_but_more_trials_are_not(tmp_path: Path):
    storage = optuna.storages.InMemoryStorage()
    search(tmp_path, Formula(), FILE.replace("trials = 6", "trials = 1"), storage).run()
    more = search(tmp_path, Formula(), FILE.replace("trials = 6", "trials = 2"), storage)
    more.run()
    assert len(ended(more)) == 2
    with pytest.raises(ArenaError, match=r"holds another search for 'fake' .space\.epsilon\.low: 0.0 there, 0.1 wanted"):
        search(tmp_path, Formula(), FILE.replace("low = 0.0", "low = 0.1"), storage)
    with pytest.raises(ArenaError, match=r"holds another search for 'fake' .sampler\.name: "):  # the record says which one chose
        search(
            tmp_path,
            Formula(),
            FILE.replace('"TPESampler", n_startup_trials = 3', '"RandomSampler"').replace("trials = 6", "trials = 2"),
            storage,
        )
    with pytest.raises(ArenaError, match=r"holds another search for 'fake' .budget"):
        search(tmp_path, Formula(), FILE.replace("env_steps = 1000", "env_steps = 2000"), storage)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", ['{ name = "GridSampler", search_space = { num_envs = ["2", "4"] } }', '"BruteForceSampler"'])
def test_a_search_ends_once_everything_was_tried(tmp_path: Path, sampler: str):
    text = FILE.replace('{ name = "TPESampler", n_startup_trials = 3 }\n', f'{sampler}\npruner = "NopPruner"\n').replace(
        "epsilon = { low = 0.0, high = 1.0 }\n", ""
    )
    storage = optuna.storages.InMemoryStorage()
    for _ in range(2):  # the second call finds nothing left
        found = search(tmp_path, Formula(), text, storage)
        found.run()
        assert sorted(settings["num_envs"] for _, _, _, settings in ended(found)) == [2, 4]
    assert found.tuned() is not None


@pytest.mark.parametrize("entry", ["../../elsewhere", "/tmp/elsewhere", "trial-1/..", "", 3])
def test_a_trial_of_a_strangers_storage_names_no_folder_elsewhere(tmp_path: Path, entry: Any) -> None:
    storage = optuna.storages.InMemoryStorage()
    first = search(tmp_path, Formula(), storage=storage)
    first.study.enqueue_trial({"epsilon": 0.5, "num_envs": "2"}, user_attrs={"entry": entry})
    formula = Formula()
    with pytest.raises(ArenaError, match=r"names a trial .*, which no search does"):
        search(tmp_path, formula, storage=storage).run()
    assert formula.runs == []


def test_a_sampler_that_unpickles_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "search.toml"
    path.write_text(FILE)
    experiment, config, spaces = load_tuning(path)
    config = dataclasses.replace(config, sampler="CmaEsSampler")
    arguments = (experiment, experiment.agents[0], config, spaces[experiment.agents[0].name], Formula())
    storage = f"sqlite:///{tmp_path / 'tune.db'}"
    first = Search(*arguments, storage, lambda *_: None)
    first.study.add_trial(optuna.trial.create_trial(value=1.0, system_attrs={"cma:optimizer:0": "80"}))
    with pytest.raises(ArenaError, match="CmaEsSampler keeps its state as pickle"):
        Search(*arguments, storage, lambda *_: None)
