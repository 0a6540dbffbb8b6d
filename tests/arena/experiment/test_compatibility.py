"""Frameworks that a worker may import for its environment: a plug-in or the experiment's file declares them."""

import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.agent.hyperparameters import NetworkConfig
from arena.agent.registry import agent_spec
from arena.environments import plugins
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.check import warnings_about
from arena.experiment.compatibility import EnvTraits, check_network, check_pair, check_replay, env_frameworks, env_traits
from arena.experiment.file import from_table
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.testing import FAKE_AGENT


def test_a_plug_in_declares_by_the_beginning_of_the_id(monkeypatch: pytest.MonkeyPatch):
    found = (plugins.EnvPlugin(), plugins.EnvPlugin(frameworks={"fast/": frozenset({"jax"}), "fast/B": frozenset({"torch"})}))
    monkeypatch.setattr(plugins, "plugins", lambda: found)
    assert env_frameworks(EnvConfig("fast/A-v0")) == {"jax"}
    assert env_frameworks(EnvConfig("some_module:fast/A-v0")) == {"jax"}
    assert env_frameworks(EnvConfig("fast/B-v0")) == {"jax", "torch"}
    assert env_frameworks(EnvConfig("slow/A-v0")) == frozenset()


def test_a_file_declares_more():
    assert env_frameworks(EnvConfig("CartPole-v1"), ("torch",)) == {"torch"}


def test_a_module_that_is_not_a_framework_is_refused_with_the_near_one():
    with pytest.raises(
        ArenaError, match=r"'CartPole-v1': frameworks = \['tensorflw'\] isn't a framework's module; did you mean 'tensorflow'"
    ):
        env_frameworks(EnvConfig("CartPole-v1"), ("tensorflw",))


def test_frameworks_in_a_file_reach_the_run_and_are_not_among_its_inputs():
    table = {"agents": ["random"], "envs": [{"id": "CartPole-v1", "frameworks": ["jax"]}, "Acrobot-v1"]}
    with_jax, without = from_table(table).runs()
    assert (with_jax.resources.env_frameworks, without.resources.env_frameworks) == (("jax",), ())
    assert "frameworks" not in str(with_jax.inputs())


ENVIRONMENT = """
import gymnasium, jax

class Env(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}
    def step(self, action):
        return 0, 1.0, True, False, {}

gymnasium.register("ArenaTestNeedsJax-v0", entry_point=Env)
"""
FILE = """
name = "test"
agents = ["arena.testing.fakes:FAKE_AGENT"]
envs = [{{ id = "arena_test_needs_jax:ArenaTestNeedsJax-v0"{frameworks} }}]
budget = {{ env_steps = 200 }}
evaluation = {{ period = 100, episodes = 2, final_episodes = 2 }}
"""


@pytest.mark.worker
def test_an_environment_by_its_module_runs_with_the_framework_that_its_file_declares_and_else_says_how(tmp_path: Path):
    (tmp_path / "jax.py").write_text("")  # a stand-in
    (tmp_path / "arena_test_needs_jax.py").write_text(ENVIRONMENT)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    for frameworks, status in (("", "crashed"), (', frameworks = ["jax"]', "finished")):
        (tmp_path / "test.toml").write_text(FILE.format(frameworks=frameworks))
        command = [
            sys.executable,
            "-m",
            "arena",
            "run",
            str(tmp_path / "test.toml"),
            "--output",
            str(tmp_path),
            "--quiet",
            "--retry-failed",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, timeout=120)
        [file] = tmp_path.rglob("result.json")
        result = RunRecord(RunDir(file.parent).path).result
        assert result is not None
        assert result.status == status, done.stderr
        if status == "crashed":
            assert "No module named 'jax' in this worker" in result.reason
            assert 'frameworks = ["jax"]' in result.reason


def image(*shape: int) -> gym.spaces.Box:
    return gym.spaces.Box(0, 255, shape, np.uint8)


NATURE = {"network": "nature"}


@pytest.mark.parametrize(
    ("shape", "settings", "told"),
    [
        ((84, 84, 4), NATURE, None),
        ((36, 36, 1), NATURE, None),
        ((35, 35, 1), NATURE, r"layer 3 looks at 3x3 pixels, and 2x2 are left; set network = 'impala-small' for"),
        ((84, 19, 3), NATURE, "layer 2 looks at 4x4 pixels, and 20x3 are left"),
        (
            (7, 7, 3),
            NATURE,
            r"network='nature', conv_layers=.* do not fit images of \(7, 7, 3\): layer 1 looks at 8x8 pixels, and 7x7 are left",
        ),
        ((2, 2, 3), {"conv_layers": ((16, 3, 1),)}, r"conv_layers=\[\[16, 3, 1\]\] do not .* to \[\[16, 2, 1\]\] for example"),
        ((2, 3, 3), {}, r"network='auto', conv_layers=\[\[16, 3, 1\]\] do not .* to \[\[16, 2, 1\]\] for example"),
        ((7, 7, 3), {}, None),
    ],
)
def test_convolutions_larger_than_the_image_are_refused_before_work(shape, settings, told):
    if told is None:
        check_network(image(*shape), NetworkConfig(**settings), where="a on E")
        return
    with pytest.raises(ArenaError, match=f"^a on E: .*{told}"):
        check_network(image(*shape), NetworkConfig(**settings), where="a on E")


@pytest.mark.parametrize(
    "agent",
    [
        "keras-dqn",
        "keras-ppo",
        "tfagents-dqn",
        "tfagents-c51",
        "rllib-dqn",
        "rllib-ppo",
        "kerasrl-dqn",
        "kerasrl-sarsa",
        "sb3-dqn",
        "sb3-ppo",
    ],
)
def test_every_agents_convolutions_are_looked_at(agent):
    spec, env = agent_spec(agent), EnvConfig("arena/BoardIdentity-v0")
    traits = env_traits(env)
    with pytest.raises(ArenaError, match=rf"^{agent} on arena-BoardIdentity-v0: network='nature', .* do not fit images of \(4, 4, 1\)"):
        check_pair(spec, env, spec.config(network="nature"), traits=traits)
    check_pair(spec, env, spec.config(), traits=traits)


def test_a_replay_buffer_that_does_not_fit_into_memory_is_refused_before_work():
    check_replay(image(84, 84, 4), 10_000, 2**30, where="a on E")
    with pytest.raises(
        ArenaError, match=r"replay_capacity=1,000,000 .*takes 52.6 GiB, and this machine has 1.0 GiB; set replay_capacity to 9,510 at"
    ):
        check_replay(image(84, 84, 4), 1_000_000, 2**30, where="a on E")
    with pytest.raises(ArenaError, match=r"replay_capacity=1,000,000 .*takes 7.5 GiB, and .* set replay_capacity to 67,092 at"):
        check_replay(image(84, 84, 4), 1_000_000, 2**30, where="a on E", stacks_frames=True)


class Film(gym.Env):
    """Shows one grey frame after the other, or the same one, as a stack of two of them."""

    observation_space, action_space = image(4, 4, 2), gym.spaces.Discrete(2)

    def __init__(self, *, stacks: bool, works: bool = True) -> None:
        self.stacks, self.works, self.time = stacks, works, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self.seen(), {}

    def step(self, action):
        assert self.works
        self.time += 1
        return self.seen(), 0.0, False, False, {}

    def seen(self):
        last, newest = self.time, self.time + 1
        return np.stack([np.full((4, 4), value, np.uint8) for value in ((last, newest) if self.stacks else (newest, last))], -1)


@pytest.mark.parametrize(
    ("options", "found"), [({"stacks": True}, True), ({"stacks": False}, False), ({"stacks": True, "works": False}, False)]
)
def test_stacks_of_frames_are_known_before_work(options, found):
    gym.register("FilmOfATest-v0", entry_point=Film, kwargs=options)
    try:
        assert env_traits(EnvConfig("FilmOfATest-v0")).stacks_frames is found
    finally:
        del gym.registry["FilmOfATest-v0"]


def test_what_makes_scores_doubtful_is_told_before_work():
    experiment = from_table({"agents": ["random"], "envs": ["CliffWalking-v1"]})
    name = experiment.envs[0].name
    traits = env_traits(experiment.envs[0])
    (told,) = warnings_about(experiment, {name: traits})
    assert told.startswith("CliffWalking-v1 has no time limit that the arena can see: evaluation episodes are cut at 10,000 env steps")
    limited = from_table({"agents": ["random"], "envs": ["CliffWalking-v1"], "evaluation": {"max_episode_steps": 50}})
    assert warnings_about(limited, {name: traits}) == []
    assert env_traits(EnvConfig("CartPole-v1")).time_limit == 500
    careless = EnvTraits(
        observation_space=traits.observation_space, action_space=traits.action_space, has_functions=False, time_limit=9, follows_seed=False
    )
    (told,) = warnings_about(experiment, {name: careless})
    assert told.startswith("CliffWalking-v1 ignores the seed of reset()")


def test_an_environment_that_only_a_script_knows_is_refused_with_the_remedy():
    gym.register("ScriptOfATest-v0", entry_point="__main__:Env")
    try:
        with pytest.raises(
            ArenaError, match=r"by this script or notebook alone.*'my_envs:ScriptOfATest-v0' or by modules = \[\"my_envs\"\]"
        ):
            env_traits(EnvConfig("ScriptOfATest-v0"))
    finally:
        del gym.registry["ScriptOfATest-v0"]


def test_an_image_beside_other_parts_is_refused_where_an_agent_cannot_join_them():
    check_pair(agent_spec("keras-ppo"), EnvConfig("arena/PictureAndFlag-v0"))
    with pytest.raises(ArenaError, match=r"fake takes flat .* has an image beside other parts: choose a wrapper, 'flat' for"):
        check_pair(FAKE_AGENT, EnvConfig("arena/PictureAndFlag-v0"))
    config = agent_spec("keras-ppo").config(network="nature")
    with pytest.raises(ArenaError, match=r"do not fit images of \(8, 8, 1\)"):
        check_pair(agent_spec("keras-ppo"), EnvConfig("arena/PictureAndFlag-v0"), agent_config=config)


def test_an_agent_of_box_actions_is_not_said_to_count_combinations():
    with pytest.raises(ArenaError, match=r"^keras-sac takes box actions; arena/ManyChoices-v0 has choices \(MultiDiscrete"):
        check_pair(agent_spec("keras-sac"), EnvConfig("arena/ManyChoices-v0"))
    with pytest.raises(ArenaError, match=r"^keras-dqn makes several choices .* \(arena list agents: one that takes 'choices'\)"):
        check_pair(agent_spec("keras-dqn"), EnvConfig("arena/ManyChoices-v0"))
