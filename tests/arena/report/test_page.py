import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from arena.report import document as doc
from arena.report.listings import AgentSummary, CostRow, Difference, EnvSummary, PublishedRow, RunRow
from arena.report.page import render
from arena.statistics.comparison import AgentPair
from arena.statistics.estimate import Estimate
from arena.statistics.ties import Rank

HOSTILE = '<script>alert("1")</script>'
METRICS: tuple[doc.MetricName, ...] = ("iqm", "mean", "median", "optimality_gap")
VALUES = {"keras-ppo": 0.92, "tfagents-dqn": 0.71, "random": 0.01, HOSTILE: 0.4}


def _estimate(value: float, width: float = 0.1) -> Estimate:
    return Estimate(value=value, low=value - width, high=value + width, num_seeds=5)


def _agent(name: str) -> AgentSummary:
    return AgentSummary(
        name=name,
        agent=name,
        hyperparameters={"learning_rate": 1e-3, "hidden_sizes": (64, 64)},
        env_hyperparameters={"CartPole-v1": {"batch_size": 64}},
        versions={"numpy": "2.3.5"},
        devices=("cpu",),
        num_runs=5,
        num_finished=4,
        num_failed=int(name == HOSTILE),
        num_unfinished=0,
        tuning={"trials": 40, "env_steps": 2_000_000} if name == "keras-ppo" else None,
    )


def _curve(name: str, env: str | None, axis: doc.Axis) -> doc.MeanCurve:
    x = tuple(100_000 * k / 20 for k in range(21)) if axis == "env_steps" else tuple(0.5 * 1.4**k for k in range(21))
    scale = 1.0 if env is None else 500.0
    values = tuple(scale * VALUES[name] * (1 - math.exp(-k / 5)) for k in range(21))
    low = tuple(None if k == 0 else value - 0.05 * scale for k, value in enumerate(values))
    high = tuple(None if k == 0 else value + 0.05 * scale for k, value in enumerate(values))
    return doc.MeanCurve(agent=name, env=env, axis=axis, x=x, values=values, low=low, high=high, num_seeds=5)


def _pairs(names: list[str]) -> Iterator[AgentPair]:
    for i, x in enumerate(names):
        for y in names[i + 1 :]:
            p_value = 0.2 if {x, y} == {"tfagents-dqn", HOSTILE} else 0.001
            probability = _estimate(0.5 + (VALUES[x] - VALUES[y]) / 2)
            yield AgentPair(
                x=x,
                y=y,
                probability=probability,
                p_value=p_value / 3,
                p_value_joint=p_value,
                basis="ranks",
                apart_at_most=None,
                envs=("CartPole-v1",),
            )


def _run(name: str, seed: int) -> RunRow:
    failed = name == HOSTILE and seed == 0
    return RunRow(
        agent=name,
        env="CartPole-v1",
        seed=seed,
        status="crashed" if failed else "finished",
        reason="IndexError: list index out of range" if failed else "100,000 env steps",
        return_mean=None if failed else 480.0,
        return_std=None if failed else 12.0,
        num_episodes=0 if failed else 100,
        score=None if failed else 0.98,
        env_steps=100_000,
        train_seconds=42.0,
        cpu_seconds=50.0,
        device="cpu",
        machine=0,
        path=f"logs/x/{name}/CartPole-v1/seed-{seed}",
    )


def make_report(**changes: Any) -> doc.ExperimentReport:
    names = sorted(VALUES)
    returns = (480.0, 500.0, 23.5, 499.0, 310.0)
    axes: tuple[Literal["env_steps"], Literal["train_seconds"]] = ("env_steps", "train_seconds")
    report = doc.ExperimentReport(
        title="cartpole",
        arena_version="0.1.0",
        confidence=0.95,
        equal_within=0.25,
        left_out=(),
        num_envs_in_aggregates=1,
        budget={"env_steps": 100_000, "seconds": None},
        evaluation={"period": 10_000, "episodes": 20},
        circumstances="Seconds were measured with 2 runs at a time.",
        experiment_seed=0,
        agents=tuple(_agent(name) for name in names),
        envs=(
            EnvSummary(
                name="CartPole-v1",
                env_id="CartPole-v1",
                random_return=22.97,
                solved_return=475.0,
                sources=("SLM-Lab", "Gymnasium"),
                failed_return=22.97,
                budget={"env_steps": 100_000},
            ),
            EnvSummary(name="Own-v0", env_id="Own-v0", random_return=None, solved_return=None, sources=(), failed_return=0.0, budget={}),
        ),
        results=tuple(
            doc.EnvResult(
                agent=name,
                env=env,
                seeds=(0, 1, 2, 3, 4),
                returns=returns,
                failed=(False, False, name == HOSTILE, False, False),
                return_mean=_estimate(400.0, 30),
                score_iqm=_estimate(0.9) if env == "CartPole-v1" else None,
                num_solved=3,
            )
            for name in names
            for env in ("CartPole-v1", "Own-v0")
        ),
        aggregates=tuple(
            doc.Aggregate(
                agent=name, metric=metric, estimate=_estimate(VALUES[name]), without_failed=_estimate(0.5) if name == HOSTILE else None
            )
            for name in names
            for metric in METRICS
        ),
        profiles=tuple(
            doc.Profile(
                agent=name,
                thresholds=tuple(k / 10 for k in range(12)),
                fractions=tuple(max(0.0, min(1.0, 1 - k / 10 + VALUES[name] / 2)) for k in range(12)),
                low=(0.0,) * 12,
                high=(1.0,) * 12,
            )
            for name in names
        ),
        pairs=tuple(_pairs(names)),
        score_differences=tuple(
            doc.ScoreDifference(x=pair.x, y=pair.y, mean=_estimate(0.125), iqm=_estimate(-0.375)) for pair in _pairs(names)
        ),
        env_pairs=tuple(doc.EnvPair(env="CartPole-v1", pair=pair, return_difference=_estimate(12.5, 3)) for pair in _pairs(names)),
        decisions=(),
        curves=tuple(_curve(name, env, axis) for axis in axes for env in (None, "CartPole-v1", "Own-v0") for name in names),
        rankings=tuple(
            doc.RankingRow(
                axis=axis, rank=Rank(value=rank, tied=False, low=1, high=4), agent=name, area=_estimate(VALUES[name]), horizon=100_000.0
            )
            for axis in axes
            for rank, name in enumerate(sorted(names, key=lambda name: -VALUES[name]), 1)
        ),
        times_to_threshold=tuple(
            doc.TimeToThreshold(
                agent=name,
                env="CartPole-v1",
                threshold=475.0,
                num_seeds=5,
                num_reached=4 if VALUES[name] > 0.5 else 0,
                reached_fraction=Estimate(value=0.8, low=0.28, high=0.99, num_seeds=5),
                env_steps_median=41_000.0 if VALUES[name] > 0.5 else None,
                env_steps_low=30_000.0 if VALUES[name] > 0.5 else None,
                env_steps_high=None,
                train_seconds_median=12.5 if VALUES[name] > 0.5 else None,
            )
            for name in names
        ),
        saturated=(),
        published=(
            PublishedRow(
                env="CartPole-v1",
                who="CleanRL",
                algorithm="dqn",
                published="488.7 ± 16.1",
                value=488.7,
                budget_env_steps=500_000,
                num_seeds=3,
                protocol="mean of the last 100 training episodes",
                source="cleanrl, docs/rl-algorithms/dqn.md",
                url="https://docs.cleanrl.dev/rl-algorithms/dqn/",
                ours=(("tfagents-dqn", 455.0, 100_000),),
            ),
        ),
        costs=tuple(
            CostRow(
                agent=name,
                env="CartPole-v1",
                num_runs=5,
                env_steps=100_000,
                env_steps_per_second=2_345.6,
                learner_steps_per_second=None,
                start_seconds=4.2,
                train_seconds=42.0,
                env_seconds=6.0,
                act_seconds=9.0,
                learn_seconds=25.0,
                other_seconds=2.0,
                evaluate_seconds=3.0,
                checkpoint_seconds=0.1,
                cpu_seconds=50.0,
                total_cpu_hours=0.07,
            )
            for name in names
        ),
        differences=(Difference(name="learning_rate", values={"keras-ppo": 1e-3, "tfagents-dqn": 2.3e-3}),),
        runs=tuple(_run(name, seed) for name in names for seed in range(5)),
        machines=({"cpu": "some CPU", "cores_available": 2, "gpus": []},),
        commits=("0123abc+",),
        experiment_file='agents = ["keras-ppo"]',
        commands=("arena run configs/cartpole.toml", "arena report logs/cartpole"),
        notes=(f"{HOSTILE} crashed once and stands at the floor.",),
    )
    return dataclasses.replace(report, **changes)


@pytest.fixture(scope="module")
def html() -> str:
    return render(make_report())


def test_the_page_holds_by_itself_and_for_everybody(html: str, problems: Callable[[str], list[str]]) -> None:
    assert problems(html) == []
    assert len(html) < 200_000


def test_names_from_run_folders_are_text_never_markup(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in html


def test_the_verdict_names_what_is_not_decided(html: str) -> None:
    assert "keras-ppo is ahead of all others. Between tfagents-dqn and &lt;script&gt;" in html


def test_failed_runs_are_shown_with_their_reason(html: str) -> None:
    failed = html[html.index("<h3>Failed</h3>") :]
    assert "IndexError: list index out of range" in failed
    assert "310.0" in html
    assert "23.5 (failed)" in html


def test_the_matrix_turns_a_pair_around(html: str) -> None:
    one = make_report(
        pairs=(
            AgentPair(
                x="keras-ppo",
                y="random",
                probability=_estimate(0.8, 0.05),
                p_value=0.01,
                p_value_joint=0.01,
                basis="ranks",
                apart_at_most=None,
                envs=(),
            ),
        )
    )
    matrix = render(one)
    assert ">0.80</b><small>[0.75, 0.85]" in matrix
    assert ">0.20</b><small>[0.15, 0.25]" in matrix
    assert "not compared" in matrix


def test_published_numbers_link_to_their_source(html: str) -> None:
    assert '<a href="https://docs.cleanrl.dev/rl-algorithms/dqn/" rel="noreferrer">cleanrl, docs/rl-algorithms/dqn.md</a>' in html


def test_only_decided_pairs_are_tinted(html: str) -> None:
    matrix = html.partition('<table class="matrix">')[2].partition("</table>")[0]
    assert matrix.count("<td style=") == matrix.count("<b>") > 0
    assert matrix.count("<td>") > 0


def test_an_experiment_without_references_or_curves_is_still_a_page(problems: Callable[[str], list[str]]) -> None:
    bare = make_report(
        aggregates=(),
        profiles=(),
        pairs=(),
        curves=(),
        rankings=(),
        times_to_threshold=(),
        saturated=(),
        published=(),
        costs=(),
        differences=(),
        notes=(),
    )
    page = render(bare)
    assert problems(page) == []
    assert "There are no reference scores for this environment" in page
    assert 'href="#curves"' not in page


def test_the_same_report_gives_the_same_page(html: str) -> None:
    assert render(make_report()) == html


def _decision(*verdicts: tuple[str, str, str]) -> doc.SequentialComparison:
    return doc.SequentialComparison(
        experiment="logs/seq",
        group_size=5,
        max_seeds=20,
        alpha=0.05,
        envs=("CartPole-v1",),
        look=2,
        finished=True,
        num_seeds=dict.fromkeys(VALUES, 10),
        verdicts=tuple(doc.SequentialVerdict(agent=one, other=other, verdict=verdict) for one, other, verdict in verdicts),
    )


def test_a_sequential_comparison_says_what_it_decided_and_when_it_stopped(problems: Callable[[str], list[str]]) -> None:
    names = sorted(VALUES)
    verdicts = [(x, y, "undecided") for i, x in enumerate(names) for y in names[i + 1 :]]
    page = render(make_report(decisions=(_decision(*verdicts),)))
    assert problems(page) == []
    assert 'href="#stopped"' in page
    assert "stopped after 2 of 4 looks" in page
    assert "over the 6 pairs and 4 looks together, is at most 5%" in page
    assert "Nobody is ahead" in page, "the test that stopped the seeds decides, not p-values that take their number as fixed"
    assert "<b>0." not in page
    one = render(make_report(decisions=(_decision(("keras-ppo", "random", "better")),)))
    assert "keras-ppo is ahead of all others" in one, "it does not cover every pair of this page"


def test_a_remark_on_an_interval_is_marked_and_spelt_out_once(html: str) -> None:
    note = "holds less often than it says"
    noted = tuple(
        dataclasses.replace(row, estimate=dataclasses.replace(row.estimate, note=note)) if row.metric == "median" else row
        for row in make_report().aggregates
    )
    page = render(make_report(aggregates=noted))
    assert page.count(f'<p class="note">* {note}</p>') == 1
    assert page.count("]*</small>") == len(VALUES) + 1, "one stands also beside that without failed runs"
    assert "]*</small>" not in html
    apart = [dataclasses.replace(each, mean=dataclasses.replace(each.mean, note="seldom")) for each in make_report().score_differences]
    assert render(make_report(score_differences=tuple(apart))).count('<p class="note">* seldom</p>') == 1


def test_a_column_and_a_pair_that_order_otherwise_than_the_rank_are_marked(problems: Callable[[str], list[str]]) -> None:
    """tfagents-dqn leads by the chance to beat another agent, and its IQM is the lower one."""
    report = make_report()
    strength = {"tfagents-dqn": 1.0, "keras-ppo": 0.9, HOSTILE: 0.2, "random": 0.0}
    pairs = tuple(
        dataclasses.replace(pair, probability=_estimate(0.5 + (strength[pair.x] - strength[pair.y]) / 3)) for pair in report.pairs
    )
    iqm = {"keras-ppo": 0.80, "tfagents-dqn": 0.47}
    aggregates = tuple(
        dataclasses.replace(row, estimate=_estimate(iqm[row.agent])) if row.agent in iqm and row.metric == "iqm" else row
        for row in report.aggregates
    )
    html = render(dataclasses.replace(report, pairs=pairs, aggregates=aggregates))
    lead = html.partition('<p class="lead">')[2].partition("</p>")[0]
    assert "Ranked by the chance that a run of it returns more than a run of another agent" in lead
    assert "IQM orders agents otherwise than the rank:" in html
    assert "keras-ppo before tfagents-dqn" in html
    assert ">IQM†</th>" in html
    assert problems(html) == []


def test_equal_agents_are_shown_as_equal(problems: Callable[[str], list[str]]) -> None:
    report = make_report()
    pairs = tuple(dataclasses.replace(pair, probability=_estimate(0.5), p_value_joint=1.0) for pair in report.pairs)
    html = render(dataclasses.replace(report, pairs=pairs))
    assert "keras-ppo, random and tfagents-dqn are equal. Ranked by" in html
    assert html.count('<tr><td>1= <small class="missing">(1\N{EN DASH}4)</small></td>') == len(VALUES)
    assert problems(html) == []


def test_differences_of_every_pair_stand_with_their_intervals(html: str) -> None:
    apart = html.partition("<h3>How far apart</h3>")[2]
    assert "0.13" in apart or "0.12" in apart
    assert apart.count("<td>-0.38") + apart.count("<td>\N{MINUS SIGN}0.38") == 6
    alone = apart.partition("<h3>On each environment</h3>")[2].partition("</table>")[0]
    assert alone.count("CartPole-v1") == 6
    assert "keras-ppo beats random" in alone
    assert "undecided" in alone


def test_a_circle_is_named(problems: Callable[[str], list[str]]) -> None:
    report = make_report()
    names = sorted(VALUES)
    wins = {(names[1], names[2]), (names[2], names[3]), (names[3], names[1])}
    pairs = tuple(
        dataclasses.replace(
            pair,
            probability=_estimate(0.9 if (pair.x, pair.y) in wins else 0.1),
            p_value_joint=0.01 if {(pair.x, pair.y), (pair.y, pair.x)} & wins else 1.0,
        )
        for pair in report.pairs
    )
    page = render(dataclasses.replace(report, pairs=pairs))
    assert "<b>A circle</b>: keras-ppo beats random, random beats tfagents-dqn, tfagents-dqn beats keras-ppo (certainty 99.0%)" in page
    assert problems(page) == []
