import sys
import types

import gymnasium as gym
import numpy as np
import pettingzoo
import pytest

from arena.environments.games import Game, is_game
from arena.errors import ArenaError

CLASSIC = ("connect_four_v3", "tictactoe_v3")


@pytest.mark.parametrize("env_id", [*CLASSIC, "my_package.my_game"])
def test_game_ids_are_told_from_gymnasium_ids(env_id):
    assert is_game(env_id)
    assert not any(is_game(gym_id) for gym_id in ("CartPole-v1", "arena/Chain-v0", "module:Env-v0", "LunarLander-v3"))


def _play_by_pettingzoo(game_id: str, seed: int) -> tuple[list[int], dict[str, float], list[np.ndarray]]:
    """The loop of PettingZoo's documentation, through its registry and all of its wrappers."""
    name, version = game_id.rsplit("_", 1)
    env = pettingzoo.make("aec", f"classic/{name}-{version}")
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    moves, totals, views = [], dict.fromkeys(env.possible_agents, 0.0), []
    for player in env.agent_iter():
        observation, reward, terminated, truncated, _ = env.last()
        totals[player] += reward
        if terminated or truncated:
            env.step(None)
            continue
        views.append(np.concatenate([observation["observation"].ravel(), observation["action_mask"]]).astype(np.float32))
        moves.append(int(rng.choice(np.flatnonzero(observation["action_mask"]))))
        env.step(moves[-1])
    return moves, totals, views


@pytest.mark.parametrize("game_id", CLASSIC)
def test_a_game_is_the_one_that_pettingzoo_plays(game_id):
    game = Game(game_id)
    outcomes = set()
    for seed in range(15):
        moves, totals, views = _play_by_pettingzoo(game_id, seed)
        game.reset(seed)
        for ply, (move, view) in enumerate(zip(moves, views, strict=True)):
            assert (game.seat, game.over) == (ply % 2, False)
            np.testing.assert_array_equal(game.observation(), view)
            assert game.observation_space.contains(game.observation())
            game.step(move)
        assert game.over
        assert list(game.returns) == list(totals.values())
        outcomes.add(game.returns)
    assert len(outcomes) > 1


def test_the_board_shows_both_seats_pieces():
    game = Game("connect_four_v3")
    game.reset()
    for move in (3, 3, 2):
        game.step(move)
    expected = np.zeros((6, 7), np.int8)
    expected[5, 3], expected[4, 3], expected[5, 2] = 1, 2, 1
    np.testing.assert_array_equal(game.board(), expected)


def test_the_other_seat_sees_its_own_pieces_first_and_may_not_move():
    game = Game("tictactoe_v3")
    game.reset()
    game.step(4)
    features, mask = game.observation_space.split(game.observation(0))
    assert features.reshape(3, 3, 2)[1, 1].tolist() == [1.0, 0.0]
    assert not mask.any()
    assert game.action_mask.tolist() == [square != 4 for square in range(9)]


def test_an_illegal_move_is_refused():
    game = Game("tictactoe_v3")
    game.reset()
    game.step(4)
    with pytest.raises(ValueError, match="action 4 is illegal"):
        game.step(4)


class _Odd(pettingzoo.AECEnv):
    """A game whose spaces a test chooses."""

    def __init__(self, num_players=2, observation=None, action=None):
        self.possible_agents = list(range(num_players))
        mask = gym.spaces.Box(0, 1, (3,), np.int8)
        self._observation = observation or gym.spaces.Dict(observation=gym.spaces.Box(-1, 1, (4,)), action_mask=mask)
        self._action = action or gym.spaces.Discrete(3)

    def observation_space(self, agent):
        return self._observation

    def action_space(self, agent):
        return self._action


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _Odd(num_players=3), "has 3 players"),
        (lambda: _Odd(action=gym.spaces.Box(0, 1, (2,))), "the arena takes Discrete"),
        (lambda: _Odd(action=gym.spaces.Discrete(3, start=1)), "counting from zero"),
        (lambda: _Odd(action=gym.spaces.Discrete(4)), "4 flags"),
        (lambda: _Odd(observation=gym.spaces.Box(0, 1, (2,))), "Dict"),
        (lambda: gym.make("CartPole-v1"), "turn-based"),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError"),
    ],
)
def test_what_is_no_such_game_is_refused_with_the_reason(make, message, monkeypatch):
    module = types.ModuleType("odd_game.module")
    module.env = make
    monkeypatch.setitem(sys.modules, "odd_game", types.ModuleType("odd_game"))
    monkeypatch.setitem(sys.modules, "odd_game.module", module)
    with pytest.raises(ArenaError, match=message):
        Game("odd_game.module")


def test_a_game_that_cannot_be_found_is_refused_with_the_near_one():
    with pytest.raises(ArenaError, match="did you mean 'connect_four_v3'"):
        Game("conect_four_v3")
    with pytest.raises(ArenaError, match="no function env"):
        Game("json.decoder")
    with pytest.raises(ArenaError, match="cannot be imported"):
        Game("no_such.package")
    with pytest.raises(ArenaError, match="isn't a game"):
        Game("CartPole-v1")
