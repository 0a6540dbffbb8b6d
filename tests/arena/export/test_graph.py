import gymnasium as gym
import numpy as np
import pytest
from exported_policies import contents, model
from onnx import TensorProto, helper, numpy_helper

from arena.environments.spaces import ImageAndNumbers
from arena.errors import ArenaError
from arena.export.graph import OPERATORS, read_graph
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork

INPUTS = [helper.make_tensor_value_info("observations", TensorProto.FLOAT, ["N", 4])]
OUTPUTS = [
    helper.make_tensor_value_info("actions", TensorProto.INT64, ["N"]),
    helper.make_tensor_value_info("action_scores", TensorProto.FLOAT, ["N", 4]),
]
ARG_MAX = helper.make_node("ArgMax", ["action_scores"], ["actions"], axis=-1, keepdims=0)


def test_a_network_is_read_as_the_operators_that_exports_know():
    graph = read_graph(contents()["mlp"], "policy")
    assert [node.operator for node in graph.nodes] == [
        *("MatMul", "Add", "Tanh", "MatMul", "Add", "Relu", "MatMul", "Add", "Identity", "ArgMax")
    ]
    assert graph.is_discrete
    assert {graph.values[name].shape for name in ("observations", "actions", "action_scores")} == {(4,), (), (2,)}


def test_the_policies_of_these_tests_have_every_operator():
    assert {node.operator for content in contents().values() for node in read_graph(content, "policy").nodes} == OPERATORS


def test_what_other_exporters_write_becomes_the_same_few_operators():
    graph = read_graph(contents()["foreign"], "policy")
    by_result = {node.output: node for node in graph.nodes}
    assert [node.operator for node in graph.nodes][:4] == ["Mul", "Max", "Min", "Conv"]
    assert graph.weights["dense/transposed"].shape == (30, 3)
    assert by_result["convolved"].attributes == {"strides": (2, 2), "pads": (1, 0, 1, 2)}
    assert by_result["flat"].attributes == {"shape": (30,)}
    assert graph.weights["two"] == 2.0


@pytest.mark.parametrize(
    ("nodes", "opset", "message"),
    [
        ([helper.make_node("Softplus", ["observations"], ["action_scores"]), ARG_MAX], 17, "uses Softplus, which no export can rebuild"),
        ([helper.make_node("Identity", ["observations"], ["action_scores"]), ARG_MAX], 12, "opset 12; an export takes 13 and later"),
        ([helper.make_node("Softmax", ["observations"], ["action_scores"], axis=0), ARG_MAX], 17, "another axis than the last"),
        (
            [
                helper.make_node("Transpose", ["observations"], ["turned"], perm=[1, 0]),
                helper.make_node("Transpose", ["turned"], ["action_scores"], perm=[1, 0]),
                ARG_MAX,
            ],
            17,
            "'turned' .Transpose. moves the batch axis",
        ),
        (
            [
                helper.make_node("Identity", ["observations"], ["action_scores"]),
                helper.make_node("ArgMax", ["action_scores"], ["kept"], axis=-1, keepdims=1),
                helper.make_node("Squeeze", ["kept", "one"], ["actions"]),
            ],
            17,
            "keeps its axis",
        ),
        (
            [helper.make_node("Gemm", ["observations", "square"], ["action_scores"], alpha=2.0), ARG_MAX],
            17,
            "scales or transposes results",
        ),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_by_name(nodes, opset, message):
    weights = [numpy_helper.from_array(np.array([1]), "one"), numpy_helper.from_array(np.eye(4, dtype=np.float32), "square")]
    with pytest.raises(ArenaError, match=message):
        read_graph(model(nodes, INPUTS, OUTPUTS, weights, opset), "policy p.onnx")


def test_what_is_no_policy_is_refused_as_everywhere():
    with pytest.raises(ArenaError, match=r"p.onnx is not an ONNX file"):
        read_graph(b"no file", "p.onnx")


def test_several_choices_and_joined_images_are_refused_in_words():
    flat, image = gym.spaces.Box(-1, 1, (4,), np.float32), gym.spaces.Box(0, 1, (4, 4, 1), np.float32)
    space = ImageAndNumbers(image, np.zeros(2), np.ones(2))
    zeros = {shape: np.zeros(shape, np.float32) for shape in ((4, 5), (5,), (2, 2, 1, 3), (3,), (14, 2), (2,))}
    several = PolicyNetwork([Dense(zeros[4, 5], zeros[5,])], flat, gym.spaces.MultiDiscrete([3, 2]))
    joined = PolicyNetwork([Conv(zeros[2, 2, 1, 3], zeros[3,], 2), Dense(zeros[14, 2], zeros[2,])], space, gym.spaces.Discrete(2))
    with pytest.raises(ArenaError, match=r"^policy makes several choices at once, which no export can rebuild: it takes policies of one"):
        read_graph(several.to_onnx().SerializeToString(), "policy")
    with pytest.raises(ArenaError, match=r"^policy joins an image with other parts, which no export can rebuild: it takes policies of"):
        read_graph(joined.to_onnx().SerializeToString(), "policy")
