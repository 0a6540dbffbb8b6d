"""`arena run --dry-run` refuses what `arena run` refuses, in the same words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arena.cli import dry_run as plan
from arena.cli.train import execute, with_options
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.plan import make_plan
from arena.formats.json import write_json

FAKE = {"agent": "arena.testing.fakes:FAKE_AGENT"}
TWO = [FAKE, {**FAKE, "name": "other"}]
SEQUENTIAL = {"seeds": "until-decided"}


def experiment(folder: Path, **changes: Any) -> Experiment:
    return from_table({"name": "test", "output": str(folder), "agents": TWO, "envs": ["CartPole-v1"], **changes})


def dry_run(wanted: Experiment) -> None:
    plan.dry_run(wanted, retry_failed=False, mode="auto")


def run(wanted: Experiment) -> None:
    execute(wanted, mode="quiet", retry_failed=False)


@pytest.mark.parametrize("command", [dry_run, run])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**SEQUENTIAL, "agents": [FAKE]}, "give at least two"),
        ({"executor": {"address": "localhost:1"}}, "belong to kind 'ray'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_folder_is_made(
    tmp_path: Path, command: Callable[[Experiment], None], changes: dict[str, Any], message: str
):
    with pytest.raises(ArenaError, match=message):
        command(experiment(tmp_path, **changes))
    assert list(tmp_path.iterdir()) == []


def test_an_address_on_the_command_line_needs_the_ray_executor(tmp_path: Path):
    with pytest.raises(ArenaError, match="belong to kind 'ray'"):
        dry_run(with_options(experiment(tmp_path), executor={"kind": "local", "address": "localhost:1", "storage": None}))


DECISION = {
    "rule": {"group_size": 3, "max_seeds": 6, "alpha": 0.01},
    "agents": [],
    "envs": [],
    "finished": True,
    "look": 1,
    "pairs": [],
    "returns": {},
}


@pytest.mark.parametrize("command", [dry_run, run])
def test_another_question_in_the_folder_is_refused(tmp_path: Path, command: Callable[[Experiment], None]):
    wanted = experiment(tmp_path, **SEQUENTIAL)
    wanted.path.mkdir()
    write_json(wanted.path / "decision.json", DECISION)
    with pytest.raises(ArenaError, match="answers another question"):
        command(wanted)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"seeds": 3},
            "Verdict: 3 seeds of each agent cannot decide who beats whom, whatever the runs return: at least 4 seeds are needed.",
        ),
        ({"seeds": 5}, "Verdict: 5 seeds of each agent decide a pair with probability 80% if the runs of the better one return more 92%"),
        (SEQUENTIAL, "Verdict: 20 seeds of each agent decide a pair with probability 80% if the runs of the better one return more 79%"),
        ({"agents": [FAKE]}, ""),
    ],
)
def test_what_the_seeds_can_show_is_said_before_anything_runs(tmp_path: Path, capsys, changes: dict[str, Any], expected: str):
    dry_run(experiment(tmp_path, **changes))
    printed = " ".join(capsys.readouterr().out.split())
    assert expected in printed
    assert ("Verdict: " in printed) == bool(expected)


def test_a_plan_counts_the_cores_that_this_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert make_plan(experiment(tmp_path)).workers == 3
    assert make_plan(experiment(tmp_path, resources={"threads": 2})).workers == 1


def test_the_processes_that_step_environments_are_told_with_the_cores_that_they_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    agents = [{**FAKE, "resources": {"threads": 2, "env_workers": 2}}, {**FAKE, "name": "other"}]
    dry_run(experiment(tmp_path, agents=agents))
    told = capsys.readouterr().out
    assert "Environments of fake: stepped by 2 processes of each run, on its 2 cores, unless they have a vector form (env_workers)." in told
    assert "Environments of other" not in told
