import functools
import time
from pathlib import Path

import numpy as np
import pettingzoo
import pytest

from arena.environments import game_batch
from arena.environments.games import Game
from arena.errors import ArenaError
from arena.policies.policy import OnnxPolicy
from arena.tournament.play import play_games as table
from arena.tournament.play.play_games import play_games
from arena.tournament.schedule.openings import Openings
from arena.tournament.schedule.tasks import GamesTask

TIC_TAC_TOE, CONNECT_FOUR = "tictactoe_v3", "connect_four_v3"
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


@functools.cache
def _value(mine: frozenset, theirs: frozenset) -> int:
    """Minimax: 1, 0 or -1 for the player to move."""
    if any(theirs.issuperset(line) for line in LINES):
        return -1
    free = set(range(9)) - mine - theirs
    return max((-_value(theirs, mine | {square}) for square in free), default=0)


class Perfect:
    """Plays tic-tac-toe by minimax."""

    def act(self, observations, *, action_masks=None):
        return np.array([self._move(observation) for observation in observations])

    def _move(self, observation):
        board = observation[:18].reshape(9, 2) > 0.5
        mine, theirs = (frozenset(np.flatnonzero(board[:, side]).tolist()) for side in (0, 1))
        return max(set(range(9)) - mine - theirs, key=lambda square: -_value(theirs, mine | {square}))


class Always:
    """Plays one action, legal or not."""

    def __init__(self, action):
        self.action = action

    def act(self, observations, *, action_masks=None):
        return np.full(len(observations), self.action)


def _task(game_id, *, policies=(None, None), openings=((),), move_seconds=60.0):
    return GamesTask(
        match=f"{game_id}/a~b/0",
        game_id=game_id,
        players=("a", "b"),
        policies=policies,
        openings=tuple(openings),
        seeds=tuple(range(len(openings))),
        move_seconds=move_seconds,
    )


@pytest.fixture
def seat(monkeypatch):
    """Seats policies of the test's own under the names of files; others play at random."""
    made = table.load_policy

    def seat(**policies):
        monkeypatch.setattr(table, "load_policy", lambda path, *rest, **options: policies.get(path.name) if path else made(path, *rest))
        return tuple(Path(name) for name in policies)

    return seat


@pytest.mark.parametrize("game_id", [TIC_TAC_TOE, CONNECT_FOUR])
def test_recorded_games_are_those_that_pettingzoo_plays(game_id, tmp_path, write_policy):
    path = write_policy(tmp_path / "p.onnx", game_id)
    openings = [opening for _, opening in map(Openings(game_id, 0, 2).__getitem__, range(6))]
    games = play_games(_task(game_id, policies=(path, None), openings=openings))
    assert [game.match for game in games] == [f"{game_id}/a~b/0/{index}" for index in range(12)]
    policy, name = OnnxPolicy(path), game_id.replace("_v", "-v")
    for index, game in enumerate(games):
        assert game.players == (("a", "b"), ("b", "a"))[index % 2]
        assert game.moves[:2] == openings[index // 2]
        env = pettingzoo.make("aec", f"classic/{name}")
        env.reset(seed=game.seed)
        totals = dict.fromkeys(env.possible_agents, 0.0)
        moves = list(game.moves)
        for ply, agent in enumerate(env.agent_iter()):
            view, reward, terminated, truncated, _ = env.last()
            totals[agent] += reward
            if terminated or truncated:
                env.step(None)
                continue
            if ply >= 2 and game.players[ply % 2] == "a":  # the file's policy moved as it does alone
                observation = np.concatenate([view["observation"].ravel(), view["action_mask"]]).astype(np.float32)
                assert policy.act(observation[None])[0] == moves[0]
            env.step(moves.pop(0))
        assert not moves
        assert game.returns == tuple(totals.values())
        assert game.points == (1 + np.sign(game.returns[0])) / 2
        assert game.reason == ""


def test_perfect_play_of_tic_tac_toe_never_loses(seat):
    openings = [(square,) for square in range(9)] * 2  # no first move loses the game
    perfect = seat(perfect=Perfect())
    games = play_games(_task(TIC_TAC_TOE, policies=(*perfect, None), openings=openings))
    points = [game.points if game.players[0] == "a" else 1 - game.points for game in games]
    assert min(points) >= 0.5
    assert max(points) == 1.0
    assert {game.points for game in play_games(_task(TIC_TAC_TOE, policies=perfect * 2, openings=openings[:9]))} == {0.5}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [(Always(4), "illegal move: 4 as move 2"), (Always(99), "illegal move: 99 as move 1"), (Always(-1), "illegal move: -1 as move 1")],
)
def test_an_illegal_move_loses_with_its_reason(policy, reason, seat):
    games = play_games(_task(TIC_TAC_TOE, policies=(*seat(stubborn=policy), None), openings=[(), (4,)]))
    assert all(game.reason.startswith("illegal move") for game in games)
    assert [game.points for game in games] == [float(game.players[0] == "b") for game in games]
    assert reason in {game.reason for game in games}


def test_a_policy_that_raises_loses_its_games(seat):
    class Broken:
        def act(self, observations, *, action_masks=None):
            raise ValueError("no weights")

    games = play_games(_task(TIC_TAC_TOE, policies=(None, *seat(broken=Broken()))))
    assert {game.reason for game in games} == {"failed: no weights"}
    assert [game.points for game in games] == [float(game.players[0] == "a") for game in games]


def test_a_game_that_fails_costs_no_player_the_match(monkeypatch):
    def step(self, action):
        raise OSError("no board")

    monkeypatch.setattr(Game, "step", step)
    monkeypatch.setattr(game_batch, "array_games", lambda game_id, count: None)
    with pytest.raises(ArenaError, match="environment tictactoe_v3 failed: OSError: no board"):
        play_games(_task(TIC_TAC_TOE))


def test_time_for_a_move_is_limited(seat):
    class Slow(Always):
        def act(self, observations, *, action_masks=None):
            time.sleep(0.02)
            return super().act(observations)

    games = play_games(_task(TIC_TAC_TOE, policies=(*seat(slow=Slow(0)), None), move_seconds=0.001))
    assert all(game.reason.startswith("time-out: ") and game.reason.endswith("0.001 allowed") for game in games)


def test_the_same_task_gives_the_same_games():
    assert play_games(_task(CONNECT_FOUR, openings=[(3,)])) == play_games(_task(CONNECT_FOUR, openings=[(3,)]))
