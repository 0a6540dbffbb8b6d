import dataclasses
import json

import gymnasium as gym
import numpy as np
import onnx
import pytest

from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError
from arena.policies.file_entries import with_entry
from arena.policies.metadata import (
    METADATA_KEY,
    AgentMetadata,
    EnvMetadata,
    PolicyMetadata,
    ScoreMetadata,
    TrainingMetadata,
    kept_arguments,
    read_metadata,
    space_metadata,
    with_metadata,
    write_metadata,
)
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy

SPACE = gym.spaces.Box(np.array([-1.0, -np.inf], np.float32), np.array([1.0, np.inf], np.float32))
ACTIONS = gym.spaces.Discrete(3)
NETWORK = PolicyNetwork([Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))], SPACE, ACTIONS)
CONTENT = NETWORK.to_onnx().SerializeToString()


def metadata() -> PolicyMetadata:
    observations, actions = space_metadata(SPACE, ACTIONS, names=(("x", "v"), None))
    return PolicyMetadata(
        observations=observations,
        actions=actions,
        agent=AgentMetadata(id="a", name="mine", framework="F", algorithm="dqn"),
        env=EnvMetadata(id="E-v0", arguments={"size": [1, 2]}, wrappers=("w:W",)),
        training=TrainingMetadata(
            seed=1,
            experiment_seed=0,
            env_steps=10,
            selection_return=2.5,
            inputs_sha256="ab",
            score=ScoreMetadata(mean=1.0, std=0.5, num_episodes=3),
        ),
    )


def test_metadata_are_read_as_they_were_written_and_the_policy_acts_as_before(tmp_path):
    path = tmp_path / "policy.onnx"
    path.write_bytes(CONTENT)
    write_metadata(path, metadata())
    assert read_metadata(path.read_bytes(), "p") == metadata()
    assert OnnxPolicy(path).scores(np.ones((1, 2), np.float32)).tolist() == [[2.0, 2.0, 2.0]]
    assert read_metadata(CONTENT, "p") is None


def test_equal_metadata_give_equal_files_and_new_ones_take_the_place_of_the_old():
    once = with_metadata(CONTENT, metadata(), "p")
    assert with_metadata(once, metadata(), "p") == once
    other = dataclasses.replace(metadata(), agent=None)
    assert read_metadata(with_metadata(once, other, "p"), "p") == other


def test_bounds_that_are_not_there_are_null_and_those_of_images_are_one():
    observations, _ = space_metadata(SPACE, ACTIONS)
    assert (observations.low, observations.high) == ((-1.0, None), (1.0, None))
    images, _ = space_metadata(gym.spaces.Box(0, 255, (8, 8, 3), np.uint8), ACTIONS)
    assert (images.low, images.high, images.dtype) == ((0.0,), (255.0,), "uint8")


def test_masks_and_bounded_actions_are_described():
    space = MaskedBox(np.zeros(4), np.ones(4), 3)
    observations, _ = space_metadata(space, ACTIONS)
    assert (observations.shape, observations.mask_size, observations.low) == ((7,), 3, (0.0,))
    _, actions = space_metadata(SPACE, gym.spaces.Box(-2.0, 2.0, (1,), np.float32))
    assert (actions.shape, actions.num_actions, actions.low, actions.high) == ((1,), 1, (-2.0,), (2.0,))


def test_the_normalisation_inside_the_file_is_told():
    space = gym.spaces.Box(0, 255, (4, 4, 1), np.uint8)
    layers = [
        Conv(np.ones((2, 2, 1, 1), np.float32), np.zeros(1, np.float32), 2),
        Dense(np.ones((4, 3), np.float32), np.zeros(3, np.float32)),
    ]
    content = PolicyNetwork(layers, space, ACTIONS).to_onnx().SerializeToString()
    found = read_metadata(with_metadata(content, metadata(), "p"), "p")
    assert found is not None
    assert found.preprocessing == ("Cast", "Div 255", "Transpose")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "it is not JSON"),
        ("[]", "not of format 1"),
        (json.dumps({"format": 2}), "not of format 1"),
        (json.dumps({"format": 1}), "observations: Field required"),
        ("[" * 100_000, "65,536 allowed"),
        ("[" * 60_000, "nested more than|it is not JSON"),
    ],
)
def test_metadata_of_another_form_are_refused(text: str, match: str):
    content = CONTENT + onnx.ModelProto(metadata_props=[onnx.StringStringEntryProto(key=METADATA_KEY, value=text)]).SerializeToString()
    with pytest.raises(ArenaError, match=match):
        read_metadata(content, "policy p")


def test_unknown_fields_of_a_later_version_are_passed_over():
    value = {"format": 1, **dataclasses.asdict(metadata()), "colour": "red"}
    assert read_metadata(with_entry(CONTENT, METADATA_KEY, json.dumps(value), "p"), "p") == metadata()


def test_arguments_that_are_large_or_no_values_are_left_out():
    assert kept_arguments({"a": (1, 2), "b": float("inf")}) == {"a": [1, 2], "b": None}
    assert kept_arguments({"map": "x" * 3_000}) is None
    assert kept_arguments({"object": object()}) is None
