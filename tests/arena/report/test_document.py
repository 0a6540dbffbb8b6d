import pytest

from arena.report.document import SequentialComparison, SequentialVerdict


@pytest.mark.parametrize(("verdict", "claim"), [("better", ("a", "b")), ("worse", ("b", "a")), ("undecided", None)])
def test_a_claim_names_the_better_agent_first(verdict: str, claim: tuple[str, str] | None):
    assert SequentialVerdict(agent="a", other="b", verdict=verdict).claim == claim


def test_a_rule_allows_as_many_looks_as_whole_groups_fit():
    rule = {"group_size": 5, "max_seeds": 23, "alpha": 0.05}
    state = {"experiment": "x", "envs": (), "look": 1, "finished": False, "num_seeds": {}, "verdicts": ()}
    assert SequentialComparison(**rule, **state).num_looks == 4
