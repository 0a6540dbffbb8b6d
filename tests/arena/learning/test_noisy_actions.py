"""Noise on actions: its deviation, its bounds, and the same for the same generator."""

import numpy as np
import pytest

from arena.learning.noisy_actions import noisy_actions


def test_noise_has_the_deviation_and_stays_within_the_bounds():
    actions = np.tile(np.float32([0.2, -0.95]), (20_000, 1))
    found = noisy_actions(actions, 0.1, np.random.default_rng(0))
    assert found.dtype == np.float32
    assert (found[:, 0] - 0.2).std() == pytest.approx(0.1, rel=0.02)
    assert found.min() == -1.0
    np.testing.assert_array_equal(found, noisy_actions(actions, 0.1, np.random.default_rng(0)))
    np.testing.assert_array_equal(noisy_actions(actions, 0.0, np.random.default_rng(0)), actions)
