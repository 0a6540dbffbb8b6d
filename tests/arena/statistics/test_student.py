import numpy as np
import pytest
from scipy import stats

from arena.statistics.student import critical_value


def test_critical_values_leave_half_of_the_error_on_each_side():
    assert stats.norm.sf(critical_value(0.9)) == pytest.approx(0.05)
    assert stats.t.sf(critical_value(0.95, np.array([1.0, 4.0, np.inf])), [1.0, 4.0, np.inf]) == pytest.approx([0.025] * 3)
