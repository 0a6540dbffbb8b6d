import json
import sys

import pytest

from arena import cli
from arena.tournament import league as league_module


@pytest.fixture
def arena(monkeypatch, capsys, tmp_path):
    """Runs one command in an empty folder and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(league_module, "check_policy_file", lambda path: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (caught.value.code or 0, *capsys.readouterr())

    return run


def test_a_league_from_the_first_player_to_the_standings(arena, tmp_path, write_policy) -> None:
    for seed, name in enumerate("ab"):
        write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)
    code, _, errors = arena("league", "play")
    assert (code, "begin one: arena league add POLICY --env ID --league league" in errors) == (2, True)
    code, output, _ = arena("league", "add", "a.onnx", "b.onnx", "--env", "tictactoe_v3")
    assert (code, "a joined" in output, "3 new in league" in output) == (0, True, True)
    code, output, _ = arena("league", "add", "a.onnx")
    assert (code, output) == (0, "nobody new in league\n")
    code, output, _ = arena("league", "play", "--games", "60", "--workers", "1")
    assert code == 0
    assert "new games and evaluations." in output
    assert (tmp_path / "league" / "leaderboard.html").is_file()
    code, output, _ = arena("league", "standings", "--json")
    assert [json.loads(line)["rank"] for line in output.splitlines()] == [1, 2, 3]
    code, _, errors = arena("league", "add", "a.onnx", "--env", "connect_four_v3")
    assert (code, "a league keeps them" in errors) == (2, True)
