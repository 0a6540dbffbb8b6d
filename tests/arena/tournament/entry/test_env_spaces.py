import pytest

from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.errors import ArenaError
from arena.tournament.entry.env_spaces import env_spaces

CARTPOLE, ACROBOT, CONNECT_FOUR = EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"), EnvConfig("connect_four_v3")


def test_a_game_that_fails_when_it_is_made_is_named_in_one_line(monkeypatch):
    def fail(self):
        raise OSError("no\nboard")

    monkeypatch.setattr(Game, "close", fail)
    with pytest.raises(ArenaError, match=r"^game connect_four_v3 failed when it was made: OSError: no board$"):
        env_spaces(CONNECT_FOUR)
