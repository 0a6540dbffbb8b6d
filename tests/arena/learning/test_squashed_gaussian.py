"""Actions drawn from a squashed Gaussian."""

import numpy as np

from arena.learning.squashed_gaussian import draw_actions


def test_actions_before_tanh_have_the_means_and_deviations_that_were_given():
    rows, means, log_stds = 50_000, np.float32([0.3, -0.5]), np.float32([-1.0, -2.0])
    actions = draw_actions(np.tile(np.concatenate([means, log_stds]), (rows, 1)), np.random.default_rng(0))
    assert actions.dtype == np.float32
    unsquashed = np.arctanh(actions.astype(np.float64))
    np.testing.assert_allclose(unsquashed.mean(0), means, atol=0.01)
    np.testing.assert_allclose(unsquashed.std(0), np.exp(log_stds), rtol=0.02)


def test_log_deviations_are_clipped():
    outputs = np.float32([[0.0, 0.5, -1e9, 1e9]])
    actions = draw_actions(outputs, np.random.default_rng(0))
    noise = np.random.default_rng(0).standard_normal((1, 2), np.float32)
    np.testing.assert_allclose(actions, np.tanh([[0.0, 0.5 + np.exp(2.0) * noise[0, 1]]]), atol=1e-6)
