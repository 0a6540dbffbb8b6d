"""The scripts' own set-up of the project's environments."""

import sys
import tomllib
from pathlib import Path

import pytest

import demo
import setup_env
from arena.experiment.file import from_toml


def test_a_linked_environment_is_never_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".venv").symlink_to(elsewhere)
    lock = tmp_path / "lock.txt"
    lock.write_text("")
    installed = []
    monkeypatch.setattr(setup_env, "_install", installed.append)
    with pytest.raises(SystemExit, match="is a link"):
        setup_env.enter(setup_env.Environment(tmp_path / ".venv", (lock,), ""))
    assert not installed
    assert not list(elsewhere.iterdir())


def test_inside_a_linked_environment_that_is_ready_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "bin").mkdir(parents=True)
    (elsewhere / "bin" / "python").touch()
    (tmp_path / ".venv").symlink_to(elsewhere)
    lock = tmp_path / "lock.txt"
    lock.write_text("")
    environment = setup_env.Environment(tmp_path / ".venv", (lock,), "")
    environment.stamp.write_text(environment.fingerprint())
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(setup_env.os, "execve", lambda *_: pytest.fail("started itself again"))
    setup_env.enter(environment)


def test_some_frameworks_are_set_up_alone_and_in_an_environment_with_all_nothing_is_left_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    full = setup_env.Environment(tmp_path / ".venv", setup_env.FULL.locks, "")
    monkeypatch.setattr(setup_env, "FULL", full)
    wanted = setup_env.with_frameworks(["tfagents", "keras"])
    assert [lock.name for lock in wanted.locks] == ["keras.txt", "tfagents.txt"]
    assert wanted == setup_env.with_frameworks(["keras", "tfagents"]), "the order does not matter"
    some = setup_env.Environment(full.folder, wanted.locks, "")
    assert not some.is_ready()
    (full.folder / "bin").mkdir(parents=True)
    some.python.touch()
    some.stamp.write_text(some.fingerprint())
    assert some.is_ready()
    assert not full.is_ready()
    full.stamp.write_text(full.fingerprint())
    assert some.is_ready(), "all frameworks are enough"


@pytest.mark.parametrize("names", [["jax"], ["keras", "torch"], [""], []])
def test_a_framework_that_cannot_be_set_up_alone_is_refused_with_those_that_can(names: list[str]):
    with pytest.raises(SystemExit, match="there are keras, tfagents, kerasrl, rllib"):
        setup_env.with_frameworks(names)


def test_the_locks_of_frameworks_have_the_versions_and_the_hashes_of_the_whole():
    whole = pinned(setup_env.REQUIREMENTS / "all.txt")
    for name in setup_env.FRAMEWORKS:
        lock = pinned(setup_env.REQUIREMENTS / f"{name}.txt")
        assert lock
        assert {requirement: whole.get(requirement) for requirement in lock} == lock


def test_the_small_set_of_rllib_lacks_what_its_overrides_name_and_nothing_else():
    lines = (setup_env.REQUIREMENTS / "rllib-cpu-overrides.txt").read_text().splitlines()
    left_out = {line.partition(" ;")[0] for line in lines if not line.startswith("#")}
    whole, small = (pinned(setup_env.REQUIREMENTS / f"{name}.txt") for name in ("rllib", "rllib-cpu"))
    assert {requirement.partition("==")[0] for requirement in whole.keys() - small.keys()} == left_out
    assert small.keys() <= whole.keys()
    assert len(left_out) == 4


@pytest.mark.parametrize("names", [["rllib", "rllib-cpu"], ["rllib-cpu", "keras", "rllib"]])
def test_a_framework_is_not_set_up_beside_a_part_of_itself(names: list[str]):
    with pytest.raises(SystemExit, match="name one of them"):
        setup_env.with_frameworks(names)


def pinned(lock: Path) -> dict[str, frozenset[str]]:
    """Returns requirement -> hashes."""
    found: dict[str, set[str]] = {}
    requirement = ""
    for line in lock.read_text().splitlines():
        if line.startswith("    --hash="):
            found[requirement].add(line.strip(" \\"))
        else:
            requirement = line.strip(" \\").partition(" ;")[0]
            found[requirement] = set()
    return {name: frozenset(hashes) for name, hashes in found.items()}


def test_the_demo_of_some_frameworks_is_the_demo_with_their_agents(tmp_path: Path):
    experiment = from_toml(demo.demo_of(["keras", "kerasrl"], tmp_path))
    assert [agent.name for agent in experiment.agents] == ["keras-ppo", "kerasrl-dqn"]
    assert experiment.name == "demo-keras-kerasrl"
    whole = {agent.name: agent for agent in from_toml(demo.DEMO).agents}
    assert all(whole[agent.name] == agent for agent in experiment.agents), "with the same settings"
    assert {agent.partition("-")[0] for agent in whole} == {name.partition("-")[0] for name in setup_env.FRAMEWORKS}
    small = from_toml(demo.demo_of(["rllib-cpu"], tmp_path))
    assert [agent.name for agent in small.agents] == ["rllib-ppo"]


@pytest.mark.parametrize("name", ["all", "core", *setup_env.FRAMEWORKS])
def test_every_lock_that_is_set_up_has_what_installs_the_project_itself(name):
    """The project is installed without build isolation, so its build tool must be there."""
    (tool,) = tomllib.loads((setup_env.ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert f"\n{tool} \\\n" in "\n" + (setup_env.REQUIREMENTS / f"{name}.txt").read_text()
