import dataclasses
import json
from pathlib import Path

import pytest
from scipy import stats

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.formats.jsonl import JsonlWriter
from arena.statistics.mean_intervals import DIFFERENCE_NOTE, MEAN_NOTE
from arena.tournament.match_records import Episodes, PlayedGame, to_line
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

GAME = "tictactoe_v3"


def _episodes(player, returns):
    return Episodes(
        match=f"CartPole-v1/{player}", env="CartPole-v1", player=player, seed=1, returns=returns, lengths=(1,) * len(returns), reason=""
    )


def _game(index, players, points, *, moves, reason=""):
    returns = (2 * points - 1, 1 - 2 * points)
    return PlayedGame(
        match=f"{GAME}/{index}",
        env=GAME,
        players=players,
        seed=index // 2,
        points=points,
        returns=returns,
        moves=moves,
        num_opening_moves=1,
        reason=reason,
    )


@pytest.fixture
def folder(tmp_path, write_run, find):
    for seed in (0, 1):
        write_run(tmp_path / "x", "a", "CartPole-v1", seed)
    write_run(tmp_path / "x", "b", "CartPole-v1", 0)
    write_run(tmp_path / "x", "b", "arena/TicTacToe-v0", 0)
    envs = (EnvConfig("CartPole-v1"), EnvConfig(GAME))
    field = find([str(tmp_path / "x")], envs)
    folder = TournamentFolder(tmp_path / "t")
    folder.open(Tournament(path=folder.path, players=field.players, envs=envs, rules=Rules(seed=4), left_out=("y: why",)))
    return folder


def _write(folder: TournamentFolder, records) -> None:
    with JsonlWriter(folder.matches) as writer:
        for record in records:
            writer.write(to_line(record))


def test_standings_follow_from_the_matches(folder):
    _write(
        folder,
        [
            _episodes("random", (1.0, 2.0, 1.0, 2.0)),
            _episodes("a/seed-0", (5.0, 6.0, 5.0, 6.0)),
            _episodes("a/seed-1", (3.0, 4.0, 3.0, 4.0)),
            _episodes("b/seed-0", (3.0, 4.0, 9.0, 4.0)),
            _game(0, ("random", "b/seed-0"), 0.0, moves=(0, 1)),
            _game(1, ("b/seed-0", "random"), 1.0, moves=(0, 2)),
            _game(2, ("random", "b/seed-0"), 0.0, moves=(0, 1), reason="illegal move: 9 as move 2"),
            _game(3, ("b/seed-0", "random"), 0.5, moves=(0, 3)),
        ],
    )
    standings = compute_standings(folder.path)
    rows = {row.entrant: row for row in standings.rows}
    assert sorted(row.rank for row in standings.rows) == [1, 2, 3]
    assert (rows["random"].rank, rows["random"].below_all, rows["a"].below_all) == (3, True, False)
    assert rows["random"].rating.value < 0 < max(row.rating.value for row in standings.rows)
    # a against b: 5>3 6>4 5<9 6>4, 3=3 4=4 3<9 4=4; and 8 duels won against random.
    assert (rows["a"].wins, rows["a"].ties, rows["a"].losses) == (3 + 8, 3, 2)
    assert (rows["random"].wins, rows["random"].ties, rows["random"].losses) == (0, 1, 12 + 3)
    assert (rows["a"].cost.num_runs, rows["a"].cost.env_steps, rows["a"].cost.train_seconds, rows["a"].cost.cpu_seconds) == (
        2,
        6000,
        7.0,
        18.0,
    )
    assert rows["random"].cost is None
    assert [str(Path(folder.path, run).resolve()) for run in rows["b"].runs] == [
        str(folder.path.parent.resolve() / "x/b" / env / "seed-0") for env in ("CartPole-v1", "arena-TicTacToe-v0")
    ]
    order = [row.entrant for row in standings.rows]
    assert standings.win_matrix[order.index("a")][order.index("b")] == pytest.approx((3 + 1.5) / 8)
    assert standings.win_matrix[0][0] is None
    pair = next(pair for pair in standings.pairs if set(pair.entrants) == {"a", "b"})
    sign = 1.0 if pair.entrants[0] == "a" else -1.0
    assert pair.num_matches == 8
    assert pair.tie_rate == 3 / 8
    assert pair.return_difference.value == pytest.approx(sign * (4.5 - 5.0))
    assert pair.return_difference.low < pair.return_difference.value < pair.return_difference.high
    assert "left out: y: why" in standings.notes
    json.dumps(standings.to_dict())


@pytest.mark.parametrize("status", ["crashed", "timed_out", "killed", "diverged"])
def test_whoever_fails_in_half_of_its_runs_is_not_ahead_of_whoever_finishes_between_its_halves(tmp_path, write_run, find, status):
    """Ten runs, of which five failed and five are the best policies, against ten that finished in the middle."""
    for seed in range(10):
        write_run(tmp_path / "x", "half", "CartPole-v1", seed, status=status if seed < 5 else "finished")
        write_run(tmp_path / "x", "sure", "CartPole-v1", seed)
    envs = (EnvConfig("CartPole-v1"),)
    folder = TournamentFolder(tmp_path / "t")
    players = find([str(tmp_path / "x")], envs).players
    folder.open(Tournament(path=folder.path, players=players, envs=envs, rules=Rules()))
    _write(folder, [_outcome(player) for player in players])
    standings = compute_standings(folder.path)
    rows = {row.entrant: row for row in standings.rows}
    order = [row.entrant for row in standings.rows]
    assert standings.win_matrix[order.index("half")][order.index("sure")] == 0.5, "five seeds always win and five always lose"
    assert rows["half"].rank_high > rows["sure"].rank_low, "not decided"
    assert (len(rows["half"].failed), rows["sure"].failed) == (5, ())
    assert rows["half"].failed[0] == f"half/seed-0 on CartPole-v1 ({status})"
    (half, sure) = (next(score.score.value for score in standings.envs[0].scores if score.entrant == name) for name in ("half", "sure"))
    assert half == pytest.approx((5 * 20.5 + 5 * 480.5) / 10), "the worse of random play and the worst that finished"
    assert sure == pytest.approx(300.5)
    assert standings.envs[0].scores[0].at_equal_steps is not None
    assert any(note.startswith("5 of 10 runs of half failed, and count") for note in standings.notes)


@pytest.mark.parametrize(("num_seeds", "is_marked"), [(1, True), (19, True), (20, False)])
def test_differences_of_mean_returns_of_few_seeds_are_marked(tmp_path, write_run, find, num_seeds, is_marked):
    """Random play has no seeds that could fail, so it counts for none."""
    for agent, number in (("few", num_seeds), ("many", 20)):
        for seed in range(number):
            write_run(tmp_path / "x", agent, "CartPole-v1", seed)
    envs = (EnvConfig("CartPole-v1"),)
    folder = TournamentFolder(tmp_path / "t")
    players = find([str(tmp_path / "x")], envs).players
    folder.open(Tournament(path=folder.path, players=players, envs=envs, rules=Rules()))
    _write(folder, [_episodes(player.name, (10.0 + place, 12.5 - place % 3)) for place, player in enumerate(players)])
    standings = compute_standings(folder.path)
    notes = {frozenset(pair.entrants): pair.return_difference.note for pair in standings.pairs}
    expected = DIFFERENCE_NOTE if is_marked else ""
    assert notes == {
        frozenset({"few", "many"}): expected,
        frozenset({"few", "random"}): expected,
        frozenset({"many", "random"}): "",
    }
    assert MEAN_NOTE in standings.notes


def _outcome(player):
    returns = {"random": (20.0, 21.0), "half": (480.0, 481.0), "sure": (300.0, 301.0)}[player.entrant]
    failed = player.failed.get("CartPole-v1", "")
    return dataclasses.replace(_episodes(player.name, () if failed else returns), reason=failed)


def test_each_environment_has_its_own_table(folder):
    games = [_game(index, ("random", "b/seed-0"), 0.0, moves=(index % 2,)) for index in range(4)]
    faulty = _game(4, ("b/seed-0", "random"), 0.0, moves=(7,), reason="time-out: 2 s for a move, 1 allowed")
    _write(
        folder, [_episodes("a/seed-0", (5.0, 6.0)), _episodes("a/seed-1", (7.0, 8.0)), _episodes("b/seed-0", (1.0, 1.0)), *games, faulty]
    )
    duel, game = compute_standings(folder.path).envs
    assert [(score.entrant, score.score.value) for score in duel.scores] == [("a", 6.5), ("b", 1.0)]
    # Runs ended after 3,000 env steps; in seconds, a's second seed is at its first evaluation when the others end.
    assert (duel.equal_steps, duel.equal_seconds) == (3000, 3.0)
    assert duel.scores[0].at_equal_steps == pytest.approx((30.0 + 31.0) / 2)
    assert duel.scores[0].at_equal_seconds == pytest.approx((30.0 + 11.0) / 2)
    assert (game.kind, game.num_games, game.num_distinct_games) == ("game", 5, 3)
    assert {pair.env: pair.num_distinct_games for pair in compute_standings(folder.path).pairs} == {"CartPole-v1": None, GAME: 3}
    assert game.first_mover_points == 0.0
    assert game.reasons == (("b/seed-0", "time-out", 1),)


def test_scores_keep_to_what_can_be_and_many_looks_are_paid_for(folder):
    games = [_game(index, ("random", "b/seed-0"), 0.0, moves=(index,)) for index in range(4)]
    _write(folder, [_episodes("a/seed-0", (500.0, 500.0)), _episodes("a/seed-1", (90.0, 100.0)), *games])
    (duel, game), rows = compute_standings(folder.path).envs, compute_standings(folder.path).rows
    assert (duel.scores[0].score.low, duel.scores[0].score.high) == (1.0, 500.0)
    assert all(0.0 <= score.score.low <= score.score.high <= 1.0 for score in game.scores)
    folder.league.write_text('{"joined": {}, "looks": 9}')
    later = compute_standings(folder.path)
    assert any("10 looks" in note and "99.9545%" in note for note in later.notes)
    assert any("take the games as fixed beforehand" in note and "86 to 94%" in note for note in later.notes)
    assert (compute_standings(folder.path).interval_remark, later.interval_remark) == (later.interval_remark,) * 2
    folder.league.unlink()
    assert compute_standings(folder.path).interval_remark == ""
    assert str([row.rating for row in later.rows]) == str([row.rating for row in rows])  # intervals are those of the data


def _scores(env):
    return {score.entrant: score.score for score in env.scores}


def test_one_episode_and_one_opening_support_no_interval(folder):
    games = [_game(0, ("random", "b/seed-0"), 0.0, moves=(0,)), _game(1, ("b/seed-0", "random"), 1.0, moves=(0,))]
    _write(folder, [*(_episodes(player, (value,)) for player, value in (("random", 1.0), ("b/seed-0", 7.0))), *games])
    standings = compute_standings(folder.path)
    for env in standings.envs:
        assert {(score.low, score.high) for score in _scores(env).values()} == {(None, None)}
    assert standings.pairs[0].return_difference.low is None
    assert {row.rating.low for row in standings.rows} == {row.points.low for row in standings.rows} == {None}
    assert any("all matches began alike on CartPole-v1, tictactoe_v3" in note for note in standings.notes)
    ranks = {row.entrant: (row.rank_low, row.rank_high) for row in standings.rows}
    assert ranks["b"] == (1, 3)
    document = json.loads(json.dumps(standings.to_dict()))
    assert document["envs"][0]["scores"][0]["score"] == {
        **{"value": 7.0, "low": None, "high": None, "num_seeds": 1},
        "note": "one episode of one policy supports no interval",
    }


def test_winning_every_game_leaves_doubt(folder):
    games = [_game(index, ("b/seed-0", "random"), 1.0, moves=(index,)) for index in range(8)]
    _write(folder, [_episodes("random", (9.0, 9.0)), _episodes("a/seed-0", (500.0, 500.0)), *games])
    duel, game = compute_standings(folder.path).envs
    oracle = stats.binomtest(8, 8).proportion_ci(method="wilson")
    assert (_scores(game)["b"].low, _scores(game)["b"].high) == pytest.approx((oracle.low, 1.0))
    assert (_scores(game)["random"].low, _scores(game)["random"].high) == pytest.approx((0.0, 1.0 - oracle.low))
    assert _scores(duel)["a"].low is None  # both episodes returned the same


def test_who_did_not_play_what_is_said(folder):
    _write(
        folder,
        [
            *(_episodes(player, (value, value + 1)) for player, value in (("random", 1.0), ("a/seed-0", 7.0), ("b/seed-0", 7.0))),
            *(_game(index, ("random", "b/seed-0"), index % 2, moves=(index,)) for index in range(4)),
        ],
    )
    standings = compute_standings(folder.path)
    assert any("not all played the same environments (a not tictactoe_v3)" in note for note in standings.notes)
    assert any("may rest on different environments" in note for note in standings.notes)
    assert not any("share no environment" in note for note in standings.notes)


def test_entrants_without_a_common_environment_are_named(folder):
    _write(
        folder,
        [
            *(_episodes(player, (value, value + 1)) for player, value in (("random", 1.0), ("a/seed-0", 7.0))),
            *(_game(index, ("random", "b/seed-0"), index % 2, moves=(index,)) for index in range(4)),
        ],
    )
    notes = compute_standings(folder.path).notes
    assert "these share no environment, so only their results against others order them: a and b" in notes


def test_a_tournament_of_an_experiment_has_its_name(tmp_path, folder, write_run):
    records = [_episodes(player, (value, value + 1)) for player, value in (("random", 1.0), ("a/seed-0", 7.0))]
    _write(folder, records)
    assert compute_standings(folder.path).name == "t"
    tournament = folder.read()
    for path, name in ((tmp_path / "x/tournament", "x"), (tmp_path / "logs/tournament", "tournament")):
        other = TournamentFolder(path)
        other.open(dataclasses.replace(tournament, path=path))
        _write(other, records)
        assert compute_standings(path).name == name


def test_before_the_first_match_there_is_nothing_to_rate(folder):
    _write(folder, [])
    with pytest.raises(ArenaError, match="nothing has been played"):
        compute_standings(folder.path)


def test_an_environment_with_an_impossible_return_is_left_out_and_named(folder):
    games = [_game(index, ("random", "b/seed-0"), index % 2, moves=(index,)) for index in range(4)]
    duels = [_episodes("random", (20.0, 21.0)), _episodes("a/seed-0", (50_000.0, 480.0)), _episodes("b/seed-0", (400.0, 410.0))]
    _write(folder, [*duels, *games])
    standings = compute_standings(folder.path)
    assert [env.env for env in standings.envs] == [GAME]
    assert standings.notes[0].startswith(
        "CartPole-v1 is left out of these standings: an episode of a/seed-0 returned 50000, and no episode can return more than 500"
    )
    assert all(row.num_matches == 0 for row in standings.rows if row.entrant == "a")
    _write_again(folder, duels)
    with pytest.raises(ArenaError, match="CartPole-v1 is left out of these standings"):
        compute_standings(folder.path)


def _write_again(folder, records):
    folder.matches.unlink()
    _write(folder, records)
