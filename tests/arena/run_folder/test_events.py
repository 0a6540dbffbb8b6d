"""Worker events: their one way into JSON and back."""

import pytest

from arena.run_folder.events import EvaluationEnded, PhaseBegan, ProgressMade, WorkerEvent, event_line, parse_event, update_of

EVENTS = [
    PhaseBegan(phase="importing"),
    PhaseBegan(phase="restarting", message="lost its node"),
    EvaluationEnded(kind="selection", env_steps=1_000, episode_return_mean=12.5),
    ProgressMade(env_steps=500, env_steps_per_second=250.0, last_return=3.0, best_evaluation=None),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_comes_back_from_its_line(event: WorkerEvent):
    line = event_line(event)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert parse_event(line.encode()) == event


def test_the_lines_are_those_that_other_programs_read():
    assert event_line(EVENTS[0]) == '{"event":"phase","phase":"importing"}\n'
    assert event_line(EVENTS[2]) == '{"event":"evaluation","kind":"selection","env_steps":1000,"episode_return_mean":12.5}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"3",
        b"[]",
        b"\xff",
        b'{"a": 1}',
        b'{"event": []}',
        b'{"event": "other"}',
        b'{"event": "phase"}',
        b'{"event": "phase", "phase": "building", "more": 1}',
    ],
)
def test_what_a_framework_prints_is_not_an_event(line: bytes):
    assert parse_event(line) is None


def test_a_view_is_told_what_an_event_changes():
    phase, restart, evaluation, progress = (update_of(event, 1_000) for event in EVENTS)
    assert phase == {"status": "importing", "max_env_steps": 1_000}
    assert restart["message"] == "lost its node"
    assert evaluation == {"message": "selection evaluation after 1,000 env steps: 12.5"}
    assert (progress["status"], progress["env_steps"], progress["seconds_left"]) == ("training", 500, 2.0)
    assert update_of(ProgressMade(env_steps=1), 1_000)["seconds_left"] is None
