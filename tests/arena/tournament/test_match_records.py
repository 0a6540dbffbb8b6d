import json
import math

import pytest
from hypothesis import strategies as st

from arena.errors import ArenaError
from arena.tournament.match_records import Episodes, PlayedGame, from_line, to_line

RETURNS = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=4, max_size=4).map(tuple)


def _episodes(player, returns, *, seed=7, reason=""):
    return Episodes(match=f"Env/{player}", env="Env", player=player, seed=seed, returns=returns, lengths=(1,) * len(returns), reason=reason)


def test_records_survive_their_way_through_json():
    game = PlayedGame(
        match="g/a~b/0/1", env="g", players=("b", "a"), seed=3, points=0.5, returns=(0.0, 0.0), moves=(1, 2), num_opening_moves=2
    )
    for record in (game, _episodes("a", (1.5, 2.0))):
        assert from_line(json.loads(json.dumps(to_line(record))), "here") == record


def test_a_return_that_json_could_not_hold_is_read_as_nan():
    assert math.isnan(from_line({**to_line(_episodes("a", (1.0,))), "returns": [None]}, "here").returns[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "x"}, "kind='x' is none of game, episodes"),
        ({"kind": {}}, "kind={} is none of game, episodes"),
        ({"kind": "game"}, "unknown key 'player'"),
        ({"returns": [True]}, r"returns\.0=True"),
        ({"returns": 3.0}, "returns=3.0"),
        ({"lengths": ["1"]}, r"lengths\.0='1'"),
        ({"lengths": [1, 2]}, "1 returns and 2 lengths"),
        ({"player": ["a"]}, "player="),
        ({"player": {}}, "player="),
    ],
)
def test_odd_types_are_refused_with_their_place(change, reason):
    with pytest.raises(ArenaError, match=f"^here.*{reason}"):
        from_line({**to_line(_episodes("a", (1.0,))), **change}, "here")


def test_a_line_that_is_no_object_is_refused():
    with pytest.raises(ArenaError, match=r"^here: it must be a JSON object"):
        from_line([1], "here")
