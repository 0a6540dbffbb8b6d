from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from arena.cli.smoke import Verdict, judge, smoke, write_junit
from arena.errors import ArenaError
from arena.policies.evaluation import Evaluation
from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings

# Random play: mean 20, standard deviation 4 over 16 episodes; a run with the same spread must reach 20 + 5 * sqrt(2).
BASELINE = Evaluation(np.tile([16.0, 24.0], 8), np.ones(16, np.int64), np.zeros((0, 1)))
NEEDED = 27.1


def result(mean: float | None, *, std: float | None = 4.0, status: str = "finished") -> RunResult:
    return RunResult(
        status=status,
        agent="a",
        env="CartPole-v1",
        seed=0,
        path="",
        reason="the end",
        env_steps=12_000,
        score_mean=mean,
        score_std=std,
        score_episodes=16,
        seconds=Timings(train=2.0),
    )


@pytest.mark.parametrize(
    ("mean", "bar", "passed", "reason"),
    [
        (30.0, 29.0, True, "mean return 30.0 over 16 episodes after 12,000 env steps"),
        (30.0, 31.0, False, "mean return 30.0 over 16 episodes after 12,000 env steps, below the bar of 31"),
        (27.0, 10.0, False, f"mean return 27.0 over 16 episodes after 12,000 env steps, no better than random play ({NEEDED} needed)"),
        (27.2, 10.0, True, "mean return 27.2 over 16 episodes after 12,000 env steps"),
    ],
)
def test_a_run_passes_if_it_beats_random_play_clearly_and_reaches_the_bar(mean: float, bar: float, passed: bool, reason: str):
    verdict = judge(result(mean), BASELINE, bar)
    assert (verdict.name, verdict.passed, verdict.reason) == ("a/CartPole-v1/seed-0", passed, reason)


@pytest.mark.parametrize("run", [result(500.0, status="crashed"), result(None)])
def test_a_run_that_did_not_finish_fails_with_its_reason(run: RunResult):
    verdict = judge(run, BASELINE, 0.0)
    assert not verdict.passed
    assert verdict.reason == f"{run.status}: the end"


def test_verdicts_become_test_cases(tmp_path: Path):
    file = tmp_path / "out" / "smoke.xml"
    write_junit(file, [Verdict("a", True, "well", 1.25), Verdict("b", False, "1 < 2 & so on", 2.0)])
    suite = ElementTree.fromstring(file.read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, bad = suite.findall("testcase")
    assert (good.get("name"), good.get("time"), good.find("failure")) == ("a", "1.2", None)
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message") == "1 < 2 & so on"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=r"^cannot write .*smoke\.xml: "):
        write_junit(tmp_path / "file" / "smoke.xml", [])


def test_an_agent_that_the_smoke_test_lacks_is_refused_with_the_near_one(tmp_path: Path):
    with pytest.raises(ArenaError, match=r"^no agent 'keras-dqm' in the smoke test; did you mean 'keras-dqn'\? \(it has: .*keras-dqn"):
        smoke(["keras-dqm"], None, tmp_path, None, full=False, mode="quiet")


def test_a_folder_with_runs_is_refused_because_they_would_pass_untrained(tmp_path: Path):
    (tmp_path / "smoke").mkdir()
    with pytest.raises(ArenaError, match=r"smoke is there already, and finished runs would pass untrained; give another --output"):
        smoke(["keras-dqn"], None, tmp_path, None, full=False, mode="quiet")
