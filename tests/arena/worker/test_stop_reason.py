"""Reasons why training stopped, in words."""

import pytest

from arena.run_folder.inputs import Budget
from arena.worker.stop_reason import StopReason


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (StopReason.ENV_STEPS, "12,000 env steps"),
        (StopReason.SECONDS, "0.5 seconds of training"),
        (StopReason.TARGET, "a return of 475 held over 20 episodes"),
    ],
)
def test_a_reason_names_the_part_of_the_budget_with_its_number(reason: StopReason, sentence: str):
    assert reason.sentence(Budget(env_steps=12_000, seconds=0.5, target_return=475.0, target_episodes=20)) == sentence
