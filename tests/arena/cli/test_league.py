import json
import sys

import pytest

from arena.cli import app as cli
from arena.cli import league
from arena.terminal.output import Output
from arena.tournament.league import Season


@pytest.fixture
def arena(monkeypatch, capsys, tmp_path, tried):
    """Runs one command in an empty folder and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

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


def test_a_league_without_further_openings_stops_and_says_so(arena, tmp_path, write_policy) -> None:
    for seed, name in enumerate("ab"):
        write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)
    assert arena("league", "add", "a.onnx", "b.onnx", "--env", "tictactoe_v3", "--opening-plies", "1", "--quiet")[0] == 0
    code, output, _ = arena("league", "play", "--games", "120", "--workers", "1")
    assert code == 0
    note = "tictactoe_v3: a and b have met from all 9 openings of 1 move; further games would be the same again"
    assert note in output
    assert note in (tmp_path / "league" / "leaderboard.html").read_text(encoding="utf-8")
    games = [json.loads(line) for line in (tmp_path / "league" / "matches.jsonl").read_text().splitlines()]
    of_both = [(*game["players"], *game["moves"]) for game in games if "random" not in game["players"]]
    assert len(set(of_both)) == len(of_both) == 18
    assert arena("league", "play", "--games", "60", "--quiet", "--workers", "1")[0] == 0
    assert [game for game in games if "random" not in game["players"]] == [
        game
        for line in (tmp_path / "league" / "matches.jsonl").read_text().splitlines()
        if "random" not in (game := json.loads(line))["players"]
    ]


def test_only_rules_that_are_given_must_be_those_of_the_league(arena, tmp_path, write_policy) -> None:
    for seed, name in enumerate("abc"):
        write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)
    assert arena("league", "add", "a.onnx", "--env", "tictactoe_v3", "--opening-plies", "2", "--quiet")[0] == 0
    assert arena("league", "add", "b.onnx", "--seed", "0", "--quiet")[0] == 0
    code, _, errors = arena("league", "add", "c.onnx", "--opening-plies", "3")
    assert (code, "a league keeps them" in errors) == (2, True)


def test_a_player_is_removed_and_taken_back(arena, tmp_path, write_policy) -> None:
    for seed, name in enumerate("ab"):
        write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)
    assert arena("league", "add", "a.onnx", "b.onnx", "--env", "tictactoe_v3", "--quiet")[0] == 0
    assert arena("league", "play", "--games", "60", "--workers", "1", "--quiet")[0] == 0
    assert arena("league", "remove", "b") == (0, "b plays no further matches; those that it played count\n", "")
    assert arena("league", "remove", "b") == (0, "nobody removed from league: they were before\n", "")
    code, output, _ = arena("league", "play", "--games", "60", "--workers", "1")
    assert (code, "b (removed)" in output, "b plays no further matches: removed on 20" in output) == (0, True, True)
    assert arena("league", "add", "b.onnx")[1].startswith("b joined\n")
    code, output, _ = arena("league", "play", "--games", "0", "--workers", "1")
    assert (code, "removed" in output) == (0, False)
    code, _, errors = arena("league", "remove", "c")
    assert (code, "has no player 'c' that could be removed" in errors) == (2, True)


def test_a_program_joins_a_league_and_plays_by_the_users_word_alone(arena, tmp_path, write_policy) -> None:
    write_policy(tmp_path / "a.onnx", "tictactoe_v3", 0)
    add = ("league", "add", "a.onnx", "mine=programs_of_users:winning", "--env", "tictactoe_v3", "--max-plies", "200")
    code, output, _ = arena(*add)
    assert (code, "mine joined" in output) == (0, True)
    code, _, errors = arena("league", "play", "--games", "20", "--workers", "1")
    assert (code, "--allow programs_of_users:winning" in errors) == (2, True)
    code, output, _ = arena("league", "play", "--games", "20", "--workers", "1", "--allow", "programs_of_users:winning")
    assert (code, "mine (program)" in output) == (0, True)
    assert json.loads((tmp_path / "league" / "tournament.json").read_text())["inputs"]["rules"]["max_plies"] == 200


def test_a_league_of_duels_asks_for_more_episodes_or_seeds(capsys) -> None:
    pairs = {"undecided": (("a", "b"),), "needs_seeds": (), "used_up": (("a", "b"),), "absent": {}, "num_new_records": 0}
    words = []
    for has_games, has_duels in ((False, True), (True, False), (True, True)):
        league.print_season(Season(**pairs, has_games=has_games, has_duels=has_duels), Output("plain"))
        words.append(capsys.readouterr().out.splitlines()[-1])
    assert words == [
        "More duels would be the same again: a and b. Only more training seeds, or a league with more --episodes, would decide.",
        "Out of openings: a and b. Only more training seeds, or a league with more --opening-plies, would decide.",
        "Out of openings: a and b. Only more training seeds, or a league with more --opening-plies or --episodes, would decide.",
    ]
