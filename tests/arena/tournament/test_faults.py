import itertools
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError, EnvironmentRaised
from arena.tournament.faults import GuardedPolicy, PolicyFailed, faults_of

OBSERVATIONS = np.zeros((2, 1), np.float32)
BOX = gym.spaces.Box(-1.0, 1.0, (1,))


class Scripted:
    """A policy that gives what it was told to, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def act(self, observations: np.ndarray, *, action_masks: np.ndarray | None = None) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    """A clock on which every call of a policy takes the same time."""

    def __init__(self, seconds: float) -> None:
        self._moments = itertools.count(0.0, seconds)

    def perf_counter(self) -> float:
        return next(self._moments)


def guarded(answer: Any, space: gym.Space[Any], *, observation_space: gym.Space[Any] = BOX, **settings: Any) -> GuardedPolicy:
    return GuardedPolicy(Scripted(answer), observation_space, space, **settings)


def test_actions_of_the_space_pass():
    assert guarded([1, 2], gym.spaces.Discrete(2, start=1)).act(OBSERVATIONS).tolist() == [1, 2]
    assert guarded([[0.5], [9.0]], BOX).act(OBSERVATIONS).tolist() == [[0.5], [9.0]], "environments clip by themselves"


@pytest.mark.parametrize("answer", [[0, 1], [2, 3], [-1, 1]])
def test_a_choice_outside_the_space_is_the_policys_fault(answer: list[int]):
    with pytest.raises(PolicyFailed, match=r"^failed: it chose an action outside Discrete\(2, start=1\)$"):
        guarded(answer, gym.spaces.Discrete(2, start=1)).act(OBSERVATIONS)


@pytest.mark.parametrize("answer", [[[0.0]], [0.0, 0.0], [[0.0], [np.nan]], [[np.inf], [0.0]]])
def test_actions_of_another_shape_or_not_finite_are_the_policys_fault(answer: list[Any]):
    with pytest.raises(PolicyFailed, match=r"^failed: it gave actions of shape .* for 2 observations, or not finite ones$"):
        guarded(answer, BOX).act(OBSERVATIONS)


def test_an_error_of_the_policy_is_told_on_one_line():
    with pytest.raises(PolicyFailed, match=r"^failed: no such input: x$"):
        guarded(ValueError("no such\n  input: x"), BOX).act(OBSERVATIONS)


@pytest.mark.parametrize(("seconds", "in_time"), [(0.2, True), (0.5, False)])
def test_the_time_of_a_call_is_shared_by_its_observations(monkeypatch: pytest.MonkeyPatch, seconds: float, in_time: bool):
    monkeypatch.setattr("arena.tournament.faults.time", Clock(seconds))
    policy = guarded([[0.0], [0.0]], BOX, action_seconds=0.125)
    if in_time:
        assert policy.act(OBSERVATIONS).tolist() == [[0.0], [0.0]]
        return
    with pytest.raises(PolicyFailed, match=r"^time-out: 0\.25 s for an action, 0\.125 allowed$"):
        policy.act(OBSERVATIONS)


def test_an_illegal_choice_is_remembered():
    space = MaskedBox(np.zeros(1), np.ones(1), 2)
    policy = Scripted([2, 1])
    guard = GuardedPolicy(policy, space, gym.spaces.Discrete(2, start=1))
    observations = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]], np.float32)
    guard.act(observations)
    assert not guard.was_illegal
    policy.answer = [1, 1]
    guard.act(observations)
    assert guard.was_illegal
    policy.answer = [2, 1]
    guard.act(observations)
    assert guard.was_illegal, "once is enough"


def test_an_error_of_the_environment_is_nobodys_fault():
    with (
        pytest.raises(ArenaError, match=r"^environment Broken-v0 failed: KeyError: 'x'; the match does not count$"),
        faults_of("Broken-v0"),
    ):
        raise KeyError("x")
    with pytest.raises(PolicyFailed, match=r"^late$"), faults_of("Broken-v0"):
        raise PolicyFailed("late")


def test_an_error_that_says_its_place_is_not_wrapped_in_another():
    raised = EnvironmentRaised("environment Broken-v0 failed at env step 3 of evaluation episode 1: KeyError: 'x'")
    raised.add_note("in line 9")
    with pytest.raises(ArenaError, match=r"^environment Broken-v0 failed at .*; the match does not count") as found, faults_of("Broken-v0"):
        raise raised
    assert found.value.__notes__ == ["in line 9"]


def test_an_environment_that_fails_on_a_forbidden_action_is_not_blamed_alone():
    raised, path = EnvironmentRaised("environment Broken-v0 failed"), Path("p.onnx")
    guard = GuardedPolicy(Scripted([1]), MaskedBox(np.zeros(1), np.ones(1), 2), gym.spaces.Discrete(2))
    guard.act(np.array([[0.0, 1.0, 1.0]], np.float32))
    assert guard.blame(raised, path) is raised
    guard.act(np.array([[0.0, 1.0, 0.0]], np.float32))
    assert str(guard.blame(raised, path)) == "policy p.onnx chose an action that its mask forbids, and environment Broken-v0 failed"
