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
seeds = {num_seeds}
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


def _write(folder: Path, write_policy: Callable[..., Path], num_seeds: int) -> None:
    """Writes the finished experiment of `FILE`."""
    (folder / "mine.toml").write_text(FILE.format(num_seeds=num_seeds))
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
    folder = copy_of("six runs", lambda to: _write(to, write_policy, 3), tmp_path / "here", tmp_path_factory)
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
SIBLING, OTHER_AGENT = "constant/CartPole-v1/seed-0", "random/CartPole-v1/seed-1"
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    **{f"{name} torn": (_cut(name), name) for name in NAMES},
    **{f"{name} empty": (_put(name, b""), name) for name in NAMES},
    **{f"{name} garbage": (_put(name, b"\0\xff\n{"), name) for name in NAMES[:4]},
    **{f"{name} missing": (_remove(name), name) for name in NAMES[2:]},
    **{f"{name} of another seed": (_from(SIBLING, name), name) for name in NAMES[1:]},
    "result of another agent": (_from(OTHER_AGENT, "result.json"), "result.json"),
    "run.json of another seed": (_from(SIBLING, "run.json"), "seed-0"),
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


def damaged(faults: dict[str, tuple[Callable[[Path], None], str]]) -> dict[str, str]:
    """Damages one run of the second agent by each fault, in the current directory; returns their names with words of the reasons."""
    found = {}
    for seed, (damage, word) in enumerate(faults.values(), start=1):
        name = f"constant/CartPole-v1/seed-{seed}"
        damage(Path("mine", name))
        found[name] = word
    return found


@pytest.fixture
def many(
    tmp_path: Path, write_policy: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """An experiment in the current directory with a run for each fault; returns the names of all runs."""
    num_seeds = 1 + len(FAULTS | PIPES)
    folder = copy_of("many runs", lambda to: _write(to, write_policy, num_seeds), tmp_path / "here", tmp_path_factory)
    monkeypatch.chdir(folder)
    return [f"{agent}/CartPole-v1/seed-{seed}" for agent in ("random", "constant") for seed in range(num_seeds)]


def reason_in(said: str, name: str) -> str:
    """Returns why a run is left out, in what a command said."""
    (reason,) = [part for part in said.split("left out: ") if part.startswith((f"{name}, because", f"mine/{name}, because"))]
    return reason


def test_reports_and_states_name_each_and_show_all_others(many: list[str], arena: Arena):
    """The faults include what a stranger could put in the place of a file."""
    words = damaged(FAULTS | PIPES)
    others = sorted({*many} - words.keys())
    code, said = arena("report", "mine")
    assert code == 0, said
    page, document = (Path("mine", "report", name).read_text() for name in ("report.html", "report.json"))
    read = json.loads(document)
    assert sorted(f"{run['agent']}/{run['env']}/seed-{run['seed']}" for run in read["runs"]) == others
    assert len(read["left_out"]) == len(words)
    code, states = arena("status", "mine")
    assert code == 0, states
    assert f"{len(others)} finished" in states
    assert f"{len(words)} damaged" in states
    for name, word in words.items():
        assert f"left out: mine/{name}, because" in page
        (sentence,) = [sentence for sentence in read["left_out"] if f"mine/{name}, because" in sentence]
        assert word in sentence
        assert word in reason_in(said, name)
        assert word in reason_in(states, name)


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


def test_run_goes_on_with_the_others_and_says_how_to_redo_each_alone(many: list[str], arena: Arena):
    words = damaged(FAULTS)
    for _ in range(2):
        code, said = arena("run", "mine.toml")
        assert code == 1, said
        for name, word in words.items():
            reason = said.partition(f" {name} damaged: ")[2].partition("arena run mine.toml")[0]
            assert word.replace("copied or renamed", "whose folder this is not") in reason
            assert f"rm -r mine/{name} && arena run mine.toml" in said
    code, said = arena("run", "mine.toml", "--dry-run")
    assert code == 0, said
    assert f"{len(many) - len(words)} finished, {len(words)} damaged" in said


@pytest.mark.worker
def test_the_command_redoes_it_alone(experiment: Path, arena: Arena):
    before = {name: (experiment / name / "result.json").read_bytes() for name in OTHERS}
    FAULTS["score changed"][0](experiment / BAD)
    shutil.rmtree(experiment / BAD)
    code, said = arena("run", "mine.toml")
    assert code == 0, said
    assert RunRecord(experiment / BAD).result.num_attempts == 1
    assert {name: (experiment / name / "result.json").read_bytes() for name in OTHERS} == before


@pytest.mark.parametrize("fault", FAULTS)
def test_python_is_told_the_same(fault: str, experiment: Path):
    damage, word = FAULTS[fault]
    damage(experiment / BAD)
    records, left_out = readable([experiment / BAD, experiment / OTHERS[0]])
    assert [record.path for record in records] == [experiment / OTHERS[0]]
    assert [each.path for each in left_out] == [experiment / BAD]
    assert word in left_out[0].reason


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
