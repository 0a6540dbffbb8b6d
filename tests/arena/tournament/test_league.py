import functools
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from hostile_policies import dividing, looping, misshapen, not_finite, swelling

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds
from arena.policies.policy import PolicySignature
from arena.policies.quarantine import Trial
from arena.tournament.entry import admission
from arena.tournament.league import League
from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.play import load_policy
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules
from arena.tournament.tournament_folder import TournamentFolder

GAME = (EnvConfig("tictactoe_v3"),)
RULES = Rules(schedule="adaptive", episodes=3)


@pytest.fixture
def files(tmp_path, write_policy):
    return [str(write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", seed)) for seed, name in enumerate("abcd")]


def test_a_league_keeps_copies_and_remembers_who_joined(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    assert [player.name for player in league.add(files[:2], GAME, RULES)] == ["random", "a", "b"]
    assert list(map(str, tried)) == files[:2]
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


JOIN = """
import sys, time
from pathlib import Path
from arena.environments.config import EnvConfig
from arena.tournament import league
from arena.tournament.tournament import Rules
from arena.tournament.tournament_folder import TournamentFolder

folder, file, mark = map(Path, sys.argv[1:])
write = TournamentFolder.write

def slow(self, tournament):
    mark.touch()
    while mark.exists():
        time.sleep(0.01)
    return write(self, tournament)

TournamentFolder.write = slow
league.League(folder).add([str(file)], (EnvConfig("tictactoe_v3"),), Rules(schedule="adaptive", episodes=3))
"""


@pytest.mark.worker
def test_two_who_join_at_once_do_not_overwrite_each_other(tmp_path, files, tried) -> None:
    league, mark = League(tmp_path / "league"), tmp_path / "mark"
    league.add(files[:1], GAME, RULES)
    other = subprocess.Popen([sys.executable, "-c", JOIN, str(league.path), files[1], str(mark)])
    try:
        while not mark.exists():
            assert other.poll() is None
            time.sleep(0.01)
        with pytest.raises(ArenaError, match="another arena is at work"):  # the other has read the league and not yet written it
            league.add(files[2:3], ())
        with pytest.raises(ArenaError, match="another arena is at work"):
            league.play(max_games=4, workers=1)
        mark.unlink()
        assert other.wait(timeout=600) == 0
    finally:
        other.kill()
    league.add(files[2:3], ())
    assert set(TournamentFolder(league.path).read().entrants) == set(league.joined()) == {"random", "a", "b", "c"}


def test_who_cannot_join_a_new_league_leaves_no_folder(tmp_path, write_policy, tried) -> None:
    league = League(tmp_path / "league")
    with pytest.raises(ArenaError, match="cannot play here"):
        league.add([str(write_policy(tmp_path / "a.onnx", "CartPole-v1"))], GAME, RULES)
    with pytest.raises(ArenaError, match="there is no league in"):
        league.play(max_games=1)
    assert not league.path.exists()


def test_a_failed_run_joins_loses_everywhere_and_stays(tmp_path, write_run, tried) -> None:
    league = League(tmp_path / "league")
    for seed, status in enumerate(("crashed", "finished", "killed")):
        write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", seed, status=status)
    write_run(tmp_path / "x", "b", "arena/TicTacToe-v0", 0)
    league.add([str(tmp_path / "x")], GAME, RULES)
    league.play(max_games=60, workers=1)
    games = [record for record in TournamentFolder(league.path).read_records() if isinstance(record, PlayedGame)]
    failed = {"a/seed-0", "a/seed-2"}
    theirs = [game for game in games if failed & set(game.players)]
    assert theirs
    assert {game.points for game in theirs if game.players[0] in failed} == {0.0}
    assert {game.points for game in theirs if game.players[1] in failed} == {1.0}
    row = next(row for row in compute_standings(league.path).rows if row.entrant == "a")
    assert row.failed == ("a/seed-0 on tictactoe_v3 (crashed)", "a/seed-2 on tictactoe_v3 (killed)")
    shutil.rmtree(tmp_path / "x/a/arena-TicTacToe-v0/seed-0")
    again = write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0)
    with pytest.raises(ArenaError, match="another failed run called 'a/seed-0'"):
        league.add([str(again)], ())


def test_an_entrant_stays_one_thing_over_the_years(tmp_path, files, write_run, tried) -> None:
    league = League(tmp_path / "league")
    inputs = {"budget": {"env_steps": 5}}
    league.add([str(write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0, inputs=inputs))], GAME, RULES)
    shutil.rmtree(tmp_path / "x")
    with pytest.raises(ArenaError, match="entrant 'a' would be both policy file"):
        league.add(files[:1], ())
    with pytest.raises(ArenaError, match=r"would be two agents: .* has budget env_steps=5, .* has env_steps=6"):
        league.add([str(write_run(tmp_path / "y", "a", "arena/TicTacToe-v0", 1, inputs={"budget": {"env_steps": 6}}))], ())
    new = league.add([str(write_run(tmp_path / "z", "a", "arena/TicTacToe-v0", 2, inputs=inputs))], ())
    assert [player.name for player in new] == ["a/seed-2"]


def test_a_stored_policy_that_was_changed_is_refused(tmp_path, files, write_policy, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:2], GAME, RULES)
    stored = sorted((league.path / "policies").iterdir())
    assert [len(path.stem) for path in stored] == [64, 64]
    write_policy(stored[0], "tictactoe_v3", 99)
    for act in (lambda: league.play(max_games=10, workers=1), lambda: league.add(files[2:], ()), lambda: compute_standings(league.path)):
        with pytest.raises(ArenaError, match=rf"{stored[0].name}, the policy of '[ab]', was changed: its SHA-256 is"):
            act()


def test_policies_under_the_short_names_of_earlier_versions_are_read(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:2], GAME, RULES)
    for path in list((league.path / "policies").iterdir()):
        path.rename(path.with_name(f"{path.stem[:16]}.onnx"))
    league.add(files[2:3], ())
    assert sorted(len(path.stem) for path in (league.path / "policies").iterdir()) == [16, 16, 64]
    assert league.play(max_games=30, workers=1).num_new_records > 0


def names_in(records) -> set[str]:
    """Returns the players of records."""
    return {name for record in records for name in (record.players if isinstance(record, PlayedGame) else (record.player,))}


def test_a_removed_player_plays_no_further_match_and_its_matches_count(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:3], GAME, RULES)
    league.play(max_games=90, workers=1)
    folder = TournamentFolder(league.path)
    before = folder.read_records()
    with pytest.raises(ArenaError, match=r"has no player 'bb' that could be removed.*arena league standings"):
        league.remove(["bb"])
    with pytest.raises(ArenaError, match="has no player 'random' that could be removed"):
        league.remove(["random"])
    assert league.remove(["b"]) == ["b"]
    assert league.remove(["b"]) == []
    league.add(files[3:], ())
    season = league.play(max_games=60, workers=1)
    assert {name: why.partition(" on ")[0] for name, why in season.absent.items()} == {"b": "removed"}
    records = folder.read_records()
    kept = [record for record in before if record in records]
    assert len(kept) >= len(before) - 2
    new = records[len(kept) :]
    assert new
    assert "b" not in names_in(new)
    standings = compute_standings(league.path)
    assert {row.entrant: bool(row.absent) for row in standings.rows} == dict.fromkeys("acd", False) | {"random": False, "b": True}
    assert any(note.startswith("b plays no further matches: removed on ") for note in standings.notes)
    assert [player.name for player in league.add(files[1:2], ())] == ["b"]
    assert str(tried[-1]) == files[1], "who returns is tried again"
    assert league.play(max_games=0, workers=1).absent == {}


def test_a_league_without_players_plays_nothing(tmp_path, files, tried) -> None:
    league = League(tmp_path / "league")
    league.add(files[:1], GAME, RULES)
    league.remove(["a"])
    assert league.play(max_games=60, workers=1).num_new_records == 0


@pytest.mark.worker
@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (dividing(), "failed: its process was ended by SIGFPE"),
        (looping(), "failed: it gave no answer to 3 observations within 1 seconds"),
        (swelling(800_000_000), "failed: it needs more memory than the 2 GiB allowed"),
        (not_finite(), "failed: it gave scores that are not finite"),
        (misshapen(3), "failed: it gave scores of shape"),
    ],
    ids=["dividing", "looping", "swelling", "not finite", "misshapen"],
)
@pytest.mark.parametrize("is_file_checked", [False, True])
def test_a_player_whose_file_fails_loses_is_suspended_and_the_others_play_on(
    tmp_path, write_policy, monkeypatch, hostile, reason, is_file_checked
) -> None:
    monkeypatch.setattr(admission, "check_policy_files", let_through)
    bounds = Bounds(is_file_checked=is_file_checked, call_seconds=1.0)
    monkeypatch.setattr(load_policy, "BoundedPolicy", functools.partial(BoundedPolicy, bounds=bounds))
    hostile.write(tmp_path / "hostile.onnx")
    files = [str(tmp_path / "hostile.onnx"), *(str(write_policy(tmp_path / f"{name}.onnx", "CartPole-v1")) for name in "ab")]
    league = League(tmp_path / "league")
    league.add(files[:2], (EnvConfig("CartPole-v1"),), RULES)
    season = league.play(max_games=0, workers=1)
    played = {record.player: record for record in TournamentFolder(league.path).read_records()}
    assert {name: bool(record.reason) for name, record in played.items()} == {"random": False, "hostile": True, "a": False}
    if not is_file_checked or reason.endswith("not finite"):
        assert played["hostile"].reason.startswith(reason)
    assert season.absent == {"hostile": f"suspended: {played['hostile'].reason}"}
    league.add(files[2:], ())
    assert league.play(max_games=0, workers=1).num_new_records == 1, "the league goes on"
    standings = compute_standings(league.path)
    assert standings.rows[-1].entrant == "hostile"
    assert standings.rows[-1].absent.startswith("suspended: failed: ")


def let_through(copies, shown_as):
    """Takes any file for CartPole-v1 without a trial."""
    signature = PolicySignature((4,), np.dtype(np.float32), (), np.dtype(np.int64), 2)
    return [Trial(signature, 0.0) for _ in copies]
