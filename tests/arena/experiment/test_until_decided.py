"""`seeds = "until-decided"`, with scores in place of training."""

import dataclasses
import json
from pathlib import Path

import pytest

from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.until_decided import run_until_decided, sentences
from arena.report.decisions import read_decisions
from arena.report.load import LoadedRun
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Provenance

FAKE = "arena.testing.fakes:FAKE_AGENT"


def experiment(folder: Path, *names: str, **changes) -> Experiment:
    agents = [{"agent": FAKE, "name": name} for name in names]
    table = {"name": "t", "output": str(folder), "agents": agents, "envs": ["CartPole-v1"], "seeds": "until-decided"}
    table["until-decided"] = {"group_size": 5, "max_seeds": 15}
    wanted = from_table({key: value for key, value in {**table, **changes}.items() if value is not None})
    wanted.path.mkdir(parents=True)
    return wanted


class Scores:
    """Runs nothing; gives each agent's score for each seed, and remembers which runs were asked for."""

    def __init__(self, **means: float | None) -> None:
        self.means, self.asked = means, []

    def __call__(self, group: Experiment) -> list[RunResult]:
        self.asked.append(({agent.name for agent in group.agents}, len(group.seeds)))
        return [self.result(run) for run in group.runs()]

    def result(self, run) -> RunResult:
        mean = self.means[run.agent.name]
        common = {"agent": run.agent.name, "env": run.env.name, "seed": run.seed, "path": ""}
        if mean is None:
            return RunResult(status="diverged", reason="nan", **common)
        return RunResult(status="finished", score_mean=mean + (run.seed * 7 % 5), **common)


def test_a_clear_difference_is_decided_at_the_first_look(tmp_path: Path):
    scores = Scores(good=400.0, bad=20.0)
    wanted = experiment(tmp_path, "good", "bad")
    results, decision = run_until_decided(
        dataclasses.replace(wanted, until_decided=dataclasses.replace(wanted.until_decided, alpha=0.2)), scores
    )
    assert scores.asked == [({"good", "bad"}, 5)]
    assert len(results) == 10
    assert decision.verdicts == {("good", "bad"): "better"}
    assert sentences(decision) == ["good beats bad: a run of it returns more, more often than not"]
    document = json.loads((wanted.path / "decision.json").read_text())
    assert document["pairs"] == [{"agent": "good", "other": "bad", "verdict": "better"}]
    assert len(document["returns"]["good"]["CartPole-v1"]) == 5


def test_equal_agents_get_all_seeds_and_stay_undecided(tmp_path: Path):
    scores = Scores(a=100.0, b=100.0)
    results, decision = run_until_decided(experiment(tmp_path, "a", "b"), scores)
    assert [num_seeds for _, num_seeds in scores.asked] == [5, 10, 15]
    assert len(results) == 30
    assert sentences(decision) == ["a or b: undecided whose runs return more, more often than not"]


def test_an_agent_that_is_decided_against_all_others_gets_no_more_seeds(tmp_path: Path):
    scores = Scores(a=100.0, b=100.0, far=400.0)
    _, decision = run_until_decided(experiment(tmp_path, "a", "b", "far"), scores)
    assert scores.asked[-1] == ({"a", "b"}, 15)
    assert decision.verdicts == {("a", "b"): "undecided", ("a", "far"): "worse", ("b", "far"): "worse"}


def test_the_same_scores_decide_the_same_again(tmp_path: Path):
    wanted = experiment(tmp_path, "a", "b", "far")
    first = run_until_decided(wanted, Scores(a=100.0, b=101.0, far=400.0))
    again = run_until_decided(wanted, Scores(a=100.0, b=101.0, far=400.0))
    assert first == again


def test_more_looks_than_were_planned_are_refused(tmp_path: Path):
    wanted = experiment(tmp_path, "a", "b")
    run_until_decided(wanted, Scores(a=100.0, b=100.0))
    longer = dataclasses.replace(wanted, until_decided=dataclasses.replace(wanted.until_decided, max_seeds=30))
    with pytest.raises(ArenaError, match=r"answers another question \(rule\.max_seeds: 15 there, 30 wanted\); give another --name"):
        run_until_decided(longer, Scores(a=100.0, b=100.0))
    others = dataclasses.replace(wanted, agents=(*wanted.agents, dataclasses.replace(wanted.agents[0], name="c")))
    with pytest.raises(ArenaError, match="answers another question"):
        run_until_decided(others, Scores(a=100.0, b=100.0, c=1.0))


def test_the_report_reads_what_was_decided(tmp_path: Path):
    wanted = experiment(tmp_path, "a", "b", "far")
    run_until_decided(wanted, Scores(a=100.0, b=100.0, far=400.0))
    first = next(wanted.runs())
    path = wanted.path / first.name
    (decision,), _ = read_decisions([LoadedRun(path=path, run=first, provenance=Provenance(), result=None, selection=(), final=None)])
    assert (decision.look, decision.num_looks, decision.finished) == (3, 3, True)
    assert decision.num_seeds == {"a": 15, "b": 15, "far": 5}
    assert [pair.claim for pair in decision.verdicts] == [None, ("far", "a"), ("far", "b")]


def test_whoever_fails_is_worse_than_whoever_finishes_even_with_the_same_return(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("arena.experiment.scores.catalogue", lambda: Catalogue({}))
    _, decision = run_until_decided(experiment(tmp_path, "good", "bad"), Scores(good=400.0, bad=None))
    assert decision.verdicts == {("good", "bad"): "better"}


def test_the_comparison_stops_where_nobody_finished_and_random_play_is_not_known(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("arena.experiment.scores.catalogue", lambda: Catalogue({}))
    with pytest.raises(ArenaError, match=r"bad/CartPole-v1/seed-0 diverged, nobody finished there"):
        run_until_decided(experiment(tmp_path, "bad", "worse"), Scores(bad=None, worse=None))
