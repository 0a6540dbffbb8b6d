import dataclasses
import itertools

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.statistics.group_sequential import StoppingRule, decide


def draw(means, *, num_seeds=20, seed=0):
    rng = np.random.default_rng(seed)
    return {f"agent-{index}": {"env": rng.normal(mean, 1.0, num_seeds).tolist()} for index, mean in enumerate(means)}


def test_nothing_is_decided_before_the_first_group_is_complete():
    decision = decide(draw([0.0, 9.0], num_seeds=4), StoppingRule())
    assert decision.look == 0
    assert decision.verdicts == {("agent-0", "agent-1"): "undecided"}
    assert decision.next_seeds == {"agent-0": 5, "agent-1": 5}


def test_a_clear_difference_is_decided_at_the_first_look_and_ends_the_experiment():
    decision = decide(draw([0.0, 9.0], num_seeds=5), StoppingRule())
    assert decision.verdicts == {("agent-0", "agent-1"): "worse"}
    assert decision.finished
    assert decide(draw([9.0, 0.0], num_seeds=5), StoppingRule()).verdicts == {("agent-0", "agent-1"): "better"}


def test_only_agents_still_compared_get_more_seeds():
    decision = decide(draw([0.0, 0.0, 30.0], num_seeds=5), StoppingRule())
    assert decision.look == 1
    assert decision.verdicts["agent-0", "agent-2"] == decision.verdicts["agent-1", "agent-2"] == "worse"
    assert decision.next_seeds == {"agent-0": 10, "agent-1": 10}


def test_the_same_is_decided_whether_the_looks_come_one_by_one_or_at_once():
    """An agent that was decided early has fewer seeds, or more that came in later: neither changes what follows."""
    scores = draw([0.0, 0.8, 30.0])
    cut = {agent: {"env": by_env["env"][:5]} for agent, by_env in scores.items()}
    rule = StoppingRule()
    for look in itertools.count(1):
        decision = decide(cut, rule)
        assert decision.look == look
        if decision.finished:
            break
        cut |= {agent: {"env": scores[agent]["env"][:count]} for agent, count in decision.next_seeds.items()}
    assert len(cut["agent-2"]["env"]) == 5
    assert decision == decide(scores, rule)


def test_equal_agents_stay_undecided_to_the_last_look():
    decision = decide({"a": {"env": [0.5] * 20}, "b": {"env": [0.5] * 20}}, StoppingRule())
    assert decision.verdicts == {("a", "b"): "undecided"}
    assert decision.finished


def test_too_little_alpha_for_the_first_look_waits_for_the_second():
    """With 3 seeds each, the most extreme of the 20 labellings has p = 0.1."""
    scores = {"a": [1.0, 2.0, 3.0] * 3, "b": [11.0, 12.0, 13.0] * 3}
    rule = StoppingRule(group_size=3, num_looks=3)
    looks = [decide({agent: {"env": values[:count]} for agent, values in scores.items()}, rule) for count in (3, 6, 9)]
    assert [decision.finished for decision in looks] == [False, True, True]


def test_equal_means_are_not_equal_chances():
    """Agent a fails one time in five and has the same mean: its runs return more four times in five, and that is what is decided."""
    steady, failing = [10.0 + 0.01 * seed for seed in range(20)], [12.5 if seed % 5 else 0.0 for seed in range(20)]
    decision = decide({"failing": {"env": failing}, "steady": {"env": steady}}, StoppingRule())
    assert decision.verdicts == {("failing", "steady"): "better"}


def test_environments_count_alike_whatever_the_size_of_their_returns():
    rng = np.random.default_rng(0)
    wins = {"small": rng.normal(3.0, 1.0, 20), "large": rng.normal(0.0, 1e6, 20)}
    loses = {"small": rng.normal(0.0, 1.0, 20), "large": rng.normal(0.0, 1e6, 20)}
    assert decide({"wins": wins, "loses": loses}, StoppingRule()).verdicts == {("wins", "loses"): "better"}


def test_bad_input_is_refused():
    with pytest.raises(ArenaError, match="at least two agents"):
        decide({"a": {"env": [1.0]}}, StoppingRule())
    with pytest.raises(ArenaError, match="'b' is not finite"):
        decide({"a": {"env": [1.0]}, "b": {"env": [float("nan")]}}, StoppingRule())
    with pytest.raises(ArenaError, match="group_size"):
        StoppingRule(group_size=1)


@pytest.mark.slow
@pytest.mark.parametrize("means", [[0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
def test_wrong_claims_are_as_rare_as_alpha_says(means):
    """Over all looks and pairs; 600 experiments, whose standard error is 0.009."""
    wrong = 0
    for experiment in range(600):
        verdicts = decide(draw(means, seed=experiment), StoppingRule(), seed=experiment, num_labellings=1_000).verdicts
        equal = [verdict for (x, y), verdict in verdicts.items() if "agent-3" not in (x, y)]
        wrong += any(verdict != "undecided" for verdict in equal)
    assert wrong / 600 <= 0.05 + 2 * 0.009


def test_equal_agents_are_declared_equal_once_the_margin_excludes_more():
    scores = draw([0.0, 0.0], num_seeds=80)
    rule = StoppingRule(group_size=20, num_looks=4, equal_within=0.25)
    decision = decide(scores, rule)
    assert decision.verdicts == {("agent-0", "agent-1"): "equal"}
    assert (decision.finished, decision.look < 4) == (True, True)
    assert decide(scores, dataclasses.replace(rule, equal_within=0.01)).verdicts == {("agent-0", "agent-1"): "undecided"}
    assert decide(scores, dataclasses.replace(rule, equal_within=None)).verdicts == {("agent-0", "agent-1"): "undecided"}


def test_an_agent_that_equals_one_and_beats_another_needs_no_more_seeds():
    scores = draw([0.0, 0.0, 9.0], num_seeds=60)
    decision = decide(scores, StoppingRule(group_size=60, num_looks=1, equal_within=0.3))
    assert list(decision.verdicts.values()) == ["equal", "worse", "worse"]
    assert decision.next_seeds == {}


def test_a_margin_that_excludes_nothing_is_refused():
    for margin in (0.0, 0.5, -0.1):
        with pytest.raises(ArenaError, match="equal_within must lie between 0 and"):
            StoppingRule(equal_within=margin)


def test_agents_just_beyond_the_margin_are_rarely_called_equal():
    """The shift makes one win three times in four, just not equal within 0.25; alpha bounds wrong claims of being equal too."""
    rule, wrong = StoppingRule(group_size=10, num_looks=3, equal_within=0.25), 0
    for seed in range(60):
        wrong += "equal" in decide(draw([0.0, 0.9539], num_seeds=30, seed=seed), rule, num_labellings=200).verdicts.values()
    assert wrong <= 6  # 5% of 60 is 3
