"""Reading a stranger's folder loads nothing that the folder names, by any command and any field; playing needs the user's own word.

The stranger's modules are on the path of the process, so that nothing but the arena keeps them from running.
"""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strangers import change, copy_of

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.word import code_names
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.plan import make_plan
from arena.report.load import load_runs
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import AgentEntry
from arena.run_folder.record import RunRecord
from arena.run_folder.schema import Evaluated
from arena.worker.worker import work

pytestmark = pytest.mark.xdist_group("reading runs")  # one process makes what they share
CARTPOLE, FOREIGN = EnvConfig("CartPole-v1"), EnvConfig("evil:Id-v0")


@pytest.fixture
def experiment(tmp_path: Path, write_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished experiment of two agents with two seeds each, one of which a stranger may name otherwise."""
    return copy_of("runs", lambda folder: _write_experiment(folder, write_run), tmp_path / "theirs", tmp_path_factory)


def _write_experiment(folder: Path, write_run: Callable[..., Path]) -> None:
    for agent in ("random", "constant"):
        for seed in (0, 1):
            path = write_run(folder, agent, CARTPOLE.id, seed)
            final = Evaluated(
                kind="final",
                env_steps=3_000,
                train_seconds=3.0,
                episode_return_mean=41.5,
                episode_returns=(41.0, 42.0),
                episode_lengths=(41, 42),
            )
            with (path / "evaluations.jsonl").open("a") as rows:
                rows.write(json.dumps(dataclasses.asdict(final)) + "\n")
            change(path / "result.json", "score_mean", 41.5)


RUN_FIELDS = {
    "agent": {"inputs.agent.agent": "evil:SPEC"},
    "env": {"inputs.env.id": "evil:Id-v0"},
    "game": {"inputs.env.id": "evil_games.board"},
    "argument": {"inputs.env.kwargs": {"wrapper": "evil:Wrapper"}},
    "wrapper": {"inputs.env.wrappers": [{"wrapper": "evil:Wrapper", "kwargs": {}}]},
    "text": {"inputs.env.text_encoder": "evil:encode"},
    "training": {"inputs.env.train_wrappers": [{"wrapper": "gymnasium.wrappers:ClipReward", "kwargs": {"bounds": "evil:Wrapper"}}]},
    "nested": {"inputs.env.kwargs": {"options": [{"evil.Wrapper": 1}, {"entry_point": "evil.Wrapper"}]}},
    "hyperparameter": {"inputs.agent.hyperparameters": {"encoder": "evil:Encoder"}},
    "command": {"record": {"command": ["evil:SPEC"], "versions": {"evil": "evil:SPEC"}, "git": {"commit": "evil:SPEC"}}},
    "tuning": {"tuning": {"sampler": "evil:SPEC", "trials": 3}},
}
"""Fields of `run.json` that can name code, by what they are."""


@pytest.fixture(params=RUN_FIELDS)
def stranger(request: pytest.FixtureRequest, experiment: Path) -> Path:
    """The experiment, with one field of the runs of one agent naming the stranger's module."""
    for document in sorted(experiment.rglob("constant/**/run.json")):
        for key, value in RUN_FIELDS[request.param].items():
            change(document, key, value)
    return experiment


MINE = 'agents = ["random"]\nenvs = ["CartPole-v1"]\nseeds = 2\nname = "theirs"\noutput = "."\n'


def check_report(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("report", str(folder))
    assert code == 0, said
    assert "constant" in said
    assert "41.5" in (folder / "report" / "report.html").read_text()


def check_status(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("status", str(folder))
    assert (code, "4 finished" in said) == (0, True), said


def check_status_of_file(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    Path("mine.toml").write_text(MINE)
    code, said = arena("status", "mine.toml")
    assert (code, "4 finished" in said) == (0, True), said


def check_dry_run(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    Path("mine.toml").write_text(MINE.replace("theirs", "mine"))
    code, said = arena("run", "mine.toml", "--dry-run")
    assert code == 0, said
    assert "2 to do" in said


def check_run(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    Path("mine.toml").write_text(MINE.replace('["random"]', '["random", "constant"]'))
    code, said = arena("run", "mine.toml")
    assert (code, "with other inputs" in said) == (2, True), said


def check_tournament(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("tournament", str(folder), "--episodes", "2", "--workers", "1")
    assert (code == 0 and "constant" in said) or "--allow evil" in said, said


def check_tournament_elsewhere(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("tournament", str(folder), "--env", "tictactoe_v3", "--games", "2", "--workers", "1")
    assert (code, "holds no player for tictactoe_v3" in said) == (2, True), said


def check_league_add(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("league", "add", str(folder), "--env", "tictactoe_v3")
    assert (code, "holds no player for tictactoe_v3" in said) == (2, True), said


def check_python(folder: Path, arena: Callable[..., tuple[int, str]]) -> None:
    assert len(load_runs([folder]).runs) == 4
    for path in folder.rglob("run.json"):
        run = RunRecord(path.parent).run
        if ":" in run.agent.agent:
            with pytest.raises(ArenaError, match="nothing is imported because a folder names it"):
                run.spec()
        if names := code_names(run.env):
            with pytest.raises(ArenaError, match=f"add --allow .*{names[0]}"):
                make_env(run.env)
        if run.code_names():
            with pytest.raises(ArenaError, match="because a folder names it"):
                work(RunDir(path.parent), lambda event: None)
    mine = AgentEntry(name="random", agent="random", hyperparameters={})
    plan = make_plan(Experiment(name="mine", agents=(mine,), envs=(CARTPOLE,), seeds=(0,), output=folder.parent))
    assert len(plan.runs) == 1


READING_RUNS = (
    check_report,
    check_status,
    check_status_of_file,
    check_dry_run,
    check_run,
    check_tournament,
    check_tournament_elsewhere,
    check_league_add,
    check_python,
)


@pytest.mark.usefixtures("tried")
@pytest.mark.parametrize("check", READING_RUNS, ids=lambda check: check.__name__)
def test_no_command_loads_what_a_run_folder_names(stranger: Path, check: Callable[..., None], arena: Callable[..., Any], ran: Path):
    check(stranger, arena)
    assert not ran.exists()


@pytest.mark.usefixtures("tried")
def test_the_users_word_lets_runs_of_a_strangers_environment_meet(experiment: Path, arena: Callable[..., Any], ran: Path):
    for document in experiment.rglob("run.json"):
        change(document, "inputs.env.id", FOREIGN.id)
    arguments = ("tournament", str(experiment), "--episodes", "2", "--workers", "1", "--output", str(experiment.parent))
    assert arena(*arguments, "--allow", "evil:Other-v0")[0] == 2
    assert not ran.exists()
    code, said = arena(*arguments, "--allow", "evil:Id-v0")
    assert code == 0, said
    assert ran.exists()


def test_an_option_to_copy_is_quoted(experiment: Path, arena: Callable[..., Any]):
    for document in experiment.rglob("run.json"):
        change(document, "inputs.env.id", "evil:Id; touch ran")
    code, said = arena("tournament", str(experiment))
    assert (code, "--allow 'evil:Id; touch ran'" in said) == (2, True), said


def test_the_file_that_repeats_a_strangers_experiment_is_nobodys_word(experiment: Path, arena: Callable[..., Any], ran: Path):
    change(next(experiment.rglob("random/**/seed-0/run.json")), "inputs.env.kwargs", {})
    for document in experiment.rglob("constant/**/run.json"):
        change(document, "inputs.agent.agent", "evil:SPEC")
    assert arena("report", str(experiment))[0] == 0
    (file,) = (experiment / "report").glob("*.toml")
    for arguments in (("run", str(file)), ("run", str(file), "--dry-run"), ("status", str(file)), ("tournament", str(file))):
        code, said = arena(*arguments)
        assert (code, "from_run_folders" in said or "tournament" in said) == (2, True), said
    assert not ran.exists()
    file.write_text(file.read_text().partition("\n")[2])
    arena("run", str(file), "--dry-run")
    assert ran.exists(), "the file without that line is the user's own"


SHADOW = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\nraise ImportError('shadowed')\n"


@pytest.mark.worker
@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "theirs"),
        ("status", "theirs"),
        ("list", "agents"),
        ("tournament", "theirs", "--env", "CartPole-v1", "--episodes", "2", "--workers", "2", "--output", "out"),
    ],
    ids=lambda words: words[0],
)
def test_python_m_arena_imports_nothing_from_the_current_directory(experiment: Path, tmp_path: Path, arguments: tuple[str, ...]):
    for module in (
        "typer",
        "rich",
        "numpy",
        "pydantic",
        "gymnasium",
        "onnx",
        "arena_envs",
        "arena_baselines",
        "jinja2",
        "signal",
        "enum",
        "multiprocessing",
    ):
        (tmp_path / f"{module}.py").write_text(SHADOW)
    command = [sys.executable, "-m", "arena", *arguments]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout
    assert not (tmp_path / "ran").exists()
