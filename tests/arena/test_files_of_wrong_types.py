"""Every file of ours is read through a typed model: whatever stands in place of a value gives a reading or one error, never a traceback.

The runs carry no seal here, so that a wrong value is met by whoever uses it and not by the seal.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wrong_types import Fault, faults, faulty

from arena.environments.config import EnvConfig
from arena.environments.references import Catalogue
from arena.errors import ArenaError
from arena.report.build import build_report
from arena.report.load import load_runs
from arena.report.tables import write_report
from arena.report.terminal import print_report
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.schema import Provenance, keep_failure
from arena.run_folder.status import progress
from arena.terminal.output import Output
from arena.tournament.league import League
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules

PROVENANCE = Provenance(
    versions={"numpy": "2.3.5", "ray": None},
    machine={"cpu": "x", "cores_available": 2, "memory_bytes": 2**30, "gpus": [{"name": "y", "memory_bytes": 2**30}]},
    git={"commit": "abc", "dirty": True},
    command=("python", "-m", "arena.worker"),
    started="2026-11-29T19:47:35+0000",
    environment={"entry_point": "a:B", "distribution": "gymnasium", "version": "1", "modules": {"a": "0" * 64}, "wrappers": ["c:D"]},
    workers=2,
    load_at_start=1.5,
    load_at_end=2.5,
)
DECISION = {
    "rule": {"group_size": 1, "max_seeds": 2, "alpha": 0.05},
    "agents": ["a", "b"],
    "envs": ["CartPole-v1"],
    "finished": False,
    "look": 1,
    "pairs": [{"agent": "a", "other": "b", "verdict": "undecided"}],
    "scores": {"a": [1.0], "b": [2.0]},
}
FINAL = (
    '{"kind":"final","env_steps":3000,"train_seconds":3.0,"episode_return_mean":41.5,'
    '"episode_returns":[41.0,42.0],"episode_lengths":[41,42]}\n'
)
EPISODE = '{"env_steps":80,"episode_return":10.0,"episode_length":10,"terminated":true}\n'
every_property = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def runs(tmp_path: Path, write_run: Callable[..., Path]) -> Path:
    """An experiment of two finished runs, all of whose files are as rich as they get."""
    for agent in "ab":
        files = RunDir(write_run(tmp_path / "x", agent, "CartPole-v1", 0, policy=False))
        record = RunRecord(files.path)
        run, result = record.run, record.result
        assert result is not None
        tuned = {"trials": 3, "seeds": 1, "space": {"lr": "log"}}
        schema.write_run(files, dataclasses.replace(run, agent=dataclasses.replace(run.agent, tuning=tuned)), PROVENANCE)
        with files.evaluations.open("a") as file:
            file.write(FINAL)
        files.episodes.write_text(EPISODE)
        keep_failure(files, dataclasses.replace(result, status="crashed", reason="r"))
        content = json.loads(files.result.read_text())
        del content["seal"]
        files.result.write_text(json.dumps({**content, "schema_version": 1}))
    (tmp_path / "x" / "decision.json").write_text(json.dumps(DECISION))
    return tmp_path / "x"


def read_runs(folder: Path) -> None:
    loaded = load_runs([folder])
    document = build_report(loaded.runs, Catalogue({}), title="t", command="arena report", left_out=tuple(map(str, loaded.left_out)))
    write_report(document, folder.parent / "report")
    print_report(document, Output("quiet"))
    for path in folder.rglob("run.json"):
        progress(RunDir(path.parent), "x")


def check(file: Path, fault: Fault, row: int | None, read: Callable[[], object]) -> None:
    """Puts a fault into a file and reads; what is raised must be one error that names a file."""
    before = file.read_text()
    if row is None:
        text = faulty(json.loads(before), fault)
    else:
        lines = before.splitlines()
        lines[row] = faulty(json.loads(lines[row]), fault)
        text = "\n".join(lines) + "\n"
    file.write_text(text)
    try:
        read()
    except ArenaError:
        pass
    finally:
        file.write_text(before)


ROWS = {"evaluations.jsonl": 0, "evaluations.jsonl ": -1, "episodes.jsonl": 0, "failures.jsonl": 0}
"""Files of rows, with the row that is changed."""


@pytest.mark.parametrize("name", ["run.json", "result.json", "decision.json", *ROWS])
def test_a_wrong_value_in_an_experiment_gives_no_traceback(name: str, runs: Path):
    file = runs / name if name == "decision.json" else runs / "a" / "CartPole-v1" / "seed-0" / name.strip()
    row = ROWS.get(name)
    document = json.loads(file.read_text() if row is None else file.read_text().splitlines()[row])
    read_runs(runs)

    @every_property
    @given(st.sampled_from(list(faults(document))))
    def property_(fault: Fault) -> None:
        check(file, fault, row, lambda: read_runs(runs))

    property_()


@pytest.fixture
def league(tmp_path: Path, write_policy: Callable[..., Path], tried: list[Path]) -> Path:
    """A league that has played."""
    made = League(tmp_path / "league")
    policies = [str(write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)) for seed, name in enumerate("ab")]
    made.add(policies, (EnvConfig("tictactoe_v3"),), Rules(schedule="adaptive", episodes=3))
    made.play(max_games=12, workers=1)
    return made.path


@pytest.mark.parametrize(("name", "row"), [("tournament.json", None), ("league.json", None), ("matches.jsonl", 0)])
def test_a_wrong_value_in_a_league_gives_no_traceback(name: str, row: int | None, league: Path):
    file = league / name
    document = json.loads(file.read_text() if row is None else file.read_text().splitlines()[row])

    def read() -> None:
        compute_standings(league)
        League(league).joined()

    read()

    @every_property
    @given(st.sampled_from(list(faults(document))))
    def property_(fault: Fault) -> None:
        check(file, fault, row, read)

    property_()
