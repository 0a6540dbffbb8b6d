import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.identity import env_identity, refuse_changed_environment
from arena.environments.make import make_env
from arena.environments.metering import Meter
from arena.errors import ArenaError

STRANGER = """
import gymnasium as gym

def make(**kwargs):
    return gym.wrappers.TransformReward(gym.make("CartPole-v1", **kwargs), lambda reward: 100 * reward)
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module, in no package, that registers another environment."""
    path = tmp_path / "stranger_of_test.py"
    path.write_text(STRANGER)
    monkeypatch.syspath_prepend(tmp_path)
    gym.register("Stranger-v1", entry_point="stranger_of_test:make", max_episode_steps=77)
    yield path
    gym.registry.pop("Stranger-v1")
    sys.modules.pop("stranger_of_test", None)


def test_an_environment_is_known_by_its_code_package_and_version():
    identity = env_identity(make_env(EnvConfig("CartPole-v1")))
    module = "gymnasium.envs.classic_control.cartpole"
    assert (identity["entry_point"], identity["class"]) == (f"{module}:CartPoleEnv",) * 2
    assert (identity["distribution"], identity["version"]) == ("gymnasium", importlib.metadata.version("gymnasium"))
    assert identity["modules"] == {module: hashlib.sha256(Path(sys.modules[module].__file__).read_bytes()).hexdigest()}
    assert identity["max_episode_steps"] == 500
    assert "gymnasium.wrappers.common:TimeLimit" in identity["wrappers"]
    assert not any("CommonForm" in wrapper for wrapper in identity["wrappers"])
    assert (identity["action_space"], identity["observation_space"][:5]) == ("Discrete(2)", "Box([")
    assert json.loads(json.dumps(identity)) == identity


def test_an_environment_of_a_plug_in_names_the_package_that_brings_it():
    identity = env_identity(make_env(EnvConfig("arena/Chain-v0")))
    assert (identity["entry_point"], identity["distribution"]) == ("arena_envs.probes:Chain", "arena-rl")


def test_an_environment_that_a_module_makes_of_another_one_is_known_by_that_module(stranger):
    identity = env_identity(make_env(EnvConfig("Stranger-v1")))
    assert identity["entry_point"] == "stranger_of_test:make"
    assert (identity["distribution"], identity["version"]) == (None, None)
    assert identity["modules"]["stranger_of_test"] == hashlib.sha256(stranger.read_bytes()).hexdigest()
    assert "gymnasium.wrappers.transform_reward:TransformReward" in identity["wrappers"]
    assert identity["class"].endswith("cartpole:CartPoleEnv")


def test_nothing_more_is_imported_for_it(stranger):
    env = make_env(EnvConfig("Stranger-v1"))
    before = set(sys.modules)
    env_identity(env)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"observation_space": "Box(0, 1, (3,), float32)"}, r"observation_space was Box\(.* and is Box\(0, 1"),
        ({"modules": {"mine": "ab" * 32}}, "modules was gymnasium.* and is mine abababab"),
        ({"version": "9.9"}, "version was .* and is 9.9"),
        ({"wrappers": []}, "wrappers was"),
        ({"max_episode_steps": 7}, "max_episode_steps was 500 and is 7"),
    ],
)
def test_an_environment_that_has_changed_since_a_checkpoint_is_refused(changes, told):
    now = env_identity(make_env(EnvConfig("CartPole-v1")))
    earlier = json.loads(json.dumps(now))
    refuse_changed_environment(earlier, now, Path("logs/run"))
    refuse_changed_environment(None, now, Path("logs/run"))
    with pytest.raises(ArenaError, match=rf"has changed since the checkpoint of logs/run was written \({told}"):
        refuse_changed_environment(earlier, {**now, **changes}, Path("logs/run"))


def test_the_array_form_is_recorded_and_makes_no_other_environment():
    factory = ArenaEnvFactory(EnvConfig("Pendulum-v1"), Meter(), np.random.SeedSequence(0))
    assert factory.identity["stepped_by"] == "arena_envs.arrays.pendulum:Pendulums"
    assert ArenaEnvFactory(EnvConfig("Blackjack-v1"), Meter(), np.random.SeedSequence(0)).identity["stepped_by"] is None
    refuse_changed_environment({**factory.identity, "stepped_by": None}, factory.identity, Path("logs/run"))
