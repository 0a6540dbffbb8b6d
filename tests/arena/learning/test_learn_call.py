import numpy as np
import pytest

from arena.errors import BudgetExhausted, TrainingDiverged
from arena.learning.learn_call import LearnCall


def test_the_end_of_the_budget_keeps_what_the_call_has_done() -> None:
    call = LearnCall()
    with call:
        call.env_steps += 8
        call.learner_steps += 2
        call.act_seconds += 0.5
        call.learn_seconds += 0.25
        call.losses = {"td": 0.125}
        raise BudgetExhausted("8 of 10 env steps taken")
    metrics = call.metrics(8)
    assert (metrics.learner_steps, metrics.act_seconds, metrics.learn_seconds) == (2, 0.5, 0.25)
    assert metrics.losses == {"td": 0.125}


def test_a_call_without_an_env_step_passes_the_end_of_the_budget_on() -> None:
    with pytest.raises(BudgetExhausted), LearnCall():
        raise BudgetExhausted("10 of 10 env steps taken")


def test_other_errors_pass() -> None:
    call = LearnCall(env_steps=8)
    with pytest.raises(RuntimeError, match="broken"), call:
        raise RuntimeError("broken")


@pytest.mark.parametrize("loss", [float("nan"), -np.inf])
def test_a_loss_that_is_not_finite_is_named(loss) -> None:
    with pytest.raises(TrainingDiverged, match=f"td is {loss} after 300 env steps"):
        LearnCall(losses={"entropy": 1.0, "td": loss}).metrics(300)
