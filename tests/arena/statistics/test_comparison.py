import numpy as np

from arena.statistics.comparison import compare_all


def test_all_pairs_are_compared_and_corrected_together():
    returns = {name: {"e": np.arange(8.0) + shift} for name, shift in (("c", 100.0), ("a", 0.0), ("b", 0.5))}
    returns["a"]["f"] = np.arange(8.0)
    pairs = compare_all(returns)
    assert [(pair.x, pair.y) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.p_value_joint <= 0.05 for pair in pairs] == [False, True, True]
    assert all(pair.p_value <= pair.p_value_joint for pair in pairs)
    assert pairs[0].envs == ("e",), "only what both were trained on"
