import json
import shutil
from collections import Counter

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament import folder as folder_module
from arena.tournament.folder import Rules, Tournament, TournamentFolder
from arena.tournament.matches import Episodes, PlayedGame
from arena.tournament.players import find_players
from arena.tournament.rounds import num_looks, used_up_openings
from arena.tournament.run import play

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))


@pytest.fixture
def tournament(tmp_path, write_run):
    """Two agents of two seeds each in a game, one of which can play an environment too."""
    for seed in (0, 1):
        write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", seed)
        write_run(tmp_path / "x", "b", "arena/TicTacToe-v0", 10 + seed)
        write_run(tmp_path / "x", "a", "arena/ConnectFour-v0", seed)
    field = find_players([str(tmp_path / "x")], ENVS)
    return Tournament(path=tmp_path / "t", players=field.players, envs=ENVS, rules=Rules(episodes=3, games=8))


def test_each_player_plays_its_episodes_once_and_entrants_share_out_their_games(tournament):
    records = play(tournament, workers=1)
    assert [record.player for record in records if isinstance(record, Episodes)] == ["random", "a/seed-0", "a/seed-1"]
    games = [record for record in records if isinstance(record, PlayedGame)]
    met = {frozenset(game.players) for game in games}
    assert frozenset(("a/seed-0", "a/seed-1")) not in met
    entrants = tournament.entrant_of
    for pair in (("a", "b"), ("random", "a"), ("random", "b")):
        theirs = [game for game in games if {entrants[player] for player in game.players} == set(pair)]
        assert len(theirs) == 8
        assert sum(entrants[game.players[0]] == pair[0] for game in theirs) == 4
    assert {game.seed for game in games if "random" in game.players and "a/seed-0" in game.players} == {
        game.seed for game in games if "random" in game.players and "b/seed-10" in game.players
    }
    assert TournamentFolder(tournament.path).read_records() == records


@pytest.mark.parametrize("schedule", ["round-robin", "swiss", "adaptive"])
def test_a_tournament_cut_anywhere_goes_on_to_the_same_file(tournament, schedule):
    tournament = Tournament(**{**vars(tournament), "rules": Rules(episodes=2, games=4, schedule=schedule)})
    records = play(tournament, workers=1)
    looks = num_looks(tournament, records)
    assert looks > 1 if schedule == "adaptive" else looks == 0
    assert num_looks(tournament, records[:-1]) == looks
    assert num_looks(tournament, []) == (1 if schedule == "adaptive" else 0)
    path = TournamentFolder(tournament.path).matches
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 3, len(whole) - 1, len(whole)):
        path.write_bytes(whole[:length])
        assert play(tournament, workers=1) == records
        assert path.read_bytes() == whole


@pytest.mark.worker
def test_processes_write_what_one_writes(tournament):
    one = play(tournament, workers=1)
    shutil.move(tournament.path, tournament.path.with_name("one"))
    assert play(tournament, workers=2) == one


def test_policies_are_kept_with_the_tournament(tournament):
    records = play(tournament, workers=1)
    shutil.rmtree(tournament.path.parent / "x")
    folder = TournamentFolder(tournament.path)
    folder.matches.unlink()
    assert play(folder.read(), workers=1) == records


def test_another_tournament_in_the_folder_is_refused_with_the_difference(tournament, write_policy):
    play(tournament, workers=1)
    other = Tournament(**{**vars(tournament), "rules": Rules(episodes=3, games=10)})
    with pytest.raises(ArenaError, match=r"another tournament \(rules.games: 8 there, 10 wanted\)"):
        play(other, workers=1)
    write_policy(tournament.players[1].policies["tictactoe_v3"], "tictactoe_v3", seed=99)
    with pytest.raises(ArenaError, match=r"players\.a/seed-0"):
        play(tournament, workers=1)


def test_a_folder_in_use_or_damaged_is_refused(tournament):
    play(tournament, workers=1)
    folder = TournamentFolder(tournament.path)
    with folder.locked(), pytest.raises(ArenaError, match="another arena is at work"):
        play(tournament, workers=1)
    lines = folder.matches.read_text().splitlines()
    folder.matches.write_text("\n".join(['{"kind": "game"}', *lines[1:]]) + "\n")
    with pytest.raises(ArenaError, match="line 1 is no match"):
        play(tournament, workers=1)
    stranger = lines[0].replace("random", "nobody")
    folder.matches.write_text("\n".join([stranger, *lines[1:]]) + "\n")
    with pytest.raises(ArenaError, match=r"line 1: tournament\.json knows no 'nobody'"):
        play(tournament, workers=1)


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


@pytest.mark.parametrize("schedule", ["round-robin", "swiss", "adaptive"])
def test_two_policies_never_play_one_game_twice(tournament, schedule):
    rules = Rules(episodes=1, games=200, opening_plies=1, schedule=schedule)  # nine openings: 18 games of a pair
    tournament = Tournament(**{**vars(tournament), "rules": rules})
    records = play(tournament, workers=1)
    games = [record for record in records if isinstance(record, PlayedGame)]
    of_policies = [(game.players, game.moves) for game in games if "random" not in game.players]
    assert len(of_policies) == len(set(of_policies))
    assert max(Counter(frozenset(players) for players, _ in of_policies).values()) == 18
    assert max(Counter(frozenset(game.players) for game in games if "random" in game.players).values()) > 18
    (sentence,) = used_up_openings(tournament, records)
    assert sentence.startswith("tictactoe_v3: a/seed-")
    assert "have met from all 9 openings of 1 move; further games would be the same again" in sentence
    path = TournamentFolder(tournament.path).matches
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert play(tournament, workers=1) == records
    assert path.read_bytes() == whole


def test_nothing_is_said_of_openings_while_there_are_others(tournament):
    assert used_up_openings(tournament, play(tournament, workers=1)) == []


def test_two_tournaments_at_once_do_not_share_a_new_folder(tournament):
    folder = TournamentFolder(tournament.path)
    with folder.locked(), pytest.raises(ArenaError, match="another arena is at work"):
        play(tournament, workers=1)
    assert not folder.tournament.exists()


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tournament, tmp_path):
    (tournament.path / ".lock").mkdir(parents=True)
    with pytest.raises(ArenaError, match=r"cannot write the lock .*: Is a directory"):
        play(tournament, workers=1)
    (tmp_path / "file").touch()
    with pytest.raises(ArenaError, match=r"cannot make the tournament's folder .*: Not a directory"):
        play(Tournament(**{**vars(tournament), "path": tmp_path / "file" / "t"}), workers=1)


def test_a_policy_that_changes_while_it_is_copied_is_refused(tournament, monkeypatch):
    monkeypatch.setattr(folder_module, "file_hash", lambda path: "0" * 64)
    with pytest.raises(ArenaError, match=r"policy .*policy\.onnx of '.*' changed while it was copied"):
        play(tournament, workers=1)
