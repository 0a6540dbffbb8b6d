import shutil

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.play.play_tournament import play
from arena.tournament.points import match_table
from arena.tournament.schedule.rounds import num_looks
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))


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
def test_a_failed_run_loses_every_match_and_ties_with_others_that_failed(tmp_path, write_run, find, schedule):
    for agent in "ab":
        for seed, status in enumerate(("finished", "crashed")):
            write_run(tmp_path / "x", agent, "arena/TicTacToe-v0", seed, status=status, policy=status == "finished")
            write_run(tmp_path / "x", agent, "arena/ConnectFour-v0", seed, status=status)
    players = find([str(tmp_path / "x")], ENVS).players
    tournament = Tournament(path=tmp_path / "t", players=players, envs=ENVS, rules=Rules(episodes=3, games=16, schedule=schedule))
    records = play(tournament, workers=1)
    failed = {"a/seed-1", "b/seed-1"}
    episodes = {record.player: record.reason for record in records if isinstance(record, Episodes)}
    assert {player for player, reason in episodes.items() if reason} == failed
    games = [record for record in records if isinstance(record, PlayedGame) and failed & set(record.players)]
    duels = match_table(records, ENVS[0].name, {name: place for place, name in enumerate(episodes)}, tournament.entrant_of)
    met = [([*episodes][one], [*episodes][two], points) for one, two, points in zip(duels.first, duels.second, duels.points, strict=True)]
    met += [(*game.players, game.points) for game in games]
    for one, other, points in met:
        if failed & {one, other}:
            assert points == 0.5 * (1 + (other in failed) - (one in failed)), (one, other)
    assert any({one, other} == failed for one, other, _ in met)
    assert {row.entrant: len(row.failed) for row in compute_standings(tournament.path).rows} == {"random": 0, "a": 2, "b": 2}
    assert [player.failed for player in TournamentFolder(tournament.path).read().players] == [player.failed for player in players]


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


def test_a_folder_in_use_or_damaged_is_refused(tournament):
    play(tournament, workers=1)
    folder = TournamentFolder(tournament.path)
    with folder.locked(), pytest.raises(ArenaError, match="another arena is at work"):
        play(tournament, workers=1)
    lines = folder.matches.read_text().splitlines()
    folder.matches.write_text("\n".join(['{"kind": "game"}', *lines[1:]]) + "\n")
    with pytest.raises(ArenaError, match="line 1 isn't a match"):
        play(tournament, workers=1)
    stranger = lines[0].replace("random", "nobody")
    folder.matches.write_text("\n".join([stranger, *lines[1:]]) + "\n")
    with pytest.raises(ArenaError, match=r"line 1: tournament\.json knows no 'nobody'"):
        play(tournament, workers=1)


def test_two_tournaments_at_once_do_not_share_a_new_folder(tournament):
    folder = TournamentFolder(tournament.path)
    with folder.locked(), pytest.raises(ArenaError, match="another arena is at work"):
        play(tournament, workers=1)
    assert not folder.tournament.exists()
