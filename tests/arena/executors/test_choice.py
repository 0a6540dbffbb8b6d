import dataclasses

import pytest

from arena.errors import ArenaError
from arena.executors import choice
from arena.executors.base import ExecutorConfig
from arena.executors.choice import make_executor
from arena.executors.local import LocalExecutor


@pytest.fixture
def ray_executors(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ExecutorConfig, int]]:
    """Arguments of the Ray executors that were asked for; none is made."""
    made: list[tuple[ExecutorConfig, int]] = []
    monkeypatch.setattr(choice, "RayExecutor", lambda config, num_workers: made.append((config, num_workers)))
    return made


def test_workers_run_on_this_machine_unless_the_config_says_otherwise(ray_executors: list):
    assert isinstance(make_executor(ExecutorConfig()), LocalExecutor)
    assert not ray_executors


def test_ray_gets_its_config_and_the_number_of_workers(ray_executors: list):
    config = ExecutorConfig(kind="ray", address="host:6379", node_losses=1)
    make_executor(config, 5)
    assert ray_executors == [(config, 5)]


@pytest.mark.parametrize("setting", [{"address": "host:6379"}, {"storage": "file:///runs"}, {"node_losses": 0}])
def test_settings_of_ray_are_refused_for_this_machine(setting: dict, ray_executors: list):
    with pytest.raises(ArenaError, match=r"^executor: address, storage and node_losses belong to kind 'ray' \(--executor ray\)$"):
        make_executor(dataclasses.replace(ExecutorConfig(), **setting))
    assert not ray_executors
