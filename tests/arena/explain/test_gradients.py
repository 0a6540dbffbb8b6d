from types import SimpleNamespace

import numpy as np
import pytest
from question_server import ask

from arena.explain.gradients import integrated_gradients

RNG = np.random.default_rng(0)
KERNEL, LAST = RNG.normal(size=(4, 8)).astype(np.float32), RNG.normal(size=(8, 2)).astype(np.float32)
OBSERVATIONS, BASELINE = RNG.normal(size=(5, 4)).astype(np.float32), RNG.normal(size=4).astype(np.float32)


def network(rows: np.ndarray) -> np.ndarray:
    return np.tanh(rows.astype(np.float32) @ KERNEL) @ LAST


def test_linear_scores_give_each_feature_its_share():
    found, off = integrated_gradients(lambda rows: rows @ KERNEL[:, :2], OBSERVATIONS, BASELINE, np.ones(4))
    np.testing.assert_allclose(found, (OBSERVATIONS - BASELINE)[:, :, None] * KERNEL[:, :2], rtol=1e-3, atol=1e-4)
    assert off < 1e-4


def test_the_sums_are_the_differences_of_scores():
    found, off = integrated_gradients(network, OBSERVATIONS, BASELINE, np.ones(4))
    np.testing.assert_allclose(found.sum(1), network(OBSERVATIONS) - network(BASELINE[None]), atol=5e-3)
    assert 0.0 < off < 2e-3


def test_a_jump_that_gradients_do_not_see_is_told():
    _, off = integrated_gradients(lambda rows: (rows[:, :1] > 100.0) + 0.0 * rows[:, :1], np.full((1, 4), 200.0), np.zeros(4), np.ones(4))
    assert off > 0.5


@pytest.mark.framework
def test_the_values_are_captums(tmp_path):

    spec = SimpleNamespace(process_env_for=lambda _: {}, modules_for=lambda _: frozenset({"torch"}))
    theirs = np.array(ask(captum_values, spec=spec))
    found, _ = integrated_gradients(network, OBSERVATIONS, BASELINE, np.ones(4))
    np.testing.assert_allclose(found, theirs, rtol=1e-2, atol=2e-3)


def captum_values() -> list:
    import torch
    from captum.attr import IntegratedGradients

    explained = IntegratedGradients(lambda x: torch.tanh(x @ torch.as_tensor(KERNEL)) @ torch.as_tensor(LAST))
    rows, baseline = torch.as_tensor(OBSERVATIONS), torch.as_tensor(BASELINE)[None]
    values = [explained.attribute(rows, baseline, target=target, n_steps=64).numpy() for target in (0, 1)]
    return np.stack(values, axis=-1).tolist()
