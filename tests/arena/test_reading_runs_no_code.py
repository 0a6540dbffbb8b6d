"""Reading a stranger's folder loads nothing that the folder names, by any command and any field; playing needs the user's own word.

The stranger's modules are on the path of the process, so that nothing but the arena keeps them from running.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from arena.cli.app import main
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
from arena.tournament.tournament_folder import TournamentFolder
from arena.worker.worker import work

CARTPOLE, GAME = EnvConfig("CartPole-v1"), EnvConfig("tictactoe_v3")
FOREIGN, FOREIGN_GAME = EnvConfig("evil:Id-v0"), EnvConfig("evil_games.board")

EVIL = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from arena.testing.fakes import FAKE_AGENT as SPEC
Wrapper = Encoder = CartPoleEnv
gymnasium.register("Id-v0", CartPoleEnv, max_episode_steps=500)
"""
EVIL_GAME = """
import pathlib
pathlib.Path(__file__).parent.with_name("ran").touch()
from pettingzoo.classic.tictactoe.tictactoe import raw_env as env
"""


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the stranger's modules write when one of them runs; they can be imported."""
    folder = tmp_path / "path"
    (folder / "evil_games").mkdir(parents=True)
    (folder / "evil.py").write_text(EVIL)
    (folder / "evil_games" / "__init__.py").touch()
    (folder / "evil_games" / "board.py").write_text(EVIL_GAME)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(tmp_path)
    yield folder / "ran"
    for module in [name for name in sys.modules if name.startswith("evil")]:
        del sys.modules[module]
    gym.registry.pop("Id-v0", None)


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Calls the command line in this process; returns the exit code and all that it printed, as one line."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return int(exit_.value.code or 0), " ".join((said.out + said.err).split())

    return call


def change(document: Path, key: str, value: Any) -> None:
    """Replaces the value at a dotted key of a JSON file."""
    content = json.loads(document.read_text())
    *parents, last = key.split(".")
    table = content
    for parent in parents:
        table = table[parent]
    table[last] = value
    document.write_text(json.dumps(content))


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Returns a JSON value in which texts and keys, or their first parts before a slash, have other names."""
    if isinstance(value, str):
        head, slash, tail = value.partition("/")
        return names.get(head, head) + slash + tail
    if isinstance(value, dict):
        return {renamed(key, names): renamed(item, names) for key, item in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


_made: dict[str, Path] = {}
"""Folders that are the same for many tests, each made once."""


def copy_of(name: str, make: Callable[[Path], None], to: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies the folder that `make` fills to `to`, which is returned."""
    if name not in _made:
        folder = tmp_path_factory.mktemp(name)
        make(folder)
        _made[name] = folder
    return shutil.copytree(_made[name], to)


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
    assert len(load_runs([folder])) == 4
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


MakeTournament = Callable[[str], Path]


@pytest.fixture
def tournament(
    tmp_path: Path, write_policy: Callable[..., Path], arena: Callable[..., tuple[int, str]], tried: list[Path], tmp_path_factory: Any
) -> MakeTournament:
    """Returns a function that returns a played tournament of the first environment of one of `TOURNAMENTS`."""

    def play(folder: Path, env: EnvConfig, schedule: str) -> None:
        files = [str(write_policy(folder / f"{name}.onnx", env.id, seed)) for seed, name in enumerate(("one", "two"))]
        rules = ("--episodes", "2", "--games", "4", "--schedule", schedule, "--workers", "1", "--env", env.id)
        code, said = arena("tournament", *files, *rules, "--name", "played", "--output", str(folder))
        assert code == 0, said

    def make(kind: str) -> Path:
        env, _, schedule = TOURNAMENTS[kind]
        name = f"{env.name}-{schedule}"
        return copy_of(name, lambda folder: play(folder, env, schedule), tmp_path / "copy", tmp_path_factory) / "played"

    return make


def make_foreign(folder: Path, env: EnvConfig, foreign: EnvConfig) -> None:
    """Lets a tournament say that it is of another environment."""
    document, matches = folder / "tournament.json", folder / "matches.jsonl"
    content = renamed(json.loads(document.read_text()), {env.name: foreign.name})
    content["inputs"]["envs"] = [{"id": foreign.id, "kwargs": foreign.kwargs}]
    document.write_text(json.dumps(content))
    lines = [renamed(json.loads(line), {env.name: foreign.name}) for line in matches.read_text().splitlines()]
    matches.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "leaderboard.html").unlink()


TOURNAMENTS = {
    "env": (CARTPOLE, FOREIGN, "round-robin"),
    "game": (GAME, FOREIGN_GAME, "round-robin"),
    "adaptive": (GAME, FOREIGN_GAME, "adaptive"),
    "argument": (CARTPOLE, EnvConfig("CartPole-v1", {"wrapper": "evil:Wrapper"}), "round-robin"),
    "nested": (CARTPOLE, EnvConfig("CartPole-v1", {"options": [{"entry_point": "evil.Wrapper"}]}), "swiss"),
}


@pytest.fixture(params=TOURNAMENTS)
def strange_tournament(request: pytest.FixtureRequest, tournament: MakeTournament) -> tuple[Path, str]:
    """A tournament that names the stranger's module, and that name."""
    env, foreign, _ = TOURNAMENTS[request.param]
    folder = tournament(request.param)
    make_foreign(folder, env, foreign)
    return folder, code_names(foreign)[0]


def check_leaderboard(folder: Path, name: str, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("leaderboard", str(folder))
    assert code == 0, said
    page = (folder / "leaderboard.html").read_text()
    assert "one" in page
    assert f"--allow {name}" in page


def check_standings(folder: Path, name: str, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("league", "standings", "--league", str(folder))
    assert code == 0, said
    assert "one" in said
    assert (folder / "standings.json").exists()


def check_play(folder: Path, name: str, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("league", "play", "--league", str(folder), "--workers", "1")
    assert (code, f"--allow {name}" in said, str(folder / "tournament.json") in said) == (2, True, True), said


def check_add(folder: Path, name: str, arena: Callable[..., tuple[int, str]]) -> None:
    code, said = arena("league", "add", str(next(folder.parent.glob("one.onnx"))), "--league", str(folder))
    assert (code, f"--allow {name}" in said) == (2, True), said


def check_folder(folder: Path, name: str, arena: Callable[..., tuple[int, str]]) -> None:
    tournament = TournamentFolder(folder).read()
    assert TournamentFolder(folder).read_records(tournament)
    assert code_names(tournament.envs[0]) == (name,)


READING_TOURNAMENTS = (check_leaderboard, check_standings, check_play, check_add, check_folder)


@pytest.mark.parametrize("check", READING_TOURNAMENTS, ids=lambda check: check.__name__)
def test_no_command_loads_what_a_tournament_names(
    strange_tournament: tuple[Path, str], check: Callable[..., None], arena: Callable[..., Any], ran: Path
):
    check(*strange_tournament, arena)
    assert not ran.exists()


@pytest.mark.parametrize("kind", ["env", "game", "adaptive"])
def test_the_users_word_lets_a_strangers_environment_play(kind: str, tournament: MakeTournament, arena: Callable[..., Any], ran: Path):
    env, foreign, _ = TOURNAMENTS[kind]
    folder = tournament(kind)
    before = (folder / "standings.json").read_text()
    make_foreign(folder, env, foreign)
    code, said = arena("league", "standings", "--league", str(folder), "--allow", foreign.id, "--allow", "something.else")
    assert code == 0, said
    assert ran.exists()
    assert "--allow" not in (folder / "leaderboard.html").read_text()
    assert len(json.loads((folder / "standings.json").read_text())["rows"]) == len(json.loads(before)["rows"])


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


SHADOW = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\nraise ImportError('shadowed')\n"


@pytest.mark.worker
@pytest.mark.parametrize("arguments", [("report", "theirs"), ("status", "theirs"), ("list", "agents")], ids=lambda words: words[0])
def test_python_m_arena_imports_nothing_from_the_current_directory(experiment: Path, tmp_path: Path, arguments: tuple[str, ...]):
    for module in ("typer", "rich", "numpy", "pydantic", "gymnasium", "onnx", "arena_envs", "arena_baselines", "jinja2", "signal", "enum"):
        (tmp_path / f"{module}.py").write_text(SHADOW)
    command = [sys.executable, "-m", "arena", *arguments]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout
    assert not (tmp_path / "ran").exists()
