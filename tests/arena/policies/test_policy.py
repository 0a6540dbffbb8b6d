import gymnasium as gym
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from arena.errors import ArenaError
from arena.policies import file_check as policy_file
from arena.policies.file_entries import MAX_ENTRY_BYTES, METADATA_KEY, with_entry
from arena.policies.metadata import PolicyMetadata, space_metadata, write_metadata
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy

SPACE = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
ACTIONS = gym.spaces.Discrete(3)


def network(space=SPACE, actions=ACTIONS) -> PolicyNetwork:
    num_scores = int(actions.n) if isinstance(actions, gym.spaces.Discrete) else actions.shape[0]
    kernel = np.arange(space.shape[0] * num_scores, dtype=np.float32).reshape(space.shape[0], num_scores)
    return PolicyNetwork([Dense(kernel, np.array([0.5, 0.0, 0.25, 0.0][:num_scores], np.float32))], space, actions)


def refused(path, model: onnx.ModelProto, match: str) -> None:
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArenaError, match=match) as caught:
        OnnxPolicy(path)
    assert str(path) in str(caught.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.onnx"


def test_acts_greedily_and_under_a_mask(path) -> None:
    network().export(path)
    policy = OnnxPolicy(path)
    observations = np.zeros((2, 2), np.float32)
    assert policy.act(observations).tolist() == [0, 0]
    assert policy.act(observations, action_masks=np.array([[False, True, True], [True, True, True]])).tolist() == [2, 0]


def test_a_missing_file_is_refused(path) -> None:
    with pytest.raises(ArenaError, match=r"cannot read policy .*No such file"):
        OnnxPolicy(path)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, keep) -> None:
    content = network().to_onnx().SerializeToString()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(ArenaError, match=r"policy\.onnx"):
        OnnxPolicy(path)


def test_a_file_that_is_not_onnx_is_refused(path) -> None:
    path.write_bytes(b"\x80\x04\x95 pickle")
    with pytest.raises(ArenaError, match="is not"):
        OnnxPolicy(path)


def test_an_oversized_file_is_refused(path, monkeypatch) -> None:
    network().export(path)
    monkeypatch.setattr(policy_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(ArenaError, match="more than the 100 allowed"):
        OnnxPolicy(path)


def external(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.bin"


def test_weights_in_another_file_are_refused(path) -> None:
    model = network().to_onnx()
    external(model.graph.initializer[0])
    refused(path, model, "in another file")


def test_a_constant_in_another_file_is_refused(path) -> None:
    model = network().to_onnx()
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "hidden")
    external(tensor)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["hidden"], value=tensor))
    refused(path, model, "in another file")


def test_operators_outside_the_standard_are_refused(path) -> None:
    model = network().to_onnx()
    model.graph.node[0].domain = "com.stranger"
    model.opset_import.append(helper.make_opsetid("com.stranger", 1))
    refused(path, model, r"outside the ONNX standard: com\.stranger")


def test_functions_in_the_file_are_refused(path) -> None:
    model = network().to_onnx()
    body = [helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")]
    imports = [helper.make_opsetid("com.microsoft", 1)]
    model.functions.append(helper.make_function("ai.onnx", "Mine", ["x"], ["y"], body, imports))
    refused(path, model, "functions of its own")


@pytest.mark.parametrize(("old", "new"), [("observations", "obs"), ("actions", "action"), ("action_scores", "logits")])
def test_wrong_names_are_refused(path, old, new) -> None:
    model = network().to_onnx()
    for value in (*model.graph.input, *model.graph.output):
        value.name = new if value.name == old else value.name
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    refused(path, model, "has another form than a policy")


def test_an_input_besides_the_observations_is_refused(path) -> None:
    model = network().to_onnx()
    model.graph.input.append(helper.make_tensor_value_info("state", TensorProto.FLOAT, ["N", 2]))
    refused(path, model, "the inputs are .*, not 'observations'")


@pytest.mark.parametrize(
    ("shape", "match"),
    [([1, 2], "is fixed at 1"), (["N", "M"], "has a free axis besides"), ([], "has 0 axes"), (None, "has 0 axes|not a valid ONNX")],
)
def test_an_input_without_a_free_batch_axis_and_fixed_others_is_refused(path, shape, match) -> None:
    model = network().to_onnx()
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("observations", TensorProto.FLOAT, shape))
    refused(path, model, match)


def test_scores_without_an_axis_of_actions_are_refused(path) -> None:
    model = network().to_onnx()
    model.graph.node[-2].output[0] = "all_scores"  # what was action_scores
    assert model.graph.node[-1].op_type == "ArgMax"
    model.graph.node.append(helper.make_node("ReduceMax", ["all_scores"], ["action_scores"], axes=[1], keepdims=0))
    model.graph.output[1].CopyFrom(helper.make_tensor_value_info("action_scores", TensorProto.FLOAT, ["N"]))
    model.graph.node[-2].input[0] = "all_scores"
    refused(path, model, "action_scores")


@pytest.mark.parametrize(
    ("space", "actions"),
    [
        (gym.spaces.Box(-1.0, 1.0, (3,), np.float32), ACTIONS),
        (gym.spaces.Box(0, 255, (2,), np.uint8), ACTIONS),
        (SPACE, gym.spaces.Discrete(2)),
        (SPACE, gym.spaces.Box(-1.0, 1.0, (3,), np.float32)),
    ],
)
def test_an_environment_with_other_spaces_is_refused(path, space, actions) -> None:
    network().export(path)
    signature = OnnxPolicy(path).signature
    signature.check(SPACE, ACTIONS, where="it")
    with pytest.raises(ArenaError, match="mine cannot play here"):
        signature.check(space, actions, where="mine")


def test_an_axis_too_many_in_the_actions_is_refused(path) -> None:
    model = network().to_onnx()
    model.graph.node[-1].attribute[1].i = 1
    assert model.graph.node[-1].attribute[1].name == "keepdims"
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("actions", TensorProto.INT64, ["N", 1]))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArenaError, match="cannot play here"):
        OnnxPolicy(path).signature.check(SPACE, ACTIONS, where="it")


def test_box_signature(path) -> None:
    box = gym.spaces.Box(-2.0, 2.0, (4,), np.float32)
    network(actions=box).export(path)
    signature = OnnxPolicy(path).signature
    signature.check(SPACE, box, where="it")
    assert (signature.action_shape, signature.num_scores, signature.action_dtype) == ((4,), 4, np.float32)


def test_choices_of_other_sizes_are_refused_where_the_file_names_them(path) -> None:
    one, other = gym.spaces.MultiDiscrete([400, 3]), gym.spaces.MultiDiscrete([3, 400])
    PolicyNetwork([Dense(np.zeros((2, 403), np.float32), np.zeros(403, np.float32))], SPACE, one).export(path)
    older = OnnxPolicy(path).signature
    assert older.choices == ()
    for space in (one, other):
        older.check(SPACE, space, where="a file without metadata")
    observations, actions = space_metadata(SPACE, one)
    write_metadata(path, PolicyMetadata(observations=observations, actions=actions))
    signature = OnnxPolicy(path).signature
    assert (signature.choices, str(signature).endswith("of 403 scores, 400 + 3")) == ((400, 3), True)
    signature.check(SPACE, one, where="mine")
    with pytest.raises(ArenaError, match=r"mine cannot play here: .* scores, 400 \+ 3; .* scores, 3 \+ 400"):
        signature.check(SPACE, other, where="mine")
    content = path.read_bytes()
    for text in ("[" * 100_000, "7", '{"actions": []}', '{"actions": {"choices": [400, "3"]}}'):
        path.write_bytes(with_entry(content, METADATA_KEY, text[: MAX_ENTRY_BYTES // 2], "it"))
        assert OnnxPolicy(path).signature == older


def test_metadata_hold_the_sizes_of_choices(path) -> None:
    _, actions = space_metadata(SPACE, gym.spaces.MultiDiscrete([400, 3]))
    assert (actions.shape, actions.num_actions, actions.choices) == ((2,), 403, (400, 3))
    assert [space_metadata(SPACE, space)[1].choices for space in (ACTIONS, gym.spaces.Box(-1.0, 1.0, (2,)))] == [None, None]
