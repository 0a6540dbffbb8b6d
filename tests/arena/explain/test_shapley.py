import itertools

import numpy as np
import pytest

from arena.explain.shapley import exact_shapley, sampled_shapley

RNG = np.random.default_rng(0)


def interacting(rows: np.ndarray) -> np.ndarray:
    """Two scores of which the first has an interaction; features 3 and later count for neither."""
    return np.stack([rows[:, 0] * rows[:, 1] + rows[:, 2], np.tanh(rows[:, 0] - rows[:, 2])], axis=1)


def by_definition(function, observation: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns Shapley values as the mean gain over all orders of the features."""
    num_features = len(observation)
    orders, found = list(itertools.permutations(range(num_features))), 0.0
    for order in orders:
        rows, gains = background.copy(), np.zeros((num_features, function(background).shape[1]))
        before = function(rows).mean(0)
        for feature in order:
            rows[:, feature] = observation[feature]
            gains[feature] = function(rows).mean(0) - before
            before = before + gains[feature]
        found = found + gains
    return found / len(orders)


def test_exact_values_are_those_of_the_definition():
    observations, background = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))
    found = exact_shapley(interacting, observations, background)
    for observation, values in zip(observations, found, strict=True):
        np.testing.assert_allclose(values, by_definition(interacting, observation, background), atol=1e-12)
    assert np.abs(found[:, 3]).max() < 1e-12, "a feature that counts for nothing adds nothing"
    np.testing.assert_allclose(found.sum(1), interacting(observations) - interacting(background).mean(0), atol=1e-12)


def test_sampled_values_are_near_the_exact_ones_by_their_own_errors():
    observations, background = RNG.normal(size=(4, 6)), RNG.normal(size=(64, 6))
    values, errors = sampled_shapley(interacting, observations, background, np.random.default_rng(1), num_orders=640)
    exact = exact_shapley(interacting, observations, background)
    assert (np.abs(values - exact) <= 5.0 * errors + 1e-12).all()
    assert errors.max() < 0.15
    np.testing.assert_allclose(values.sum(1), exact.sum(1), atol=1e-9)


def test_more_features_than_have_sets_that_can_be_tried_are_refused():
    with pytest.raises(ValueError, match="sample them"):
        exact_shapley(interacting, np.zeros((1, 13)), np.zeros((1, 13)))


@pytest.mark.extra
@pytest.mark.filterwarnings("default")
def test_exact_values_are_those_of_shaps_kernel_explainer():
    shap = pytest.importorskip("shap")
    observations, background = RNG.normal(size=(3, 5)), RNG.normal(size=(10, 5))
    explainer = shap.KernelExplainer(interacting, background)
    theirs = np.asarray(explainer.shap_values(observations, silent=True, nsamples=2**5))
    np.testing.assert_allclose(exact_shapley(interacting, observations, background), theirs, atol=1e-9)
