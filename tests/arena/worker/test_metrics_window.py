"""Rates and shares between two points of the curves."""

from types import SimpleNamespace

import pytest

from arena.agent.interface import Metrics
from arena.loggers import tags
from arena.run_folder.timings import Timings
from arena.worker.metrics_window import MetricsWindow


def test_a_window_counts_from_its_own_beginning():
    meter, timings = SimpleNamespace(env_steps=1_000, env_seconds=5.0), Timings(train=20.0)
    window = MetricsWindow(meter, timings)
    window.add(Metrics(learner_steps=10, act_seconds=0.5, learn_seconds=1.0, losses={"td": 2.0}))
    window.add(Metrics(learner_steps=30, losses={}))
    meter.env_steps, meter.env_seconds, timings.train = 1_400, 5.8, 24.0
    assert window.scalars() == pytest.approx(
        {
            tags.ENV_STEPS_PER_SECOND: 100.0,
            tags.LEARNER_STEPS_PER_SECOND: 10.0,
            tags.ENV_FRACTION: 0.2,
            tags.ACT_FRACTION: 0.125,
            tags.LEARN_FRACTION: 0.25,
            tags.OTHER_FRACTION: 0.425,
            "loss/td": 2.0,
        }
    )
    window.restart()
    timings.train = 25.0
    after = window.scalars()
    assert (after[tags.ENV_STEPS_PER_SECOND], after[tags.LEARNER_STEPS_PER_SECOND]) == (0.0, 0.0)
    assert "loss/td" not in after


def test_a_window_without_time_has_finite_rates():
    window = MetricsWindow(SimpleNamespace(env_steps=0, env_seconds=0.0), Timings())
    assert window.scalars()[tags.ENV_STEPS_PER_SECOND] == 0.0
