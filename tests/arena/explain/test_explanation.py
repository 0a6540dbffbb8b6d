import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.cli.explain import explain_policy
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.words import word_place
from arena.errors import ArenaError
from arena.explain.explanation import ExplainedObservations, Explanation, ImageExplanation, explain
from arena.explain.page import render_explanation
from arena.explain.saliency import occlusion
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy
from arena_envs.nested_probes import COLOURS, PHRASES

NUM_FEATURES = 5
FEW = ExplainedObservations(num_episodes=4, num_explained=8, num_background=8)


class Distractors(gym.Env):
    """Reward 1 for the sign of the sum of the first two features; the others are noise."""

    metadata = {"render_modes": [], "feature_names": ["left", "right", "noise a", "noise b", "noise c"], "action_names": ["minus", "plus"]}
    observation_space = gym.spaces.Box(-10.0, 10.0, (NUM_FEATURES,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        """Begins an episode."""
        super().reset(seed=seed)
        return self._draw(), {}

    def step(self, action):
        """Takes one step."""
        reward = float(action == (self._features[:2].sum() > 0.0))
        return self._draw(), reward, False, False, {}

    def _draw(self):
        self._features = self.np_random.normal(size=NUM_FEATURES).astype(np.float32)
        return self._features


class Wide(Distractors):
    """The same with more features than have exact values, and without names."""

    metadata = {"render_modes": []}
    observation_space = gym.spaces.Box(-10.0, 10.0, (20,), np.float32)

    def _draw(self):
        self._features = self.np_random.normal(size=20).astype(np.float32)
        return self._features


class Dots(gym.Env):
    """Images with a bright dot in the upper left corner, or not."""

    observation_space, action_space = gym.spaces.Box(0, 255, (16, 16, 1), np.uint8), gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        """Begins an episode."""
        super().reset(seed=seed)
        return self._draw(), {}

    def step(self, action):
        """Takes one step."""
        return self._draw(), 0.0, False, False, {}

    def _draw(self):
        image = self.np_random.integers(0, 50, (16, 16, 1)).astype(np.uint8)
        image[:2, :2] = 255 * self.np_random.integers(2)
        return image


for name, kind in (("Distractors", Distractors), ("Wide", Wide), ("Dots", Dots)):
    gym.register(f"arena_explain/{name}-v0", kind, max_episode_steps=25)


def policy_of(path: Path, env: type, kernel: np.ndarray) -> OnnxPolicy:
    PolicyNetwork([Dense(kernel, np.zeros(kernel.shape[1], np.float32))], env.observation_space, env.action_space).export(path)
    return OnnxPolicy(path)


def linear(num_features: int, leak: float = 0.0) -> np.ndarray:
    """Returns the weights of a policy that decides by the first two features, the second counting half, and a little by the others."""
    kernel = np.full((num_features, 2), leak, np.float32)
    kernel[:, 0] *= -1.0
    kernel[:2] = [[-1.0, 1.0], [-0.5, 0.5]]
    return kernel


def test_features_that_do_not_count_come_last(tmp_path: Path):
    found = explain(policy_of(tmp_path / "p.onnx", Distractors, linear(NUM_FEATURES)), EnvConfig("arena_explain/Distractors-v0"), FEW)
    assert isinstance(found, Explanation)
    assert [found.feature_names[index] for index in found.ranking][:2] == ["left", "right"]
    assert found.importance[2:].max() < 1e-6 < found.importance[1] < found.importance[0]
    assert found.action_names == ("minus", "plus")
    assert (found.method, found.shapley.incompleteness < 1e-5, found.gradients_incompleteness < 1e-2) == ("exact", True, True)


def test_what_all_actions_share_is_no_reason_to_choose(tmp_path: Path):
    kernel = linear(NUM_FEATURES)
    kernel[4] = [7.0, 7.0]
    found = explain(policy_of(tmp_path / "p.onnx", Distractors, kernel), EnvConfig("arena_explain/Distractors-v0"), FEW)
    assert isinstance(found, Explanation)
    assert np.abs(found.shapley.values[:, 4]).mean() > 1.0, "it moves the values"
    assert found.importance[4] < 1e-5, "and not the choice"


def test_many_features_are_sampled(tmp_path: Path):
    found = explain(policy_of(tmp_path / "p.onnx", Wide, linear(20, 0.01)), EnvConfig("arena_explain/Wide-v0"), FEW)
    assert isinstance(found, Explanation)
    assert (found.method, found.ranking[:2], found.feature_names[0]) == ("sampled", [0, 1], "feature 0")
    assert found.shapley.errors is not None


def test_the_page_and_the_json_hold_the_names_and_no_address(tmp_path: Path):
    found = explain(policy_of(tmp_path / "p.onnx", Distractors, linear(NUM_FEATURES)), EnvConfig("arena_explain/Distractors-v0"), FEW)
    page = render_explanation(found, policy="<mine>", env="E-v0")
    assert "&lt;mine&gt;" in page
    assert "noise c" in page
    assert "://" not in page
    again = json.loads(json.dumps(found.to_json()))
    assert [row["feature"] for row in again["ranking"]][:2] == ["left", "right"]
    assert np.shape(again["values"]) == (8, NUM_FEATURES, 2)


def test_a_policy_that_always_acts_alike_uses_no_feature(tmp_path: Path):
    kernel = np.zeros((NUM_FEATURES, 2), np.float32)
    found = explain(policy_of(tmp_path / "p.onnx", Distractors, kernel), EnvConfig("arena_explain/Distractors-v0"), FEW)
    assert isinstance(found, Explanation)
    assert (found.importance.max(), found.shapley.incompleteness, found.gradients_incompleteness) == (0.0, 0.0, 0.0)
    assert "No feature changes what it chooses" in render_explanation(found, policy="p", env="E-v0")


def test_of_images_the_patches_that_count_are_found(tmp_path: Path):
    kernel = np.zeros((16, 16, 2), np.float32)
    kernel[:2, :2] = [1.0, -1.0]
    found = explain(policy_of(tmp_path / "p.onnx", Dots, kernel.reshape(256, 2)), EnvConfig("arena_explain/Dots-v0"), FEW)
    assert isinstance(found, ImageExplanation)
    saliency = found.saliency.mean(0)
    assert np.unravel_index(saliency.argmax(), saliency.shape) == (0, 0)
    assert saliency[2:, 2:].max() < 1e-6
    assert render_explanation(found, policy="p", env="E-v0").count("data:image/png;base64,") == len(found.images)


def test_occlusion_leaves_the_images_as_they_were():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 1)).astype(np.uint8)
    before = images.copy()
    assert occlusion(lambda rows: rows.reshape(len(rows), -1)[:, :1].astype(np.float32), images, images).shape == (2, 4, 6)
    assert (images == before).all()


@pytest.mark.worker
def test_the_command_refuses_what_it_cannot_explain(tmp_path: Path):
    policy_of(tmp_path / "p.onnx", Distractors, linear(NUM_FEATURES))
    policy_of(tmp_path / "q.onnx", Distractors, linear(NUM_FEATURES))
    paths = [str(tmp_path / name) for name in ("p.onnx", "q.onnx")]
    with pytest.raises(ArenaError, match="one policy is explained at a time"):
        explain_policy([*paths, "CartPole-v1"], {}, None, mode="quiet")
    with pytest.raises(ArenaError, match="cannot play here"):
        explain_policy([paths[0], "CartPole-v1"], {}, None, mode="quiet")
    with pytest.raises(ArenaError, match=r"must end with \.html or \.json"):
        explain_policy([paths[0], "CartPole-v1"], {}, tmp_path / "x.pdf", mode="quiet")


def test_words_of_texts_are_named_and_those_that_matter_come_first(tmp_path: Path):
    """The policy reads the colours; every other word, and the lamp, has nothing to do with it."""
    config = EnvConfig("arena/Instruction-v0")
    env = make_env(config)
    kernel = np.zeros((env.observation_space.shape[0], 4), np.float32)
    for action, colour in enumerate(COLOURS):
        kernel[word_place(colour), action] = 1.0
    PolicyNetwork([Dense(kernel, np.zeros(4, np.float32))], env.observation_space, env.action_space).export(tmp_path / "p.onnx")
    found = explain(OnnxPolicy(tmp_path / "p.onnx"), config, ExplainedObservations(num_episodes=4, num_explained=12, num_background=8))
    assert isinstance(found, Explanation)
    named = [found.feature_names[index] for index in found.ranking]
    words = {word for phrase in PHRASES for word in phrase.format("").split()}
    assert set(named[:4]) == {f"instruction: {colour}" for colour in COLOURS}
    assert {name for name in named if name.startswith("lamp")} == {f"lamp={number}" for number in range(4)}
    assert {word for name in named[4:] if ": " in name for word in name.partition(": ")[2].split("|")} == words
    assert found.importance[found.ranking[4:]].max() < 1e-6 < found.importance[found.ranking[3]]
    assert not [name for name in named if "#" in name]
    page = render_explanation(found, policy="p", env="arena/Instruction-v0")
    assert "instruction: red" in page
    assert "#17" not in page
    assert found.to_json()["constant_features"] == []
    assert found.shapley.incompleteness < 1e-5


def test_several_choices_at_once_are_refused(tmp_path: Path):
    config = EnvConfig("arena/ManyChoices-v0")
    env = make_env(config)
    kernel = np.zeros((env.observation_space.shape[0], 22), np.float32)
    PolicyNetwork([Dense(kernel, np.zeros(22, np.float32))], env.observation_space, env.action_space).export(tmp_path / "p.onnx")
    with pytest.raises(ArenaError, match=r"^a policy for arena-ManyChoices-v0 cannot be explained: each action is 7 independent choices"):
        explain(OnnxPolicy(tmp_path / "p.onnx"), config, FEW)


def test_a_feature_that_never_changes_is_named_and_costs_nothing(tmp_path: Path):
    class Still(Distractors):
        def _draw(self):
            super()._draw()
            self._features[3] = 2.0
            return self._features

    gym.register("arena_explain/Still-v0", Still, max_episode_steps=25)
    found = explain(policy_of(tmp_path / "p.onnx", Still, linear(NUM_FEATURES, 0.1)), EnvConfig("arena_explain/Still-v0"), FEW)
    gym.registry.pop("arena_explain/Still-v0")
    assert isinstance(found, Explanation)
    assert (found.constant_names, 3 in found.ranking, found.importance[3]) == (["noise b"], False, 0.0)
    assert found.shapley.values.shape == found.gradients.shape == (8, NUM_FEATURES, 2)
    assert "The same in all observations: noise b." in render_explanation(found, policy="p", env="E-v0")
