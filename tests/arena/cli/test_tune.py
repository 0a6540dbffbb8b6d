"""`arena tune`, with an executor that starts nothing."""

from pathlib import Path
from typing import Any

import pytest

from arena.cli import tune as command
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.executors.base import Ended
from arena.experiment import compatibility

pytestmark = pytest.mark.extra

FILE = """
name = "search"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = ["CartPole-v1", "Acrobot-v1"]
seeds = 2
[budget]
env_steps = 1000
[tune]
trials = 3
[tune.space.q-learning]
epsilon = { low = 0.0, high = 1.0 }
"""


class FailingExecutor:
    """Starts nothing; every run ends at once with an error."""

    def check(self, tasks: Any) -> None:
        """Accepts every task."""

    def execute(self, tasks: Any, on_event: Any, on_end: Any) -> None:
        for task in tasks:
            on_end(task, Ended(timed_out=False, exit_code=1))


def test_a_search_makes_each_environment_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    made: list[str] = []

    def counted(config: EnvConfig) -> Any:
        made.append(config.name)
        return make_env(config)

    monkeypatch.setattr(compatibility, "make_env", counted)
    monkeypatch.setattr(command, "make_executor", lambda *_: FailingExecutor())
    file = tmp_path / "search.toml"
    file.write_text(FILE)
    assert command.tune(file, {"output": tmp_path / "logs"}, None, mode="plain") == 1, "no trial finished"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"fake trial-000{number} of 3" for number in range(3)]
    assert made == ["CartPole-v1", "Acrobot-v1"]
