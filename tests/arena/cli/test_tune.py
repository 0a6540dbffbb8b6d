"""`arena tune`, with an executor that starts nothing."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from arena.cli import tune as command
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.errors import ArenaError
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

    def execute(self, tasks: Any, on_event: Any, on_end: Any, may_begin: Any) -> None:
        for task in tasks:
            on_end(task, Ended(timed_out=False, exit_code=1))


def test_a_search_makes_each_environment_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    made: list[str] = []

    def counted(config: EnvConfig) -> Any:
        made.append(config.name)
        return make_env(config)

    monkeypatch.setattr(compatibility, "make_env", counted)
    monkeypatch.setattr(command, "lasting_executor", lambda *_: contextlib.nullcontext(FailingExecutor()))
    file = tmp_path / "search.toml"
    file.write_text(FILE)
    assert command.tune(command.of_file(file), {"output": tmp_path / "logs"}, None, mode="plain") == 1, "no trial finished"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"fake trial-000{number} of 3" for number in range(3)]
    assert made == ["CartPole-v1", "Acrobot-v1"]


def test_an_agent_and_an_environment_are_searched_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "lasting_executor", lambda *_: contextlib.nullcontext(FailingExecutor()))
    search = command.of_pair("keras-sac", "Pendulum-v1", env_steps=1_000, num_seeds=1)
    assert command.tune(search, {"output": tmp_path}, 2, mode="plain") == 1, "no trial finished"
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("keras-sac trial-0000 of 2")
    assert "target_update_tau=" in second
    assert "`arena tune keras-sac Pendulum-v1`" in (tmp_path / "tune-keras-sac-Pendulum-v1" / "best.toml").read_text()


@pytest.mark.parametrize("trap", ["link to a file", "link to a folder", "dangling link", "pipe", "hard link"])
@pytest.mark.parametrize("name", ["tune.db", "tune.db-journal", "tune.db-wal", ".lock", "best.toml", "fake"])
def test_nothing_outside_of_a_search_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lay_trap, name: str, trap: str):
    if trap == "hard link" and not name.startswith("tune.db"):
        return  # replaced by another file, locked but not written, or in the way of a folder
    (tmp_path / "search.toml").write_text(FILE)
    monkeypatch.setattr(command, "make_executor", lambda config, workers: FailingExecutor())
    path = lay_trap(tmp_path / "logs" / "search" / name, trap)
    with pytest.raises(ArenaError, match=rf"{path.name} (is|has) |cannot write the lock|cannot make"):
        command.tune(command.of_file(tmp_path / "search.toml"), {"output": tmp_path / "logs"}, None, mode="quiet")


def test_a_torn_database_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "search.toml").write_text(FILE)
    monkeypatch.setattr(command, "make_executor", lambda config, workers: FailingExecutor())
    (tmp_path / "logs" / "search").mkdir(parents=True)
    (tmp_path / "logs" / "search" / "tune.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(ArenaError, match=r"tune\.db holds no search"):
        command.tune(command.of_file(tmp_path / "search.toml"), {"output": tmp_path / "logs"}, None, mode="quiet")
