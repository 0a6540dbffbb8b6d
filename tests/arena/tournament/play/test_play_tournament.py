import dataclasses
import shutil

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.leaderboard.leaderboard_page import render_leaderboard
from arena.tournament.leaderboard.leaderboard_table import leaderboard_lines
from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.play.play_tournament import play
from arena.tournament.points import match_table
from arena.tournament.schedule.rounds import num_looks
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))
TIC_TAC_TOE = ENVS[1]


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


def _of_programs(path, find, *names: str, **rules: int) -> Tournament:
    players = find([f"{name}=programs_of_users:{name}" for name in names], [TIC_TAC_TOE]).players
    return Tournament(path=path, players=players, envs=(TIC_TAC_TOE,), rules=Rules(games=40, **rules))


def test_programs_play_and_are_marked_as_such(tmp_path, find):
    tournament = _of_programs(tmp_path / "t", find, "winning", "broken")
    records = play(tournament, workers=1)
    standings = compute_standings(tmp_path / "t")
    assert [(row.entrant, row.program) for row in standings.rows] == [
        ("winning", "programs_of_users:winning"),
        ("random", ""),
        ("broken", "programs_of_users:broken"),
    ]
    of_broken = [record for record in records if "broken" in record.players]
    assert {record.reason.partition(":")[0] for record in of_broken} <= {"failed", ""}
    assert sum(bool(record.reason) for record in of_broken) > len(of_broken) / 2
    assert any("winning is a program of whoever played this, programs_of_users:winning" in note for note in standings.notes)
    shutil.copytree(tmp_path / "t", tmp_path / "again")
    (tmp_path / "again" / "matches.jsonl").unlink()
    again = _of_programs(tmp_path / "again", find, "winning", "broken")
    assert play(again, workers=1) == records, "a program's random numbers follow from the tournament's seed"


def test_a_folder_cannot_let_its_programs_play(tmp_path, find):
    play(_of_programs(tmp_path / "t", find, "first"), workers=1)
    stored = TournamentFolder(tmp_path / "t").read()
    assert (stored.players[1].program.name, stored.players[1].program.allowed) == ("programs_of_users:first", False)
    (tmp_path / "t" / "matches.jsonl").unlink()
    with pytest.raises(ArenaError, match="--allow programs_of_users:first"):
        play(stored, workers=1)
    allowed = TournamentFolder(tmp_path / "t").read({"programs_of_users:first"})
    assert play(allowed, workers=1)


def test_a_changed_program_is_another_tournament(tmp_path, find):
    tournament = _of_programs(tmp_path / "t", find, "first")
    play(tournament, workers=1)
    changed = dataclasses.replace(tournament.players[1].program, sha256="0" * 64)
    players = (tournament.players[0], dataclasses.replace(tournament.players[1], program=changed))
    with pytest.raises(ArenaError, match="holds another tournament"):
        play(dataclasses.replace(tournament, players=players), workers=1)


def test_games_that_do_not_end_are_draws_after_so_many_moves(tmp_path, find):
    records = play(_of_programs(tmp_path / "t", find, "first", "winning", max_plies=4, opening_plies=2), workers=1)
    assert {(record.points, record.reason, len(record.moves)) for record in records} == {(0.5, "no end: 4 moves", 4)}
    standings = compute_standings(tmp_path / "t")
    [env] = standings.envs
    assert (env.num_cut_games, env.num_games) == (len(records), len(records))
    assert env.reasons == (), "nobody is at fault"
    assert f"{len(records)} of {len(records)} games had not ended" in " ".join(leaderboard_lines(standings))
    page = render_leaderboard(standings, TournamentFolder(tmp_path / "t").read())
    assert f"{len(records)} had not ended after 4 moves, and are draws" in page
    assert ">program</td>" in page
