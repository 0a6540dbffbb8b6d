"""The loop of a run: what happens when, on fakes that only write down what they were asked."""

from types import SimpleNamespace

import pytest

from arena.agent.interface import Metrics
from arena.errors import BudgetExhausted
from arena.run_folder.inputs import Budget
from arena.worker.loop import train
from arena.worker.period import Period
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason


class Journal:
    """All parts of a run in one: counts env steps in chunks of `chunk`, and writes down every call with the env steps at that moment."""

    def __init__(self, *, chunk: int = 1, capacity: int | None = None, holds_target_at: int | None = None) -> None:
        self.env_steps, self.chunk, self.capacity, self.holds_target_at = 0, chunk, capacity, holds_target_at
        self.asked: list[int] = []
        self.calls: list[tuple[str, int]] = []
        self.state = TrainingState()

    def settle(self) -> None:
        """Finds no fault of the environment."""

    def note(self, call: str) -> None:
        self.calls.append((call, self.env_steps))

    def learn(self, num_steps: int) -> Metrics:
        self.asked.append(num_steps)
        taken = -(-num_steps // self.chunk) * self.chunk
        if self.capacity is not None and self.env_steps + taken > self.capacity:
            raise BudgetExhausted
        self.env_steps += taken
        return Metrics(learner_steps=1)

    def evaluate(self) -> bool:
        self.note("evaluate")
        return self.holds_target_at is not None and self.env_steps >= self.holds_target_at

    def write_checkpoint(self, lengths: str) -> None:
        assert lengths == "lengths"
        self.note("checkpoint")

    def train(self, budget: Budget, *, evaluation: int = 100, log: int = 50, checkpoint: int = 200) -> StopReason:
        selector = SimpleNamespace(period=Period(evaluation), evaluate=self.evaluate)
        checkpointer = SimpleNamespace(period=Period(checkpoint), write=self.write_checkpoint)
        run_log = SimpleNamespace(
            period=Period(log), add=lambda metrics: None, write_point=lambda: self.note("log"), sync=lambda: "lengths"
        )
        return train(budget, self, self, self.state, selector, run_log, checkpointer)

    def moments(self, call: str) -> list[int]:
        return [env_steps for name, env_steps in self.calls if name == call]


def test_everything_happens_at_its_own_period_and_at_the_end():
    journal = Journal()
    assert journal.train(Budget(env_steps=430)) is StopReason.ENV_STEPS
    assert journal.moments("log") == [50, 100, 150, 200, 250, 300, 350, 400, 430]
    assert journal.moments("evaluate") == [100, 200, 300, 400, 430]
    assert journal.moments("checkpoint") == [200, 400, 430]
    assert journal.asked == [50] * 8 + [30], "the agent is asked for no more than the way to the next moment"
    assert journal.state.learner_steps == 9
    assert journal.state.timings.train > 0.0


def test_the_order_is_evaluate_then_log_then_checkpoint():
    journal = Journal()
    journal.train(Budget(env_steps=200))
    assert [call for call, env_steps in journal.calls if env_steps == 200] == ["evaluate", "log", "checkpoint"]


def test_an_agent_that_takes_more_steps_than_asked_passes_moments_without_doubling_them():
    journal = Journal(chunk=128)
    journal.train(Budget(env_steps=600), evaluation=100, log=300, checkpoint=300)
    assert journal.moments("evaluate") == [128, 256, 384, 512, 640]
    assert journal.moments("checkpoint") == journal.moments("log") == [384, 640]


def test_a_checkpoint_between_two_points_of_the_curves_writes_a_point_first():
    journal = Journal()
    journal.train(Budget(env_steps=100), log=1_000, checkpoint=60, evaluation=1_000)
    assert journal.calls == [("log", 60), ("checkpoint", 60), ("evaluate", 100), ("log", 100), ("checkpoint", 100)]


def test_environments_that_refuse_a_step_end_training_as_the_budget_does():
    journal = Journal(chunk=7, capacity=99)
    assert journal.train(Budget(env_steps=100)) is StopReason.ENV_STEPS
    assert journal.calls[-3:] == [("evaluate", 56), ("log", 56), ("checkpoint", 56)]
    assert journal.state.learner_steps == 1, "a call that was refused did nothing"


def test_wall_seconds_end_training():
    journal = Journal()
    journal.state.timings.train = 5.0
    assert journal.train(Budget(env_steps=1_000, seconds=5.0)) is StopReason.SECONDS
    assert journal.env_steps == 50


def test_a_held_target_ends_training_and_is_the_reason_even_at_the_end_of_the_budget():
    early, late = Journal(holds_target_at=200), Journal(holds_target_at=300)
    assert early.train(Budget(env_steps=300, target_return=1.0)) is StopReason.TARGET
    assert early.calls[-1] == ("checkpoint", 200)
    assert late.train(Budget(env_steps=300, target_return=1.0)) is StopReason.TARGET


def test_a_run_that_resumes_after_its_end_does_not_train():
    journal = Journal()
    journal.state.stop_reason = StopReason.SECONDS
    assert journal.train(Budget(env_steps=1_000)) is StopReason.SECONDS
    assert journal.asked == journal.calls == []


def test_a_run_that_resumes_does_what_it_would_have_done():
    straight, resumed = Journal(), Journal()
    straight.train(Budget(env_steps=500))
    resumed.env_steps = 200
    resumed.train(Budget(env_steps=500))
    assert resumed.calls == [call for call in straight.calls if call[1] > 200]


def test_what_the_agent_raises_is_passed_on():
    journal = Journal()
    journal.learn = lambda num_steps: 1 / 0
    with pytest.raises(ZeroDivisionError):
        journal.train(Budget(env_steps=500))
