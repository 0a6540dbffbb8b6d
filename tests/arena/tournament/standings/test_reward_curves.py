from arena.tournament.standings.reward_curves import RewardCurve, returns_at_equal

GAME = "tictactoe_v3"


def test_curves_are_compared_where_all_runs_have_been():
    early = RewardCurve(env_steps=(10, 20), train_seconds=(1.0, 2.0), returns=(1.0, 2.0))
    late = RewardCurve(env_steps=(15, 30), train_seconds=(0.5, 4.0), returns=(5.0, 6.0))
    none = RewardCurve(env_steps=(), train_seconds=(), returns=())
    point, values = returns_at_equal({"a": [early], "b": [late], "c": [none], "d": []}, lambda curve: curve.env_steps)
    assert (point, values) == (20, {"a": 2.0, "b": 5.0})
    later = RewardCurve(env_steps=(25, 40), train_seconds=(), returns=(0.0, 0.0))
    assert returns_at_equal({"a": [early], "b": [late, later]}, lambda curve: curve.env_steps) == (20, {"a": 2.0})
    assert returns_at_equal({}, lambda curve: curve.env_steps) == (None, {})
