import pytest

from arena.environments.games import Game
from arena.errors import ArenaError
from arena.tournament.schedule import openings as openings_module
from arena.tournament.schedule.openings import Openings

TIC_TAC_TOE, CONNECT_FOUR = "tictactoe_v3", "connect_four_v3"
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def test_openings_are_legal_distinct_and_repeatable():
    openings = Openings(CONNECT_FOUR, 5, 2)
    drawn = [openings[index] for index in range(40)]  # there are 49
    assert len({opening for _, opening in drawn}) == 40
    assert [Openings(CONNECT_FOUR, 5, 2)[index] for index in (0, 39)] == [drawn[0], drawn[39]]
    assert Openings(CONNECT_FOUR, 6, 2)[0] != drawn[0]
    game = Game(CONNECT_FOUR)
    for seed, opening in drawn:
        game.reset(seed)
        for move in opening:
            game.step(move)
    assert [Openings(TIC_TAC_TOE, 0, 0)[index][1] for index in range(2)] == [(), ()]


def test_openings_that_end_the_game_are_refused():
    with pytest.raises(ArenaError, match="over within 9 random moves"):
        Openings(TIC_TAC_TOE, 0, 9)[0]


def test_a_game_has_so_many_openings_and_no_more():
    three = 9 * 8 * 7 // 2  # the order of two crosses does not matter
    for game_id, plies, count in ((CONNECT_FOUR, 2, 49), (TIC_TAC_TOE, 2, 72), (TIC_TAC_TOE, 0, 1), (TIC_TAC_TOE, 3, three)):
        openings = Openings(game_id, 5, plies)
        assert openings.num_distinct(3) == min(3, count)
        assert openings.num_distinct(300) == count
        if game_id == TIC_TAC_TOE:
            moves = [openings[index][1] for index in range(count)]
            assert len({(frozenset(each[::2]), frozenset(each[1::2])) for each in moves}) == count
        assert len({openings[index][1] for index in range(count)}) == count
        assert openings[count + 5][1] in {openings[index][1] for index in range(count)}  # the list goes on; games of chance need that


def test_openings_of_a_game_that_draws_cards_never_run_out(monkeypatch):
    class Cards(Game):
        def reset(self, seed=None):
            super().reset(seed)
            self._card = float(seed % 2)

        def observation(self, seat=None):
            seen = super().observation(seat).copy()
            seen[0] = self._card
            return seen

    monkeypatch.setattr(openings_module, "Game", Cards)
    openings = Openings(TIC_TAC_TOE, 0, 1)
    assert openings.num_distinct(12) == 12
    assert len({openings[index][1] for index in range(12)}) == 9


def test_a_game_that_fails_while_openings_are_drawn_is_named_in_one_line(monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no\nboard")

    openings = Openings(TIC_TAC_TOE, 0, 1)
    monkeypatch.setattr(Game, "step", fail)
    with pytest.raises(ArenaError, match=r"^game tictactoe_v3 failed while its openings were drawn: OSError: no board$"):
        openings[0]
    monkeypatch.setattr(Game, "__init__", fail)
    with pytest.raises(ArenaError, match=r"^game tictactoe_v3 failed while its openings were drawn: OSError: no board$"):
        Openings(TIC_TAC_TOE, 0, 1)
