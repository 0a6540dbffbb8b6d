"""Games as arrays against PettingZoo's own, and games one by one."""

import numpy as np
import pytest

from arena.environments.game_batch import NUM_COMPARED, GameBatch, SingleGames, are_equal, array_games, make_games
from arena.environments.games import Game
from arena.environments.spaces import random_actions

GAMES = ["connect_four_v3", "tictactoe_v3"]


def play(batch: GameBatch, count: int) -> list:
    """Plays random games to their ends; returns all that was seen."""
    rng, everything = np.random.default_rng(0), np.arange(count)
    seen = []
    while len(running := np.flatnonzero(~batch.over)):
        position = batch.observations(running)
        other = batch.observations(everything, np.ones(count, np.int64))
        masks = position[:, -9 if position.shape[1] == 27 else -7 :] > 0.5
        actions = random_actions(rng, masks)
        assert batch.legal(running, actions).all()
        assert not batch.legal(running, np.full(len(running), 99)).any()
        assert not batch.legal(running, np.full(len(running), -1)).any()
        if not masks.all():
            assert not batch.legal(running, (~masks).argmax(1))[~masks.all(1)].any()
        seen += [position.tolist(), other.tolist(), batch.seats.tolist(), batch.over.tolist(), batch.returns.tolist()]
        batch.put(running, actions)
    return [*seen, batch.over.tolist(), batch.returns.tolist(), batch.observations(everything, batch.seats).tolist()]


@pytest.mark.parametrize("game_id", GAMES)
def test_arrays_play_pettingzoos_games(game_id: str) -> None:
    """Both games were held equal in a million random positions when this was written."""
    arrays = make_games(game_id, list(range(20)))
    assert not isinstance(arrays, SingleGames)
    seen = play(arrays, 20)
    assert seen == play(SingleGames(game_id, list(range(20))), 20)
    assert {tuple(returns) for returns in arrays.returns.tolist()} >= {(1.0, -1.0), (-1.0, 1.0)}
    assert "-0.0" not in str(arrays.returns.tolist())
    arrays.reset(np.arange(20))
    assert play(arrays, 20) == seen, "nothing of a game is left in the next"


@pytest.mark.parametrize("game_id", GAMES)
def test_an_illegal_move_is_an_error(game_id: str) -> None:
    for batch in (make_games(game_id, [0, 1]), SingleGames(game_id, [0, 1])):
        for action in (-1, 99):
            with pytest.raises(ValueError, match=f"{game_id}: action {action} is illegal here"):
                batch.step(np.array([0]), np.array([action]))
        play(batch, 2)
        with pytest.raises(ValueError, match="is illegal here"):
            batch.step(np.array([1]), np.array([0]))


def test_a_full_board_without_a_line_is_a_tie() -> None:
    batch = make_games("tictactoe_v3", [0])
    for action in (0, 1, 2, 4, 3, 5, 7, 6, 8):
        assert not batch.over[0]
        batch.step(np.array([0]), np.array([action]))
    assert batch.over[0]
    assert batch.returns.tolist() == [[0.0, 0.0]]


def test_arrays_are_not_taken_where_the_game_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Game.observation

    def observation(self: Game, seat: int | None = None) -> np.ndarray:
        return 1.0 - own(self, seat)

    arrays = array_games("tictactoe_v3", NUM_COMPARED)
    assert are_equal(arrays, "tictactoe_v3")
    arrays.reset(np.arange(NUM_COMPARED))
    monkeypatch.setattr(Game, "observation", observation)
    assert not are_equal(arrays, "tictactoe_v3")


def test_games_that_nobody_has_as_arrays_are_played_one_by_one() -> None:
    assert array_games("go_v5", 2) is None
