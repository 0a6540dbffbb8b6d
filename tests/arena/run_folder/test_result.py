import pytest

from arena.run_folder.result import RunResult
from arena.run_folder.timings import Timings


def result(**fields) -> RunResult:
    return RunResult(**{"status": "finished", "agent": "a", "env": "CartPole-v1", "seed": 2, "path": "", **fields})


@pytest.mark.parametrize(("seconds", "expected"), [(Timings(train=4.0, env=3.0), 250.0), (Timings(), None)])
def test_speed_is_known_once_something_was_trained(seconds: Timings, expected: float | None):
    assert result(env_steps=1_000, seconds=seconds).env_steps_per_second == expected


def test_a_result_names_its_run():
    assert result().run_name == "a/CartPole-v1/seed-2"
