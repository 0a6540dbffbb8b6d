"""The processes that tests ask questions: what they answer, and what one question's fate means for the next."""

import os
import sys
import warnings

import pytest
import question_server
from question_server import QuestionFailed, ask

from arena.agent.isolation import is_hidden
from arena.testing import FAKE_AGENT

pytestmark = pytest.mark.worker


def pid_and_sum(*numbers):
    return os.getpid(), sum(numbers)


def print_and_fail(word):
    print(word)
    assert word == "right", f"{word} is wrong"


def end(code):
    print("last words", flush=True)
    os._exit(code)


def wait():
    import threading

    threading.Event().wait()


def facts():
    return os.environ["OMP_NUM_THREADS"], os.environ.get("COLOUR"), is_hidden("torch"), "torch" in sys.modules


def warn():
    warnings.warn("beware", stacklevel=1)


def test_questions_with_one_setting_go_to_one_process_and_fresh_ones_do_not():
    first, total = ask(pid_and_sum, 1, 2, spec=FAKE_AGENT)
    assert total == 3
    assert ask(pid_and_sum, 4, spec=FAKE_AGENT) == [first, 4]
    others = [ask(pid_and_sum, spec=FAKE_AGENT, **options)[0] for options in ({"fresh": True}, {"variables": {"COLOUR": "red"}})]
    assert len({first, os.getpid(), *others}) == 4
    assert ask(pid_and_sum, spec=FAKE_AGENT)[0] == first


def test_other_questions_share_a_process_of_their_own():
    first, second = (ask(pid_and_sum, spec=FAKE_AGENT, other=other)[0] for other in (False, True))
    assert first != second
    assert [ask(pid_and_sum, spec=FAKE_AGENT, other=other)[0] for other in (True, False)] == [second, first]


def test_a_process_is_set_up_as_a_workers_is():
    assert ask(facts, spec=FAKE_AGENT, variables={"COLOUR": "red"}) == ["1", "red", True, False]


def test_a_failure_has_its_traceback_and_its_own_output_and_the_process_lives_on():
    pid, _ = ask(pid_and_sum, spec=FAKE_AGENT)
    with pytest.raises(QuestionFailed) as first:
        ask(print_and_fail, "wrong", spec=FAKE_AGENT)
    assert "in print_and_fail" in str(first.value)
    assert "wrong is wrong" in str(first.value)
    with pytest.raises(QuestionFailed, match="other is wrong") as second:
        ask(print_and_fail, "other", spec=FAKE_AGENT)
    assert "wrong is wrong" not in str(second.value)
    assert ask(pid_and_sum, spec=FAKE_AGENT)[0] == pid


def test_a_process_that_dies_fails_one_question_alone():
    pid, _ = ask(pid_and_sum, spec=FAKE_AGENT)
    with pytest.raises(QuestionFailed, match=r"ended with code 7\nlast words"):
        ask(end, 7, spec=FAKE_AGENT)
    assert ask(pid_and_sum, spec=FAKE_AGENT)[0] != pid


def test_a_question_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(question_server, "HANG_SECONDS", 0.2)
    with pytest.raises(QuestionFailed, match=r"no answer in 0\.2 seconds"):
        ask(wait, spec=FAKE_AGENT)
    monkeypatch.undo()
    assert ask(pid_and_sum, 5, spec=FAKE_AGENT)[1] == 5


def test_warnings_and_output_fail_where_they_are_to():
    ask(warn, spec=FAKE_AGENT)
    with pytest.raises(QuestionFailed, match="UserWarning: beware"):
        ask(warn, spec=FAKE_AGENT, strict=True)
    ask(print_and_fail, "right", spec=FAKE_AGENT)
    with pytest.raises(QuestionFailed, match=r"printed something\nright"):
        ask(print_and_fail, "right", spec=FAKE_AGENT, silent=True)


def test_few_processes_live_at_a_time():
    pids = [ask(pid_and_sum, spec=FAKE_AGENT, variables={"COLOUR": str(number)})[0] for number in range(question_server.MAX_PROCESSES + 1)]
    assert ask(pid_and_sum, spec=FAKE_AGENT, variables={"COLOUR": "0"})[0] not in pids
