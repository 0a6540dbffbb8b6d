import numpy as np
import pytest
from scipy import optimize

from arena.rating.likelihood import DavidsonLikelihood
from arena.rating.matches import Matches

NUM_PLAYERS = 5


def likelihood(*, tie_ratio: float = 0.5, seated: bool = True, seed: int = 0) -> DavidsonLikelihood:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, NUM_PLAYERS, 80)
    second = (first + rng.integers(1, NUM_PLAYERS, 80)) % NUM_PLAYERS
    points = rng.choice([1.0, 0.5, 0.0] if tie_ratio else [1.0, 0.0], 80)
    return DavidsonLikelihood(Matches(first, second, points, seated=seated), NUM_PLAYERS, prior_std=2.0)


@pytest.fixture
def parameters() -> np.ndarray:
    return np.random.default_rng(1).normal(0.0, 0.5, NUM_PLAYERS + 2)


@pytest.mark.parametrize("tie_ratio", [0.0, 0.5])
def test_win_tie_and_loss_are_in_davidsons_ratio(tie_ratio, parameters):
    win, tie, loss = (np.exp(log) for log in likelihood(tie_ratio=tie_ratio).log_probabilities(parameters))
    assert win + tie + loss == pytest.approx(np.ones(len(win)))
    if tie_ratio:
        assert tie**2 / (win * loss) == pytest.approx(np.full(len(win), np.exp(2 * parameters[-1])))
    else:
        assert (tie == 0).all()


def test_the_gradient_is_that_of_the_value(parameters):
    data = likelihood()

    def value(at: np.ndarray) -> float:
        return data.value(at, data.log_probabilities(at))

    expected = optimize.approx_fprime(parameters, value, 1e-6)
    assert data.gradient(parameters, data.log_probabilities(parameters)) == pytest.approx(expected, abs=1e-3)


def test_the_information_is_minus_the_derivative_of_the_gradient(parameters):
    data = likelihood()
    step = 1e-6 * np.eye(NUM_PLAYERS + 2)
    columns = [
        (
            data.gradient(parameters - row, data.log_probabilities(parameters - row))
            - data.gradient(parameters + row, data.log_probabilities(parameters + row))
        )
        / 2e-6
        for row in step
    ]
    assert data.information(data.log_probabilities(parameters)) == pytest.approx(np.array(columns), abs=1e-4)


def test_a_newton_step_is_the_same_dense_and_by_products(parameters):
    data = likelihood()
    logs = data.log_probabilities(parameters)
    gradient = data.gradient(parameters, logs)
    dense, sparse = (data.newton_step(logs, gradient, dense=way) for way in (True, False))
    assert sparse == pytest.approx(dense, rel=0.01, abs=1e-3)


def test_strengths_far_apart_do_not_overflow():
    parameters = np.array([2_000.0, -2_000.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    with np.errstate(over="raise", invalid="raise"):
        logs = likelihood().log_probabilities(parameters)
    assert all((log <= 0).all() for log in logs)
