import numpy as np
import pytest

from arena.rating.matches import Matches
from arena.testing.simulated_tournament import draw_players
from arena.tournament.standings.ranking import CONFIDENCE, rank_entrants


@pytest.fixture(scope="module")
def table() -> Matches:
    """Games of three entrants, of which the last is the strongest and the first the weakest."""
    rng = np.random.default_rng(0)
    return draw_players(np.array([-1.0, 0.0, 1.0]), 1, 0.0, rng).games(60, rng)


def test_entrants_are_ordered_best_first(table: Matches):
    ranking = rank_entrants([table], np.arange(3), num_looks=0)
    assert ranking.order == (2, 1, 0)
    assert (ranking.level, ranking.num_looks) == (CONFIDENCE, 0)


def test_looks_at_the_results_cost_confidence_of_ranks_and_leave_the_points(table: Matches):
    fixed, one, many = (rank_entrants([table], np.arange(3), num_looks=looks) for looks in (0, 1, 500))
    assert CONFIDENCE < one.level < many.level < 1.0
    assert fixed.field.points.tolist() == many.field.points.tolist()
    assert (many.field.rank_low <= fixed.field.rank_low).all()
    assert (many.field.rank_high >= fixed.field.rank_high).all()


def test_runs_decide_where_they_can_be_compared_in_every_environment():
    rng, entrants = np.random.default_rng(1), np.repeat(np.arange(3), 5)
    duels = draw_players(np.array([-9.0, 0.0, 9.0]), 5, 0.0, rng).games(40, rng)
    of_runs = np.arange(15.0)
    by_field, by_runs, mixed = (
        rank_entrants([duels] * len(returns), entrants, num_looks=0, run_returns=returns)
        for returns in ([None], [of_runs], [of_runs, None])
    )
    assert by_runs.field.p_value[1, 2] < by_field.field.p_value[1, 2]
    assert by_runs.order == by_field.order == (2, 1, 0)
    assert mixed.field.p_value[1, 2] == rank_entrants([duels] * 2, entrants, num_looks=0).field.p_value[1, 2]
