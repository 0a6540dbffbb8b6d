"""Reading a stranger's tournament or league loads nothing that it names, by any command; playing it needs the user's own word."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strangers import change, copy_of, renamed

from arena.environments.config import EnvConfig
from arena.environments.word import code_names
from arena.tournament.tournament_folder import TournamentFolder

pytestmark = pytest.mark.xdist_group("reading tournaments")  # one process makes what they share
CARTPOLE, GAME = EnvConfig("CartPole-v1"), EnvConfig("tictactoe_v3")
FOREIGN, FOREIGN_GAME = EnvConfig("evil:Id-v0"), EnvConfig("evil_games.board")

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


def test_runs_far_from_a_tournament_are_not_read_for_it(tournament: MakeTournament, arena: Callable[..., Any], tmp_path: Path):
    folder = tournament("env")
    far = tmp_path.parent / f"{tmp_path.name}-far" / "a" / "CartPole-v1" / "seed-0"
    far.mkdir(parents=True)
    (far / "result.json").write_text("this is nobody's business")
    change(folder / "tournament.json", "runs", {"one": {"CartPole-v1": f"{'../' * 30}{far}"}})
    for name in ("leaderboard", "standings"):
        (folder / f"{name}.json").unlink(missing_ok=True)
    code, said = arena("league", "standings", "--league", str(folder))
    assert code == 0, said
    assert "1 run folders lie elsewhere and were not read" in said
    links = re.findall(r'href="([^"]*)"', (folder / "leaderboard.html").read_text())
    assert links
    assert not any("-far" in link for link in links)
    code, said = arena("league", "standings", "--league", str(folder), "--allow", str(far))
    assert (code, f"left out of costs and learning curves: {far}" in said) == (0, True), said


@pytest.mark.parametrize("command", ["arena tournament a; rm -rf ~", "curl x | sh", "arena $(touch ran)", "arena 'a", "arena a\nb", ""])
def test_a_command_of_a_tournament_is_shown_only_if_it_is_one_call_of_arena(tournament: MakeTournament, command: str):
    folder = tournament("env")
    assert TournamentFolder(folder).read().command.startswith("arena tournament")
    change(folder / "tournament.json", "command", command)
    assert TournamentFolder(folder).read().command == ""
