"""The state of a run's training."""

from arena.agent.interface import Metrics
from arena.worker.state import TrainingState


def test_what_an_agent_did_is_added_up():
    state = TrainingState()
    for _ in range(2):
        state.add(Metrics(learner_steps=3, act_seconds=0.5, learn_seconds=0.25))
    assert (state.learner_steps, state.timings.act, state.timings.learn) == (6, 1.0, 0.5)


def test_cpu_seconds_go_on_from_those_of_earlier_processes():
    state = TrainingState(earlier_cpu_seconds=100.0)
    assert 100.0 < state.cpu_seconds < 100.0 + 3_600.0
