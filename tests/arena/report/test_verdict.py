"""Who a report says is better, and which of its two rules decided."""

import dataclasses

import numpy as np
import pytest

from arena.environments.references import Catalogue
from arena.report.build import build_report
from arena.report.document import ExperimentReport, SequentialComparison, SequentialVerdict
from arena.report.load import load_runs
from arena.report.verdict import disagreements, judge
from arena.statistics.comparison import AgentPair
from arena.statistics.estimate import Estimate
from arena.statistics.ties import rank_all


def pair(x: str, y: str, probability: float, p_value: float) -> AgentPair:
    estimate = Estimate(value=probability, num_seeds=5)
    return AgentPair(
        x=x, y=y, probability=estimate, p_value=p_value, p_value_joint=p_value, basis="ranks", apart_at_most=None, envs=("CartPole-v1",)
    )


PAIRS = (pair("a", "b", 0.1, 0.05), pair("a", "c", 0.4, 0.06), pair("b", "c", 0.9, 0.01))


def sequential(*verdicts: tuple[str, str, str]) -> SequentialComparison:
    return SequentialComparison(
        experiment="logs/test",
        group_size=5,
        max_seeds=20,
        alpha=0.05,
        envs=("CartPole-v1",),
        look=1,
        finished=True,
        num_seeds={"a": 5, "b": 5, "c": 5},
        verdicts=tuple(SequentialVerdict(agent=agent, other=other, verdict=verdict) for agent, other, verdict in verdicts),
    )


EVERY_PAIR = sequential(("a", "b", "worse"), ("c", "a", "better"), ("b", "c", "undecided"))


@pytest.fixture(scope="module")
def document(tmp_path_factory, write_run) -> ExperimentReport:
    folder = tmp_path_factory.mktemp("logs")
    for agent in "abc":
        write_run(folder, agent)
    built = build_report(load_runs([folder]).runs, Catalogue({}), title="test", command="arena report")
    return dataclasses.replace(built, pairs=PAIRS)


def test_corrected_p_values_decide_at_5_percent(document):
    verdict = judge(document)
    assert verdict.better == {("b", "a"), ("b", "c")}
    assert verdict.is_better("b", "a")
    assert not verdict.is_better("a", "b")
    assert (verdict.winner("a", "b"), verdict.winner("b", "a"), verdict.winner("a", "c")) == ("b", "b", None)
    assert verdict.sequential is None


def test_agents_are_named_by_their_mean_probability_of_improvement(document):
    means = {"a": np.mean([0.1, 0.4]), "b": np.mean([0.9, 0.9]), "c": np.mean([0.6, 0.1])}
    assert judge(document).order == tuple(sorted(means, key=lambda name: -means[name]))


def test_a_sequential_comparison_of_every_pair_decides_instead(document):
    verdict = judge(dataclasses.replace(document, decisions=(EVERY_PAIR,)))
    assert verdict.better == {("b", "a"), ("c", "a")}
    assert verdict.sequential == EVERY_PAIR


@pytest.mark.parametrize("decisions", [(sequential(("a", "b", "worse")),), (EVERY_PAIR, EVERY_PAIR)])
def test_several_comparisons_or_one_that_lacks_a_pair_decide_nothing(document, decisions):
    verdict = judge(dataclasses.replace(document, decisions=decisions))
    assert (verdict.sequential, verdict.better) == (None, judge(document).better)


def test_one_agent_is_better_than_nobody(document):
    verdict = judge(dataclasses.replace(document, agents=document.agents[:1], pairs=()))
    assert (verdict.better, verdict.order) == (frozenset(), ("a",))


def test_agents_with_equal_runs_share_a_rank_whatever_their_names(document):
    equal = (pair("a", "b", 0.5, 1.0), pair("a", "c", 0.2, 0.3), pair("b", "c", 0.2 + 1e-16, 0.3))
    ranks = judge(dataclasses.replace(document, pairs=equal)).ranks
    assert {agent: (rank.label, rank.low, rank.high) for agent, rank in ranks.items()} == {
        "a": ("2=", 1, 3),
        "b": ("2=", 1, 3),
        "c": ("1", 1, 3),
    }


def test_ranks_carry_what_is_not_excluded(document):
    ranks = judge(document).ranks
    assert {agent: (rank.label, rank.low, rank.high) for agent, rank in ranks.items()} == {
        "b": ("1", 1, 1),
        "c": ("2", 2, 3),
        "a": ("3", 2, 3),
    }


def test_a_number_that_orders_otherwise_is_found(document):
    ranks = rank_all({"a": 0.55, "b": 0.45, "c": 0.45})
    assert disagreements(ranks, {"a": 0.47, "b": 0.80, "c": 0.3}) == [("b", "a")]
    assert disagreements(ranks, {"a": 0.8, "b": 0.8 + 1e-15, "c": 0.9}) == [("c", "a")]
    assert disagreements(ranks, {"a": 1.0, "c": 0.9}) == []


def test_agents_are_equal_if_no_chance_beyond_the_limit_is_left(document):
    pairs = [dataclasses.replace(each, apart_at_most=bound) for each, bound in zip(PAIRS, (None, 0.25, 0.26), strict=True)]
    verdict = judge(dataclasses.replace(document, pairs=tuple(pairs)))
    assert verdict.equal == {("a", "c")}
    assert [verdict.claim(each.x, each.y) for each in PAIRS] == ["b beats a", "equal", "b beats c"]
    assert judge(dataclasses.replace(document, pairs=tuple(pairs), equal_within=0.2)).claim("a", "c") == "undecided"
    stopped = dataclasses.replace(document, pairs=tuple(pairs), decisions=(EVERY_PAIR,))
    assert judge(stopped).equal == frozenset(), "intervals are not corrected for looking several times"


def test_what_a_sequential_comparison_declares_equal_is_equal(document):
    decided = sequential(("b", "a", "equal"), ("c", "a", "better"), ("b", "c", "undecided"))
    verdict = judge(dataclasses.replace(document, decisions=(dataclasses.replace(decided, equal_within=0.1),)))
    assert [verdict.claim(each.x, each.y) for each in PAIRS] == ["equal", "c beats a", "undecided"]
    assert verdict.equal_within == 0.1


def test_a_circle_is_named_with_the_certainty_of_its_weakest_claim(document):
    circle = (pair("a", "b", 0.9, 0.01), pair("a", "c", 0.1, 0.03), pair("b", "c", 0.9, 0.002))
    assert judge(dataclasses.replace(document, pairs=circle)).circles == ("a beats b, b beats c, c beats a (certainty 97.0%)",)
    assert judge(document).circles == ()
    decided = sequential(("a", "b", "better"), ("c", "a", "better"), ("b", "c", "better"))
    [found] = judge(dataclasses.replace(document, decisions=(decided,))).circles
    assert found.endswith("(certainty 95.0%)")
