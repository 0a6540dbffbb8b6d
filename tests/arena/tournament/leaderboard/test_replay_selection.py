"""The page of a small tournament that was really played: two policies and the random player on CartPole, Chain and tic-tac-toe."""

from arena.environments.games import Game
from arena.tournament.leaderboard import replay_selection as selection

ENVS = ("CartPole-v1", "arena/Chain-v0", "tictactoe_v3")
HOSTILE = "<script>alert(1)"


def test_pieces_of_connect_four_fall() -> None:
    shape, plies = selection.board_plies(Game("connect_four_v3"), (2, 2, 6), seed=0)
    assert shape == (6, 7)
    assert plies == ((0, ((5 * 7 + 2, 1),)), (1, ((4 * 7 + 2, 2),)), (0, ((5 * 7 + 6, 1),)))


def test_a_game_without_a_board_is_listed_by_its_moves() -> None:
    class Hidden(Game):
        def board(self) -> None:
            return None

    assert selection.board_plies(Hidden("tictactoe_v3"), (4, 0), seed=0) == (None, ((0, ()), (1, ())))
