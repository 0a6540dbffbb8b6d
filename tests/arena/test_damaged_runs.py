"""A run whose record was torn, edited, mixed up or replaced is named and left out, and every other run is read as ever."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strangers import copy_of

from arena.environments.counts import Episode
from arena.experiment.file import from_toml
from arena.formats.jsonl import JsonlWriter
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord, readable
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, write_result, write_run
from arena.tournament.league import League

FILE = """
name = "mine"
output = "."
agents = ["random", "constant"]
envs = ["CartPole-v1"]
seeds = 3
[budget]
env_steps = 1000
[evaluation]
episodes = 2
final_episodes = 2
"""
BAD = "constant/CartPole-v1/seed-1"
OTHERS = [f"{agent}/CartPole-v1/seed-{seed}" for agent in ("random", "constant") for seed in range(3)]
OTHERS.remove(BAD)
Arena = Callable[..., tuple[int, str]]


def _write(folder: Path, write_policy: Callable[..., Path]) -> None:
    """Writes the finished experiment of `FILE`."""
    (folder / "mine.toml").write_text(FILE)
    experiment = dataclasses.replace(from_toml(folder / "mine.toml"), output=folder)
    for number, run in enumerate(experiment.runs()):
        files = RunDir(experiment.path / run.name)
        files.path.mkdir(parents=True)
        write_run(files, run)
        write_policy(files.policy, run.env.id, number)
        with JsonlWriter(files.evaluations) as rows:
            for kind, value in (("selection", 20.0 + number), ("final", 30.0 + number)):
                numbers = {"episode_return_mean": value, "episode_returns": (value,) * 2, "episode_lengths": (int(value),) * 2}
                rows.write(dataclasses.asdict(Evaluated(kind=kind, env_steps=1_000, train_seconds=1.0, **numbers)))
        with JsonlWriter(files.episodes) as rows:
            rows.write(dataclasses.asdict(Episode(20 + number, 20.0 + number, 20 + number, terminated=True)))
        names = {"agent": run.agent.name, "env": run.env.name, "seed": run.seed, "path": str(files.path)}
        write_result(files, RunResult(status="finished", reason="1,000 env steps", env_steps=1_000, score_mean=30.0 + number, **names))


@pytest.fixture
def experiment(
    tmp_path: Path, write_policy: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The experiment's folder, in the current directory."""
    folder = copy_of("six runs", lambda to: _write(to, write_policy), tmp_path / "here", tmp_path_factory)
    monkeypatch.chdir(folder)
    return Path("mine")


def _cut(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[: (run / name).stat().st_size // 2])


def _put(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: _replace(run / name, content) and None


def _replace(path: Path, content: bytes) -> int:
    path.unlink()
    return path.write_bytes(content)


def _edit(name: str, key: str, value: Any) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        content = json.loads((run / name).read_text())
        *parents, last = key.split(".")
        table = content
        for parent in parents:
            table = table[parent]
        table[last] = value
        (run / name).write_text(json.dumps(content))

    return edit


def _from(other: str, *names: str) -> Callable[[Path], None]:
    def copy(run: Path) -> None:
        source = run.parents[2] / other
        for name in names or [path.name for path in source.iterdir()]:
            shutil.copy(source / name, run / name)

    return copy


def _pipe(name: str) -> Callable[[Path], None]:
    def pipe(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return pipe


def _remove(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


NAMES = ("run.json", "result.json", "evaluations.jsonl", "episodes.jsonl", "policy.onnx")
SIBLING, OTHER_AGENT = "constant/CartPole-v1/seed-2", "random/CartPole-v1/seed-1"
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    **{f"{name} torn": (_cut(name), name) for name in NAMES},
    **{f"{name} empty": (_put(name, b""), name) for name in NAMES},
    **{f"{name} garbage": (_put(name, b"\0\xff\n{"), name) for name in NAMES[:4]},
    **{f"{name} missing": (_remove(name), name) for name in NAMES[2:]},
    **{f"{name} of another seed": (_from(SIBLING, name), name) for name in NAMES[1:]},
    "result of another agent": (_from(OTHER_AGENT, "result.json"), "result.json"),
    "run.json of another seed": (_from(SIBLING, "run.json"), "seed-2"),
    "folder of another seed": (_from(SIBLING), "copied or renamed"),
    "counter changed": (_edit("result.json", "env_steps", 999), "result.json"),
    "score changed": (_edit("result.json", "score_mean", 500.0), "result.json"),
    "status changed": (_edit("result.json", "status", "crashed"), "result.json"),
    "seconds changed": (_edit("result.json", "seconds.train", 0.5), "result.json"),
    "seal changed": (_edit("result.json", "seal.result", "0" * 64), "result.json"),
    "input changed": (_edit("run.json", "inputs.agent.hyperparameters", {"num_envs": 3}), "run.json"),
    "result of version 99": (_edit("result.json", "schema_version", 99), "schema_version 99"),
    "run of version 99": (_edit("run.json", "schema_version", 99), "schema_version 99"),
}
PIPES = {f"{name} a pipe": (_pipe(name), name) for name in NAMES}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, experiment: Path) -> str:
    """Damages one of the six runs; returns a word that the reason has."""
    damage, word = FAULTS[request.param]
    damage(experiment / BAD)
    return word


@pytest.fixture(params=FAULTS | PIPES)
def any_fault(request: pytest.FixtureRequest, experiment: Path) -> str:
    """The same, with what a stranger could put in the place of a file besides."""
    damage, word = (FAULTS | PIPES)[request.param]
    damage(experiment / BAD)
    return word


def test_reports_and_states_name_it_and_show_all_others(any_fault: str, experiment: Path, arena: Arena):
    code, said = arena("report", str(experiment))
    assert code == 0, said
    assert f"left out: {experiment / BAD}, because" in said
    assert any_fault in said
    page, document = ((experiment / "report" / name).read_text() for name in ("report.html", "report.json"))
    assert f"left out: {experiment / BAD}, because" in page
    read = json.loads(document)
    assert sorted(f"{run['agent']}/{run['env']}/seed-{run['seed']}" for run in read["runs"]) == sorted(OTHERS)
    (sentence,) = read["left_out"]
    assert any_fault in sentence
    code, said = arena("status", str(experiment))
    assert code == 0, said
    assert f"left out: {BAD}, because" in said
    assert any_fault in said
    assert "5 finished" in said
    assert "1 damaged" in said


@pytest.mark.usefixtures("tried")
@pytest.mark.parametrize("name", ["run.json torn", "policy.onnx of another seed", "score changed", "folder of another seed"])
def test_tournaments_leave_it_out(name: str, experiment: Path, arena: Arena):
    damage, fault = FAULTS[name]
    damage(experiment / BAD)
    code, said = arena("tournament", str(experiment), "--episodes", "2", "--workers", "1", "--output", ".")
    assert code == 0, said
    assert f"left out: {experiment / BAD}, because" in said
    assert fault in said
    assert len(json.loads(Path("tournament/tournament.json").read_text())["inputs"]["players"]) == 3, (
        "random play and two seeds of the other agent"
    )


@pytest.mark.usefixtures("tried")
def test_standings_do_without_it_once_it_is_damaged(experiment: Path, arena: Arena):
    assert arena("tournament", str(experiment), "--episodes", "2", "--workers", "1", "--output", ".")[0] == 0
    before = json.loads(Path("tournament/standings.json").read_text())
    FAULTS["score changed"][0](experiment / BAD)
    for arguments in (("league", "standings", "--league", "tournament"), ("leaderboard", "tournament")):
        code, said = arena(*arguments)
        assert code == 0, said
    after = json.loads(Path("tournament/standings.json").read_text())
    assert [(row["entrant"], row["rating"]) for row in after["rows"]] == [(row["entrant"], row["rating"]) for row in before["rows"]]
    assert [note for note in after["notes"] if f"{BAD}, because" in note]
    assert f"{BAD}, because" in Path("tournament/leaderboard.html").read_text()
    assert League(Path("tournament")).exists


def test_run_goes_on_with_the_others_and_says_how_to_redo_it_alone(fault: str, experiment: Path, arena: Arena):
    for _ in range(2):
        code, said = arena("run", "mine.toml")
        assert code == 1, said
        assert f"{BAD} damaged: " in said
        assert f"rm -r {experiment / BAD} && arena run mine.toml" in said
        assert fault.replace("copied or renamed", "whose folder this is not") in said
    code, said = arena("run", "mine.toml", "--dry-run")
    assert code == 0, said
    assert "5 finished, 1 damaged" in said or "1 damaged" in said


@pytest.mark.worker
def test_the_command_redoes_it_alone(experiment: Path, arena: Arena):
    before = {name: (experiment / name / "result.json").read_bytes() for name in OTHERS}
    FAULTS["score changed"][0](experiment / BAD)
    shutil.rmtree(experiment / BAD)
    code, said = arena("run", "mine.toml")
    assert code == 0, said
    assert RunRecord(experiment / BAD).result.num_attempts == 1
    assert {name: (experiment / name / "result.json").read_bytes() for name in OTHERS} == before


def test_python_is_told_the_same(fault: str, experiment: Path):
    records, left_out = readable([experiment / BAD, experiment / OTHERS[0]])
    assert [record.path for record in records] == [experiment / OTHERS[0]]
    assert [each.path for each in left_out] == [experiment / BAD]
    assert fault in left_out[0].reason


def test_an_experiment_of_which_nothing_can_be_read_is_refused(experiment: Path, arena: Arena):
    for name in [BAD, *OTHERS]:
        (experiment / name / "run.json").write_text("{")
    code, said = arena("report", str(experiment))
    assert (code, "none of the 6 runs can be read" in said) == (2, True), said
    code, said = arena("status", str(experiment))
    assert (code, "6 damaged" in said) == (0, True), said


def test_runs_of_the_version_before_seals_are_read_with_a_word(experiment: Path, arena: Arena):
    for name in OTHERS[:2]:
        file = experiment / name / "result.json"
        content = json.loads(file.read_text())
        del content["seal"]
        file.write_text(json.dumps({**content, "schema_version": 1}))
    code, said = arena("report", str(experiment))
    assert code == 0, said
    assert "2 of 6 runs were recorded by a version of arena-rl that kept no checksums" in said
