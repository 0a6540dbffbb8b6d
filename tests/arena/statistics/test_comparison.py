import numpy as np
import pytest

from arena.statistics.comparison import compare_all, compare_on_each
from arena.statistics.improvement import improvement


def test_all_pairs_are_compared_and_corrected_together():
    returns = {name: {"e": np.arange(8.0) + shift} for name, shift in (("c", 100.0), ("a", 0.0), ("b", 0.5))}
    returns["a"]["f"] = np.arange(8.0)
    pairs = compare_all(returns)
    assert [(pair.x, pair.y) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.p_value_joint <= 0.05 for pair in pairs] == [False, True, True]
    assert all(pair.p_value <= pair.p_value_joint for pair in pairs)
    assert pairs[0].envs == ("e",), "only what both were trained on"


def test_how_far_apart_two_agents_can_be_is_the_farther_end_of_a_90_percent_interval():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(size=30)
    [pair] = compare_all({"a": {"e": x}, "b": {"e": y}})
    interval = improvement([(x, y)], confidence=0.9)
    assert pair.apart_at_most == pytest.approx(max(interval.high - 0.5, 0.5 - interval.low))
    *_, among_three = compare_all({"a": {"e": rng.normal(size=30)}, "b": {"e": x}, "c": {"e": y}})
    assert among_three.apart_at_most > pair.apart_at_most, "all pairs together"
    [unknown] = compare_all({"a": {"e": x[:2]}, "b": {"e": y[:2]}})
    assert unknown.apart_at_most is None


def test_environments_alone_are_corrected_together():
    returns = {name: {env: np.arange(10.0) + 20.0 * (name == "b" and env == "f") for env in "ef"} for name in "ab"}
    returns["c"] = {"f": np.arange(10.0) + 0.5}
    alone = compare_on_each(returns)
    assert [(pair.x, pair.y, pair.envs) for pair in alone] == [
        ("a", "b", ("e",)),
        ("a", "b", ("f",)),
        ("a", "c", ("f",)),
        ("b", "c", ("f",)),
    ]
    assert [pair.claim for pair in alone] == [None, ("b", "a"), None, ("b", "c")]
    [one] = compare_all({name: {"f": returns[name]["f"]} for name in "ab"})
    assert one.probability == alone[1].probability
    assert one.p_value_joint <= alone[1].p_value_joint
