import sys

import gymnasium as gym
import pytest

from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.user_modules import full_id, import_modules, newest_version
from arena.errors import ArenaError
from arena.experiment.file import from_table


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """Name of a module of the user's own, which registers one environment of its own and one of Gymnasium's under another id."""
    name = "envs_of_" + "".join(filter(str.isalnum, request.node.name))  # a process imports each module once
    (tmp_path / f"{name}.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control.cartpole import CartPoleEnv\n"
        "class Mine(CartPoleEnv):\n    pass\n"
        "gymnasium.register('MineOfATest-v0', entry_point=Mine, max_episode_steps=9)\n"
        "gymnasium.register('MineOfATest-v2', entry_point=Mine, max_episode_steps=9)\n"
        "gymnasium.register('OtherOfATest-v0', entry_point='gymnasium.envs.classic_control.cartpole:CartPoleEnv')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)
    for env_id in ("MineOfATest-v0", "MineOfATest-v2", "OtherOfATest-v0"):
        gym.registry.pop(env_id, None)


def table(envs, **more):
    return {"agents": ["random"], "envs": envs, **more}


def test_environments_of_a_named_module_carry_it_in_their_id(module) -> None:
    named = ["MineOfATest-v0", "MineOfATest", "OtherOfATest-v0", "CartPole-v1", {"id": "MineOfATest-v0", "name": "mine"}]
    experiment = from_table(table(named[:1] + named[2:], modules=[module]))
    assert [env.id for env in experiment.envs] == [
        f"{module}:MineOfATest-v0",
        f"{module}:OtherOfATest-v0",
        "CartPole-v1",
        f"{module}:MineOfATest-v0",
    ]
    assert [env.name for env in experiment.envs][-1] == "mine"
    assert next(experiment.pairs()).code_names() == (f"{module}:MineOfATest-v0",)
    assert full_id("MineOfATest", [module]) == f"{module}:MineOfATest-v2"
    assert make_env(EnvConfig(full_id("MineOfATest", [module]))).spec.max_episode_steps == 9


def test_a_module_that_is_imported_already_is_known_by_its_classes(module) -> None:
    __import__(module)
    import_modules([module])
    assert full_id("MineOfATest-v0", [module]) == f"{module}:MineOfATest-v0"


def test_a_module_that_cannot_be_imported_is_named_with_the_remedy() -> None:
    remedy = r"\(install no_such_module_of_a_test, or add its folder to PYTHONPATH\)"
    with pytest.raises(ArenaError, match=rf"modules: 'no_such_module_of_a_test' cannot be imported: .*{remedy}"):
        from_table(table(["CartPole-v1"], modules=["no_such_module_of_a_test"]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("CartPole", "CartPole-v1"),
        ("CartPole-v0", "CartPole-v0"),
        ("arena/TicTacToe", "arena/TicTacToe-v0"),
        ("HalfCheetah", "HalfCheetah-v5"),
        ("Cart", "Cart"),
        ("connect_four_v3", "connect_four_v3"),
    ],
)
def test_an_id_without_a_version_is_the_newest(given, expected) -> None:
    assert newest_version(given) == expected
    assert from_table(table([given])).envs[0].id == expected


def test_a_name_is_checked_and_kept() -> None:
    experiment = from_table(table([{"id": "CartPole", "name": "pole"}, "CartPole-v1"]))
    assert [env.name for env in experiment.envs] == ["pole", "CartPole-v1"]
    assert [run.env.name for run in experiment.runs()] == ["pole", "CartPole-v1"]
    assert next(experiment.runs()).recorded().env.name == "pole"
    assert next(experiment.runs()).inputs()["env"]["label"] == "pole"
    with pytest.raises(ArenaError, match="environment name 'a/b' must be letters"):
        from_table(table([{"id": "CartPole-v1", "name": "a/b"}]))
