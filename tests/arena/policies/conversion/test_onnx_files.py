from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from hostile_policies import Network, dividing, looping, swelling
from onnx import TensorProto, helper, numpy_helper

from arena.errors import ArenaError
from arena.policies import OnnxPolicy, from_onnx
from arena.policies.metadata import read_metadata

SPACE, ACTIONS = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), gym.spaces.Discrete(2)
KERNEL = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
OBSERVATIONS = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


def write(path: Path, *, batch: int | str = 1, shape: tuple[int, ...] | None = None, op: str = "MatMul", extra: bool = False) -> Path:
    """Writes a file whose input is `input` and whose output is `output`."""
    nodes, weights, x = [], [numpy_helper.from_array(KERNEL, "kernel")], "input"
    if shape is not None:
        weights.append(numpy_helper.from_array(np.array(shape), "shape"))
        nodes.append(helper.make_node("Reshape", ["input", "shape"], ["flat"]))
        x = "flat"
    nodes.append(helper.make_node(op, [x, "kernel"], ["output"]))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 2])]
    if extra:
        nodes.append(helper.make_node("Neg", ["output"], ["other"]))
        outputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [batch, 2]))
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 4])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(("batch", "shape"), [("N", None), (1, None), (8, None), (1, (1, 4)), (1, (1, -1)), ("N", (-1, 4))])
def test_names_are_changed_and_the_batch_axis_is_freed(tmp_path: Path, batch: int | str, shape: tuple[int, ...] | None):
    source = write(tmp_path / "theirs.onnx", batch=batch, shape=shape)
    with pytest.raises(ArenaError, match="the input is 'input', not 'observations'"):
        OnnxPolicy(source)
    policy = from_onnx(source, tmp_path / "policy.onnx", observation_space=SPACE, action_space=ACTIONS)
    np.testing.assert_allclose(policy.scores(OBSERVATIONS), OBSERVATIONS @ KERNEL, rtol=1e-5)
    assert policy.act(OBSERVATIONS).tolist() == (OBSERVATIONS @ KERNEL).argmax(-1).tolist()
    metadata = read_metadata(policy.path.read_bytes(), "p")
    assert metadata is not None
    assert metadata.source == "ONNX, unknown"


def test_scores_of_a_box_become_actions_within_its_bounds(tmp_path: Path):
    source, box = write(tmp_path / "theirs.onnx"), gym.spaces.Box(-0.5, 0.5, (2,), np.float32)
    policy = from_onnx(source, tmp_path / "policy.onnx", observation_space=SPACE, action_space=box)
    np.testing.assert_allclose(policy.act(OBSERVATIONS), np.clip(OBSERVATIONS @ KERNEL, -0.5, 0.5), rtol=1e-5)


def test_of_several_outputs_one_is_named(tmp_path: Path):
    source = write(tmp_path / "theirs.onnx", extra=True)
    with pytest.raises(ArenaError, match=r"it has 2 outputs \('output', 'other'\)"):
        from_onnx(source, tmp_path / "policy.onnx", observation_space=SPACE, action_space=ACTIONS)
    policy = from_onnx(source, tmp_path / "policy.onnx", observation_space=SPACE, action_space=ACTIONS, scores="other")
    np.testing.assert_allclose(policy.scores(OBSERVATIONS), -OBSERVATIONS @ KERNEL, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "spaces", "match"),
    [
        ({"batch": 8, "shape": (8, 4)}, {}, "reshapes to a batch of 8"),
        ({}, {"action_space": gym.spaces.Discrete(3)}, "no output holds 3 action scores"),
        ({}, {"observation_space": gym.spaces.Box(-1.0, 1.0, (5,), np.float32)}, r"its input 'input' is \[1, 4\]"),
        ({"op": "Einsum"}, {}, "not a valid ONNX model|uses operators that a policy may not"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(tmp_path: Path, change: dict, spaces: dict, match: str):
    source = write(tmp_path / "theirs.onnx", **change)
    with pytest.raises(ArenaError, match=match):
        from_onnx(source, tmp_path / "policy.onnx", **{"observation_space": SPACE, "action_space": ACTIONS, **spaces})
    assert not (tmp_path / "policy.onnx").exists()


@pytest.mark.parametrize("make", [dividing, looping, lambda: swelling(2**40)], ids=["dividing", "looping", "swelling"])
def test_what_may_not_be_in_a_policy_is_refused_before_it_runs(tmp_path: Path, make: Callable[[], Network]):
    source = make().write(tmp_path / "theirs.onnx")
    with pytest.raises(ArenaError):
        from_onnx(source, tmp_path / "policy.onnx", observation_space=SPACE, action_space=ACTIONS)
    assert not (tmp_path / "policy.onnx").exists()
