"""Environments in processes of their own give what they give in the worker, and one that fails, dies or hangs is named."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from processed_env import EVERY_SEED
from processes import command_of

from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.vectorize import make_vec_env, time_limit
from arena.errors import EnvironmentFault, EnvironmentRaised, EnvironmentUnavailable
from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from arena.seeding import reset_seed
from arena.worker import env_workers
from arena.worker.env_workers import EnvWorkers, Patience

TESTS = Path(__file__).parents[2]
SEED_OF_THIRD = reset_seed(np.random.SeedSequence(0), 0, 0) + 2
"""Seed of the third environment's first reset, that of the last one in the second process."""
FAKE = "arena.testing.fakes:FAKE_AGENT"
TIMED = EnvConfig("CartPole-v1", wrappers=(WrapperConfig("gymnasium.wrappers:TimeAwareObservation"),))
"""An environment of which there is no array form."""
pytestmark = pytest.mark.worker


@pytest.fixture(autouse=True)
def _environments_of_tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(TESTS)


def troubled(kind: str, **kwargs: Any) -> EnvConfig:
    return EnvConfig("processed_env:Processed-v0", {"trouble": kind, **kwargs})


@pytest.fixture
def workers() -> Iterator[Callable[..., EnvWorkers]]:
    yield lambda count, **limits: EnvWorkers(count=count, **limits)
    assert not [child for child in psutil.Process().children() if "env_process" in " ".join(command_of(child))], "all were ended"


def history(env: Any, num_steps: int) -> list[Any]:
    """Returns what resets and steps give, all values copied by the environment itself."""
    rng = np.random.default_rng(0)
    found = [env.reset(seed=3)]
    found += [env.step(rng.integers(0, 2, env.num_envs)) for _ in range(num_steps)]
    found += [env.reset(), env.reset(seed=list(range(env.num_envs))), env.step(np.zeros(env.num_envs, np.int64))]
    env.close()
    return found


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = tuple(one.values()), tuple(other.values())
    if isinstance(one, tuple):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(tuple(one), tuple(other))
    elif one is not None:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("mode", "count", "metrics"), [(AutoresetMode.SAME_STEP, 2, ("is_success",)), (AutoresetMode.NEXT_STEP, 7, ("is_success",))]
)
def test_processes_give_what_the_worker_gives(workers, mode: AutoresetMode, count: int, metrics: tuple[str, ...]) -> None:
    wanted = history(workers(0).make(troubled("none"), 3, autoreset_mode=mode, info_metrics=metrics), 25)
    found = history(workers(count).make(troubled("none"), 3, autoreset_mode=mode, info_metrics=metrics), 25)
    for one, other in zip(wanted, found, strict=True):
        assert_same(one, other)
    assert any("final_obs" in result[-1] for result in wanted) == (mode is AutoresetMode.SAME_STEP)


def test_an_environment_with_an_array_form_stays_in_the_worker_and_others_keep_their_limit(workers) -> None:
    env = make_vec_env(EnvConfig("CartPole-v1"), 2, make_single_envs=workers(2).make)
    assert not isinstance(env, SyncVectorEnv)
    assert type(env).__name__ == "CartPoles"
    env.close()
    made = workers(1)
    env = make_vec_env(TIMED, 2, make_single_envs=made.make)
    assert (time_limit(env), env.metadata["autoreset_mode"]) == (500, AutoresetMode.SAME_STEP)
    assert made.cpu_seconds > 0.0
    env.close()


def metered(config: EnvConfig, made: EnvWorkers, num_envs: int = 3) -> Any:
    factory = ArenaEnvFactory(config, Meter(), np.random.SeedSequence(0), make_single_envs=made.make)
    return factory.make_vec(num_envs)


class Still:
    """A policy that always takes action 0."""

    def act(self, observations: Any, *, action_masks: Any = None) -> Any:
        return np.zeros(len(observations), np.int64)


def play_until_fault(env: Any) -> tuple[Exception, float]:
    """Returns what an environment raised, and the seconds that it took."""
    start = time.monotonic()
    try:
        env.reset()
        for _ in range(50):
            env.step(np.zeros(env.num_envs, np.int64))
        env.meter.settle()
    except Exception as error:  # the kind is the test's business
        return error, time.monotonic() - start
    finally:
        env.close()
    raise AssertionError("no fault")


def test_what_an_environment_raises_or_gives_is_told_as_in_the_worker(workers) -> None:
    faults = []
    for count in (0, 2):
        raised, _ = play_until_fault(metered(troubled("raise", seed_of_trouble=SEED_OF_THIRD), workers(count)))
        assert (type(raised), str(raised)) == (ValueError, "no such place")
        faults.append(
            [play_until_fault(metered(troubled(kind, seed_of_trouble=SEED_OF_THIRD), workers(count)))[0] for kind in ("None", "NaN")]
        )
    assert [str(fault) for fault in faults[0]] == [str(fault) for fault in faults[1]]
    assert all(isinstance(fault, EnvironmentFault) for fault in faults[1])
    assert "processed_env.py" in raised.__notes__[0]
    assert 'raise ValueError("no such place") (environment process 2 of 2 in env step 2 of episode 2' in raised.__notes__[0]


def test_in_an_evaluation_too(workers) -> None:
    told = []
    for count in (0, 2):
        with pytest.raises(EnvironmentRaised) as raised:
            evaluate(
                Still(),
                troubled("raise", seed_of_trouble=7, troubled_episode=1),
                num_episodes=3,
                seed=0,
                seeds=[5, 6, 7],
                make_single_envs=workers(count).make,
            )
        told.append(str(raised.value))
        assert "processed_env.py" in raised.value.__notes__[0]
    assert told[0] == told[1]
    assert "failed at env step 2 of evaluation episode 3: ValueError: no such place" in told[0]


def test_a_process_that_dies_or_hangs_is_named_with_its_environment_and_env_step(workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_workers, "BUILD_FACTOR", 100.0)  # for the start of Python on a busy machine
    place = "in env step 2 of episode 2 of environment 3 of 3; "
    fault, _ = play_until_fault(metered(troubled("exit", seed_of_trouble=SEED_OF_THIRD), workers(2)))
    assert str(fault) == f"environment process 2 of 2 has ended with code 3 {place}what it printed is in worker.log"
    fault, _ = play_until_fault(metered(troubled("signal", seed_of_trouble=SEED_OF_THIRD), workers(2)))
    assert str(fault) == f"environment process 2 of 2 was ended by SIGSEGV {place}what it printed is in worker.log"
    fault, seconds = play_until_fault(metered(troubled("hang", seed_of_trouble=SEED_OF_THIRD), workers(2, stall_seconds=10.0)))
    assert str(fault) == f"environment process 2 of 2 has given no answer for 9 s {place}it was ended"
    assert seconds < 60.0


def test_environments_that_hang_together_are_named_before_their_worker_is_ended(workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_workers, "BUILD_FACTOR", 100.0)  # for the start of Python on a busy machine
    env = metered(troubled("hang", seed_of_trouble=EVERY_SEED), workers(3, stall_seconds=10.0))
    fault, seconds = play_until_fault(env)
    assert str(fault).startswith("environment process 1 of 3 has given no answer for 9 s in env step 2 of episode 2 of environment 1 of 3")
    assert seconds < 2 * 9.0, "they were waited for at the same time"


@pytest.mark.parametrize("kind", ["EOFError", "MemoryError"])
def test_an_error_that_could_be_taken_for_the_workers_own_is_told_as_the_environments(workers, kind: str) -> None:
    error, _ = play_until_fault(metered(troubled(kind, seed_of_trouble=SEED_OF_THIRD), workers(2)))
    assert f"{type(error).__name__}: {error}".endswith(f"{kind}: the simulator is gone")


def test_what_ended_processes_took_is_kept_and_they_are_not(workers) -> None:
    made, taken = workers(2), []
    for _ in range(3):
        envs = made.make(troubled("none"), 4)
        envs.reset(seed=0)
        envs.close()
        taken.append(made.cpu_seconds)
    assert taken == sorted(taken)
    assert taken[0] < taken[-1]


def test_the_time_in_which_a_process_was_stopped_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 5_000.0, 5_001.0])
    monkeypatch.setattr(env_workers.time, "monotonic", lambda: next(moments))
    answers = iter([False, False, True])
    connection = SimpleNamespace(poll=lambda _: next(answers))
    assert Patience().wait(connection, 540.0)


def test_an_environment_that_cannot_be_made_is_unavailable_as_in_the_worker(workers) -> None:
    with pytest.raises(EnvironmentUnavailable, match="cannot be made: Address already in use"):
        workers(2).make(troubled("unavailable"), 3)


def run(folder: Path, **changes: Any) -> RunResult:
    table = {"name": "test", "output": str(folder), "agents": [FAKE], "budget": {"env_steps": 400}, "checkpoint_period": 100}
    env = {"id": "processed_env:Processed-v0", "kwargs": {"trouble": "none"}}
    evaluation = {"period": 200, "episodes": 2, "final_episodes": 3, "info_metrics": ["is_success"]}
    wanted = from_table({**table, "envs": [env], "evaluation": evaluation, **changes})
    [result] = run_experiment(wanted, LocalExecutor(1), retry_failed=True)
    return result


def test_a_run_with_processes_is_the_run_without_them_even_when_it_is_killed_and_resumed(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain")
    whole = run(tmp_path / "whole", resources={"env_workers": 2})
    once = str(tmp_path / "once")  # the first of its kind that is made kills its worker's process
    killed = {"id": "processed_env:Processed-v0", "kwargs": {"trouble": "kill parent", "once": once}, "name": "killed"}
    first = run(tmp_path / "killed", envs=[killed], resources={"env_workers": 2})
    again = run(tmp_path / "killed", envs=[killed], resources={"env_workers": 2})
    assert (plain.status, whole.status, again.status) == ("finished", "finished", "finished")
    assert (first.status, again.num_attempts) == ("killed", 2)
    for result in (whole, again):
        one, other = RunRecord(Path(plain.path)), RunRecord(Path(result.path))
        assert one.episodes == other.episodes
        evaluations = [[dataclasses.replace(each, train_seconds=0.0) for each in record.evaluations] for record in (one, other)]
        assert evaluations[0] == evaluations[1]
        policies = [OnnxPolicy(Path(each.path) / "policy.onnx") for each in (plain, result)]
        observations = np.random.default_rng(0).uniform(-1.0, 1.0, (8, 3)).astype(np.float32)
        np.testing.assert_array_equal(*(policy.scores(observations) for policy in policies))
    assert whole.cpu_seconds > plain.cpu_seconds, "the processes' time is counted"
