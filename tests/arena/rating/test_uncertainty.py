import numpy as np
import pytest
from scipy import stats

from arena.rating.bradley_terry import ELO_PER_LOG_ODDS
from arena.rating.uncertainty import StrengthUncertainty
from arena.statistics.variance_components import EstimatedVariance


def uncertainty(noise: float, seeds: float, degrees: float, seeds_noise: float, noise_degrees: float = np.inf) -> StrengthUncertainty:
    of_seeds = EstimatedVariance.from_degrees(np.array([seeds]), degrees)
    return StrengthUncertainty.of(np.array([noise]), of_seeds, np.array([seeds_noise]), np.array([noise_degrees]))


def test_the_match_noise_that_the_spread_between_seeds_holds_counts_once():
    found = uncertainty(noise=1.0, seeds=3.0, degrees=4, seeds_noise=1.0)
    assert (found.variance[0], found.degrees[0]) == (3.0, pytest.approx(4.0))
    apart = uncertainty(noise=1.0, seeds=3.0, degrees=4, seeds_noise=0.25)
    assert apart.variance[0] == 3.75
    assert apart.degrees[0] == pytest.approx(3.75**2 / (3.0**2 / 4))
    assert uncertainty(noise=1.0, seeds=3.0, degrees=4, seeds_noise=5.0).variance[0] == 3.0, "never less than the seeds' own"


def test_the_interval_and_the_p_value_are_students():
    found = uncertainty(noise=0.5, seeds=2.0, degrees=3, seeds_noise=0.5)
    half = found.half_width(0.95)
    assert half == pytest.approx(ELO_PER_LOG_ODDS * 2.0**0.5 * stats.t.ppf(0.975, 3))
    assert found.tail(half) == pytest.approx(0.025)
    assert found.tail(-half) == pytest.approx(0.025)
    assert found.tail(np.zeros(1)) == 0.5


def test_seeds_that_agree_by_chance_leave_half_of_the_match_noise():
    found = uncertainty(noise=2.0, seeds=0.0, degrees=4, seeds_noise=2.0)
    assert found.variance[0] == 0.0
    assert found.half_width(0.95) == pytest.approx(ELO_PER_LOG_ODDS * stats.norm.ppf(0.975))
    assert found.share_of_noise() == 1.0


def test_one_start_supports_no_interval_and_decides_nothing():
    found = uncertainty(noise=1.0, seeds=1.0, degrees=4, seeds_noise=0.5, noise_degrees=0)
    assert np.isnan(found.half_width(0.95))
    assert found.tail(np.array([1e6])) == 0.5


def test_more_matches_take_away_the_share_of_match_noise():
    assert uncertainty(noise=1.0, seeds=4.0, degrees=4, seeds_noise=1.0).share_of_noise() == 0.25
