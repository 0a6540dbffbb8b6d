import dataclasses

import numpy as np
import pytest

from arena.rating import run_tests
from arena.rating.field_points import FieldPoints, field_points
from arena.rating.run_tests import decided_by_runs
from arena.statistics.pair_tests import pair_tests
from arena.tournament.match_records import Episodes
from arena.tournament.points import match_table


def played(*means: float, num_seeds: int = 5, num_starts: int = 10) -> tuple[FieldPoints, np.ndarray, np.ndarray]:
    """Returns points, returns of runs and entrants of duels among entrants of these means and a random player that always loses."""
    rng = np.random.default_rng(3)
    rows = [mean + rng.normal(0.0, 1.0, (num_seeds, 1)) + rng.normal(0.0, 0.1, (num_seeds, num_starts)) for mean in means]
    rows.append(np.full((1, num_starts), -1e6))
    entrants = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
    names = [f"{entrant}:{place}" for place, entrant in enumerate(entrants)]
    records = [
        Episodes(match=name, env="e", player=name, seed=0, returns=tuple(row), lengths=(1,) * num_starts)
        for name, row in zip(names, np.concatenate(rows).tolist(), strict=True)
    ]
    index = {name: place for place, name in enumerate(names)}
    table = match_table(records, "e", index, {name: name.partition(":")[0] for name in names})
    return field_points([table], entrants), np.concatenate(rows).mean(1), entrants


def test_three_entrants_of_five_seeds_that_are_far_apart_are_decided():
    field, of_runs, entrants = played(0.0, 50.0, 100.0)
    assert not field.better[2, 1]  # by points against the field, any run may fail though none has
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    assert found.better[:3, :3].tolist() == [[False, False, False], [True, False, False], [True, True, False]]
    assert found.rank_low.tolist() == found.rank_high.tolist() == [3, 2, 1, 4]
    assert (found.p_value == found.p_value.T).all()


def joint(of_runs, entrants, pairs):
    return np.array([test.p_value_joint for test in pair_tests([[(of_runs[entrants == i], of_runs[entrants == j])] for i, j in pairs])])


def test_two_kinds_of_pairs_share_the_probability_of_a_wrong_decision():
    field, of_runs, entrants = played(0.0, 1.0, 2.0)
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    with_random, of_tests = field.p_value[3, :3], joint(of_runs, entrants, [(0, 1), (0, 2), (1, 2)])
    assert with_random.max() < 0.025, "all pairs with the random player are decided at half of the level"
    assert of_tests.max() > 0.025
    assert not found.better[:3, :3].all(), "and so their half passes to the tests, which do not decide all"
    np.testing.assert_array_equal(found.p_value[3, :3], np.minimum(1.0, 2 * with_random))
    decided = found.p_value[0, 2]
    assert decided in (1.0, max(of_tests[1], field.start_p_value[0, 2], 2 * with_random.max()))


def test_a_kind_of_pairs_that_is_decided_leaves_its_share_to_the_other():
    field, of_runs, entrants = played(0.0, 50.0, 100.0)
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    half = 2 * max(joint(of_runs, entrants, [(0, 1), (0, 2), (1, 2)]).max(), field.start_p_value[np.triu_indices(3, 1)].max())
    assert 0.025 < field.p_value[3, 0] < 0.05, "the weakest and the random player are decided with the whole level alone"
    np.testing.assert_allclose(found.p_value[3, :3], np.minimum(2 * field.p_value[3, :3], np.maximum(field.p_value[3, :3], half)))
    assert found.better[0, 3]


@pytest.mark.parametrize("options", [{"num_seeds": 3}, {"num_starts": 1}], ids=str)
def test_three_seeds_or_one_start_decide_nothing(options):
    field, of_runs, entrants = played(0.0, 50.0, 100.0, **options)
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    assert not found.better[:3, :3].any()


def test_eight_entrants_of_five_seeds_that_are_far_apart_are_all_decided():
    field, of_runs, entrants = played(*np.arange(0.0, 400.0, 50.0))
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    np.testing.assert_array_equal(found.better[:8, :8], np.tri(8, k=-1, dtype=bool))


def test_equal_entrants_are_not_decided():
    field, of_runs, entrants = played(0.0, 0.0, 100.0)
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    assert not found.better[0, 1]
    assert not found.better[1, 0]
    assert found.better[2, :2].all()
    assert (found.rank_low[2], found.rank_high[2]) == (1, 1)


@pytest.mark.parametrize("contradicted", ["points", "matrix"])
def test_no_pair_is_decided_against_the_points_on_the_page(contradicted):
    field, of_runs, entrants = played(0.0, 50.0)
    assert decided_by_runs(field, [of_runs], entrants, level=0.95).better[1, 0]
    otherwise = dataclasses.replace(field, **{contradicted: 1 - getattr(field, contradicted)})
    assert not decided_by_runs(otherwise, [of_runs], entrants, level=0.95).better[:2, :2].any()


def test_other_starts_must_give_the_same_order():
    field, of_runs, entrants = played(0.0, 50.0)
    unsure = dataclasses.replace(field, start_p_value=np.full_like(field.start_p_value, 0.2))
    assert not decided_by_runs(unsure, [of_runs], entrants, level=0.95).better[:2, :2].any()


def test_pairs_with_a_single_run_are_decided_by_points_against_the_field():
    field, of_runs, entrants = played(0.0, 50.0, num_seeds=10)
    found = decided_by_runs(field, [of_runs], entrants, level=0.95)
    np.testing.assert_array_equal(found.better[:, 2], field.better[:, 2])
    assert (found.p_value[:2, 2] >= field.p_value[:2, 2]).all()
    assert (found.p_value[:2, 2] <= 2 * field.p_value[:2, 2]).all()


def test_only_environments_that_both_played_are_compared():
    field, of_runs, entrants = played(0.0, 50.0, 100.0)
    absent = np.where(entrants == 2, np.nan, of_runs)
    assert decided_by_runs(field, [of_runs, absent], entrants, level=0.95).better[2, 1]
    found = decided_by_runs(field, [absent], entrants, level=0.95)
    assert found.better[1, 0]
    assert (found.p_value[2, :2] >= field.p_value[2, :2]).all(), "points decide them"
    assert (found.p_value[2, :2] <= 2 * field.p_value[2, :2]).all()


def test_a_field_that_is_too_large_is_decided_by_points(monkeypatch):
    monkeypatch.setattr(run_tests, "MAX_TESTED", 2)
    field, of_runs, entrants = played(0.0, 50.0, 100.0)
    assert decided_by_runs(field, [of_runs], entrants, level=0.95) is field
