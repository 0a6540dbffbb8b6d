import dataclasses
import json

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.play.play_tournament import play
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))


def test_another_tournament_in_the_folder_is_refused_with_the_difference(tournament, write_policy, find):
    play(tournament, workers=1)
    other = Tournament(**{**vars(tournament), "rules": Rules(episodes=3, games=10)})
    with pytest.raises(ArenaError, match=r"another tournament \(rules.games: 8 there, 10 wanted\)"):
        play(other, workers=1)
    write_policy(tournament.players[1].policies["tictactoe_v3"].source, "tictactoe_v3", seed=99)
    again = find([str(tournament.path.parent / "x")], tournament.envs)
    with pytest.raises(ArenaError, match=r"players\.a/seed-0"):
        play(dataclasses.replace(tournament, players=again.players), workers=1)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("inputs", {}),
        ("inputs", [1]),
        ("inputs.rules", {"episodes": "5"}),
        ("inputs.envs", [{"id": 5}]),
        ("inputs.players", ["a"]),
        ("inputs.players", {"a": {"entrant": "a", "policies": ["x"]}}),
        ("runs", {"a": {"CartPole-v1": 5}}),
        ("origins", [1]),
        ("left_out", 5),
        ("versions", {"numpy": 2.0}),
    ],
)
def test_odd_types_in_a_tournaments_file_are_refused_with_their_place(tournament, part, value):
    folder = TournamentFolder(tournament.path)
    folder.open(tournament)
    document = json.loads(folder.tournament.read_text())
    *above, last = part.split(".")
    (document[above[0]] if above else document)[last] = value
    folder.tournament.write_text(json.dumps(document))
    with pytest.raises(ArenaError, match=f"not a tournament of this version of arena-rl.*{part}"):
        folder.read()
    with pytest.raises(ArenaError, match="not a tournament of this version"):
        folder.open(tournament)


def test_run_folders_are_found_again_relative_to_the_tournaments(tournament):
    play(tournament, workers=1)
    written = json.loads(TournamentFolder(tournament.path).tournament.read_text())
    assert written["runs"]["a/seed-0"]["tictactoe_v3"] == "../x/a/arena-TicTacToe-v0/seed-0"


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tournament, tmp_path):
    (tournament.path / ".lock").mkdir(parents=True)
    with pytest.raises(ArenaError, match=r"cannot write the lock .*: Is a directory"):
        play(tournament, workers=1)
    (tmp_path / "file").touch()
    with pytest.raises(ArenaError, match=r"cannot make the tournament's folder .*: Not a directory"):
        play(Tournament(**{**vars(tournament), "path": tmp_path / "file" / "t"}), workers=1)


def test_what_a_killed_arena_was_writing_is_removed(tournament):
    (tournament.path / "policies").mkdir(parents=True)
    for place in (tournament.path, tournament.path / "policies"):
        (place / ".standings.json.999999999.tmp").write_text("half")
    with TournamentFolder(tournament.path).locked():
        assert not list(tournament.path.rglob(".*.tmp"))
