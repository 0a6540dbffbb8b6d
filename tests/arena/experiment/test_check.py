import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arena.cli import dry_run as plan
from arena.cli import train
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.errors import ArenaError
from arena.executors.base import Ended
from arena.experiment import compatibility
from arena.experiment.check import check_comparison, check_experiment, check_frameworks, check_pairs
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table, from_toml
from arena.experiment.runner import run_experiment

FAKE = "arena.testing.fakes:FAKE_AGENT"
MINIMAL = {"name": "test", "agents": [FAKE], "envs": ["CartPole-v1"]}


class FailingExecutor:
    """Starts nothing; every run ends at once with an error."""

    def check(self, tasks: Any) -> None:
        """Accepts every task."""

    def execute(self, tasks: Any, on_event: Any, on_end: Any, may_begin: Any) -> None:
        for task in tasks:
            on_end(task, Ended(timed_out=False, exit_code=1))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environments that were made for validation, in order."""
    names: list[str] = []

    def counted(config: EnvConfig) -> Any:
        names.append(config.name)
        return make_env(config)

    monkeypatch.setattr(compatibility, "make_env", counted)
    for module in (train, plan):
        monkeypatch.setattr(module, "make_executor", lambda *_: FailingExecutor())
    monkeypatch.setattr(train, "lasting_executor", lambda *_: contextlib.nullcontext(FailingExecutor()))
    return names


def two_by_two(folder: Path, **changes: Any) -> Experiment:
    agents = [{"agent": FAKE, "name": name} for name in ("a", "b")]
    return from_table({"name": "test", "output": str(folder), "agents": agents, "envs": ["CartPole-v1", "Acrobot-v1"], **changes})


@pytest.mark.parametrize(
    "command",
    [
        check_experiment,
        lambda wanted: run_experiment(wanted, FailingExecutor()),
        lambda wanted: plan.dry_run(wanted, retry_failed=False, mode="json"),
        lambda wanted: train.execute(wanted, mode="quiet", retry_failed=False),
        lambda wanted: train.watch(wanted, mode="quiet", retry_failed=False),
    ],
    ids=["check", "run", "dry run", "arena run", "arena smoke"],
)
def test_each_environment_is_made_once(tmp_path: Path, made: list[str], command: Callable[[Experiment], Any]):
    command(two_by_two(tmp_path, seeds=3))
    assert made == ["CartPole-v1", "Acrobot-v1"]


def test_groups_of_seeds_are_not_checked_again(tmp_path: Path, made: list[str]):
    wanted = two_by_two(tmp_path, seeds="until-decided", **{"until-decided": {"group_size": 2, "max_seeds": 4}})
    train.execute(wanted, mode="quiet", retry_failed=False)
    assert len(list(tmp_path.rglob("result.json"))) == 2 * 2 * 4, "all groups ran"
    assert made == ["CartPole-v1", "Acrobot-v1"]


def test_environments_that_are_known_are_not_made_again(tmp_path: Path, made: list[str]):
    traits = check_experiment(two_by_two(tmp_path, envs=["CartPole-v1"]))
    assert list(traits) == ["CartPole-v1"]
    assert list(check_experiment(two_by_two(tmp_path), traits)) == ["CartPole-v1", "Acrobot-v1"]
    assert made == ["CartPole-v1", "Acrobot-v1"]


def test_an_impossible_pair_is_refused():
    with pytest.raises(ArenaError, match=r"fake takes discrete actions; Pendulum-v1 has box"):
        check_pairs(from_table({**MINIMAL, "envs": ["Pendulum-v1"]}))


CHECK = """
import pathlib, sys
from arena.experiment.check import check_pairs
from arena.experiment.file import from_toml
check_pairs(from_toml(pathlib.Path(sys.argv[1])))
"""


def bundled(path: Path):
    """Marks an experiment whose environments need a package beyond the core, or a process of their own."""
    text = path.read_text()
    marks = [pytest.mark.extra] if "LunarLander" in text else []
    return pytest.param(path, marks=[pytest.mark.extra, pytest.mark.worker] if "phys2d" in text else marks, id=path.stem)


@pytest.mark.parametrize("path", [bundled(path) for path in sorted(Path(__file__).parents[3].glob("configs/*.toml"))])
def test_every_bundled_experiment_is_valid(path: Path):
    if "phys2d" in path.read_text():  # making such an environment imports JAX, which no test may leave behind in this process
        subprocess.check_call([sys.executable, "-c", CHECK, path])
        return
    experiment = from_toml(path)
    check_pairs(experiment)
    assert experiment.name == path.stem


def test_a_missing_framework_is_refused_with_the_command_that_installs_it(monkeypatch):
    experiment = from_table({**MINIMAL, "agents": ["keras-dqn"]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArenaError, match=r"agent 'keras-dqn' needs 'jax', which is not installed: .*\[keras\]'"):
        check_frameworks(list(experiment.runs()))


def test_all_missing_frameworks_are_named_with_one_command_for_all(monkeypatch):
    experiment = from_table({**MINIMAL, "agents": ["keras-dqn", "tfagents-dqn", "keras-ppo"], "seeds": 2})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArenaError) as caught:
        check_frameworks(list(experiment.runs()))
    message = str(caught.value)
    assert message.startswith(
        "agent 'keras-dqn' needs 'jax', agent 'tfagents-dqn' needs 'tensorflow', agent 'keras-ppo' needs 'jax', which are"
    )
    assert message.count("pip install --override") == 1
    assert "[keras,tfagents]'" in message


def test_a_budget_below_one_step_is_refused():
    with pytest.raises(ArenaError, match=r"budget\.env_steps=3 is less than one step of the 4 environments of 'fake'"):
        check_pairs(from_table({**MINIMAL, "budget": {"env_steps": 3}}))


def test_fewer_than_two_agents_cannot_be_compared():
    sequential = from_table({**MINIMAL, "seeds": "until-decided"})
    for check in (check_comparison, check_experiment):
        with pytest.raises(ArenaError, match="give at least two"):
            check(sequential)
