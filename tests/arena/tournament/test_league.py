import shutil

import numpy as np
import pytest

from arena.environments import EnvConfig
from arena.errors import ArenaError
from arena.quarantine import Trial
from arena.tournament import league as league_module
from arena.tournament.folder import Rules, TournamentFolder
from arena.tournament.league import League
from arena.tournament.matches import Episodes, PlayedGame
from arena.tournament.summary import compute_standings

GAME = (EnvConfig("tictactoe_v3"),)
RULES = Rules(schedule="adaptive", episodes=3)


@pytest.fixture
def tried(monkeypatch):
    """The paths of files put into quarantine, which are let through without a process of their own."""
    paths = []
    monkeypatch.setattr(league_module, "check_policy_file", lambda path: paths.append(path) or Trial)
    return paths


@pytest.fixture
def files(tmp_path, write_policy):
    return [str(write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)) for seed, name in enumerate("abcd")]


def test_a_league_keeps_copies_and_remembers_who_joined(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    assert [player.name for player in league.add(files[:2], GAME, RULES)] == ["random", "a", "b"]
    assert [str(path) for path in tried] == files[:2]
    for file in files[:2]:
        shutil.os.unlink(file)
    assert [player.name for player in league.add(files[2:3], ())] == ["c"]
    assert set(league.joined()) == {"random", "a", "b", "c"}
    assert league.play(max_games=100, workers=1).num_new_records > 0


def test_joining_twice_changes_nothing(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:1], GAME, RULES)
    before, joined = TournamentFolder(league.path).tournament.read_bytes(), league.joined()
    assert league.add(files[:1], ()) == []
    assert TournamentFolder(league.path).tournament.read_bytes() == before
    assert league.joined() == joined
    assert len(tried) == 1


def test_another_policy_under_a_name_is_refused(tmp_path, files, tried, write_policy) -> None:
    league = League(tmp_path / "league")
    league.add(files[:1], GAME, RULES)
    write_policy(tmp_path / "a.onnx", "tictactoe_v3", 99)
    with pytest.raises(ArenaError, match="another policy called 'a'"):
        league.add(files[:1], ())
    assert [player.name for player in league.add([f"newer={files[0]}"], ())] == ["newer"]


def test_what_a_league_plays_stays(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    with pytest.raises(ArenaError, match="say what it plays"):
        league.add(files[:1], ())
    league.add(files[:1], GAME, RULES)
    for envs, rules in (((EnvConfig("CartPole-v1"),), None), ((), Rules(seed=1))):
        with pytest.raises(ArenaError, match="a league keeps them"):
            league.add(files[1:], envs, rules)


def test_play_adds_games_only_until_its_budget_and_keeps_what_was_played(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:3], GAME, RULES)
    season = league.play(max_games=90, workers=1)
    folder = TournamentFolder(league.path)
    first = folder.matches.read_bytes()
    records = folder.read_records()
    assert 0 < season.num_new_records == len(records) <= 90
    assert season.undecided
    league.add(files[3:], ())
    folder.matches.write_bytes(first[:-5])  # cut in its last line
    league.play(max_games=60, workers=1)
    again = folder.read_records()
    assert again[: len(records) - 2] == records[:-2]  # the last opening is played again from both seats
    assert len({record.match for record in again}) == len(again)
    new = again[len(records) - 2 :]
    assert 0 < len(new) <= 60
    assert any("d" in game.players for game in new if isinstance(game, PlayedGame))


def test_a_newcomer_to_duels_plays_the_starts_of_all_others(tmp_path, write_policy, tried) -> None:
    files = [str(write_policy(tmp_path / f"{name}.onnx", "arena/ConnectFour-v0", seed)) for seed, name in enumerate("ab")]
    league = League(tmp_path / "league")
    league.add(files[:1], (EnvConfig("arena/ConnectFour-v0"),), RULES)
    assert league.play(max_games=0, workers=1).num_new_records == 2
    league.add(files[1:], ())
    assert league.play(max_games=0, workers=1).num_new_records == 1
    assert league.play(max_games=0, workers=1).num_new_records == 0
    records = TournamentFolder(league.path).read_records()
    assert {record.seed for record in records if isinstance(record, Episodes)} == {records[0].seed}
    assert len(compute_standings(league.path).rows) == 3


def test_standings_follow_from_the_matches_alone(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files, GAME, RULES)
    league.play(max_games=300, workers=1)
    once = compute_standings(league.path)
    (league.path / "league.json").unlink()
    np.testing.assert_equal(compute_standings(league.path).to_dict(), once.to_dict())


@pytest.mark.worker
def test_a_hostile_file_leaves_no_trace_in_the_league(tmp_path, files) -> None:
    league = League(tmp_path / "league")
    league.add(files[:1], GAME, RULES)
    before = TournamentFolder(league.path).tournament.read_bytes()
    (tmp_path / "bad.onnx").write_bytes(b"PK\x03\x04 zip")
    with pytest.raises(ArenaError, match=r"bad\.onnx is not an ONNX file"):
        league.add([str(tmp_path / "bad.onnx")], ())
    assert TournamentFolder(league.path).tournament.read_bytes() == before
