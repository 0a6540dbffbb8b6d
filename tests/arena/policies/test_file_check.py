import io
import os
import zipfile

import gymnasium as gym
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from arena.errors import ArenaError
from arena.policies import file_check as policy_file
from arena.policies.file_check import check_policy_bytes
from arena.policies.onnx_network import Conv, Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy

SPACE, ACTIONS = gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(3)
NETWORK = PolicyNetwork([Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))], SPACE, ACTIONS)
CONTENT = NETWORK.to_onnx().SerializeToString()


@pytest.fixture
def model() -> onnx.ModelProto:
    return NETWORK.to_onnx()


def add(model: onnx.ModelProto, op_type: str, *inputs: str | np.ndarray, **attributes) -> str:
    """Adds a node that is computed beside the policy, and returns its output."""
    names = []
    for value in inputs:
        if not isinstance(value, str):
            model.graph.initializer.append(numpy_helper.from_array(value, f"weights_{len(model.graph.initializer)}"))
        names.append(value if isinstance(value, str) else model.graph.initializer[-1].name)
    output = f"added_{len(model.graph.node)}"
    model.graph.node.append(helper.make_node(op_type, names, [output], **attributes))
    return output


def refused(model: onnx.ModelProto | bytes, match: str) -> None:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(ArenaError, match=match) as caught:
        check_policy_bytes(content, "policy strange.onnx")
    assert "policy strange.onnx" in str(caught.value)


def test_what_our_agents_export_is_taken() -> None:
    check_policy_bytes(CONTENT, "flat")
    pixels = gym.spaces.Box(0, 255, (84, 84, 4), np.uint8)
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.01, shape).astype(np.float32)

    convolutions = [Conv(weights(8, 8, 4, 32), weights(32), 4, "relu"), Conv(weights(4, 4, 32, 64), weights(64), 2, "relu")]
    convolutions += [Conv(weights(3, 3, 64, 64), weights(64), 1, "relu")]
    atari = PolicyNetwork(
        [*convolutions, Dense(weights(3136, 512), weights(512), "relu"), Dense(weights(512, 18), weights(18))],
        pixels,
        gym.spaces.Discrete(18),
    )
    check_policy_bytes(atari.to_onnx().SerializeToString(), "Atari network")


def test_computed_batch_shapes_as_exporters_write_them_are_taken(model) -> None:
    count = add(model, "Gather", add(model, "Shape", "observations"), np.array([0]), axis=0)
    shape = add(model, "Concat", count, np.array([1, 2]), axis=0)
    add(model, "Reshape", "observations", shape)
    add(model, "Expand", np.zeros((1, 2), np.float32), add(model, "Concat", count, np.array([2]), axis=0))
    check_policy_bytes(model.SerializeToString(), "exported")


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("policy.onnx", CONTENT)
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04\x95 pickle", archive(), CONTENT[:40], b"\x00" * 1_000, b"\xff" * 1_000, b"\x89HDF\r\n"]
)
def test_what_is_not_onnx_is_refused(content) -> None:
    refused(content, "is not")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 255))
def test_a_broken_byte_is_refused_or_harmless(position, value) -> None:
    content = bytearray(CONTENT)
    content[position] = value
    try:
        check_policy_bytes(bytes(content), "broken")
    except ArenaError:
        return


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_file_is_refused(length) -> None:
    with pytest.raises(ArenaError):
        check_policy_bytes(CONTENT[:length], "truncated")


def test_too_many_bytes_or_nodes_are_refused(model, monkeypatch) -> None:
    for _ in range(policy_file.MAX_NODES):
        add(model, "Identity", "observations")
    refused(model, "nodes, more than the 2,000 allowed")
    monkeypatch.setattr(policy_file, "MAX_FILE_BYTES", 100)
    refused(CONTENT, "more than the 100 allowed")


@pytest.mark.parametrize(("field", "version"), [("ir_version", 3), ("ir_version", 99), ("opset", 9), ("opset", 99)])
def test_versions_out_of_range_are_refused(model, field, version) -> None:
    if field == "opset":
        model.opset_import[0].version = version
    else:
        model.ir_version = version
    refused(model, f"version {version}" if field == "ir_version" else f"opset {version}")


def subgraph() -> onnx.GraphProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "more")]
    counter = helper.make_tensor_value_info("count", TensorProto.INT64, [])
    return helper.make_graph([helper.make_node("Identity", ["go"], ["more"])], "body", [counter, infos[0]], infos[1:])


@pytest.mark.parametrize(
    "op_type", ["Loop", "If", "Scan", "RandomNormal", "Multinomial", "NonZero", "LSTM", "StringConcat", "ImageDecoder", "NoSuch"]
)
def test_operators_off_the_list_are_refused(model, op_type) -> None:
    attributes = {"body": subgraph()} if op_type in ("Loop", "Scan") else {}
    add(model, op_type, "observations", **attributes)
    refused(model, f"operators that a policy may not: {op_type}")


def test_a_loop_hidden_in_another_operators_attribute_is_refused(model) -> None:
    add(model, "Identity", "observations", body=subgraph())
    refused(model, "attribute 'body' holds what a policy may not")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value) -> None:
    weights = np.ones((2, 3), np.float32)
    weights[1, 1] = value
    refused(PolicyNetwork([Dense(weights, np.zeros(3, np.float32))], SPACE, ACTIONS).to_onnx(), "holds NaN or infinity")


def test_constants_that_are_not_finite_are_refused(model) -> None:
    add(model, "LeakyRelu", "observations", alpha=float("nan"))
    refused(model, "'alpha' is not finite")


def test_a_constant_with_nan_is_refused(model) -> None:
    add(model, "Constant", value=numpy_helper.from_array(np.array([np.nan], np.float32), "hidden"))
    refused(model, "tensor 'hidden' holds NaN")


def test_tensors_larger_than_what_the_file_holds_are_refused(model) -> None:
    model.graph.initializer[0].dims[:] = [10**6, 10**6]
    refused(model, "is not in the file")
    model.graph.initializer[0].dims[:] = [-2, 3]
    refused(model, "is not in the file")
    model.graph.initializer[0].dims[:] = [2, 2]
    refused(model, "is broken")


def test_strings_and_sparse_weights_are_refused(model) -> None:
    sparse = onnx.ModelProto()
    sparse.CopyFrom(model)
    sparse.graph.sparse_initializer.add().dims.append(10**12)
    refused(sparse, "sparse")
    model.graph.initializer.append(helper.make_tensor("text", TensorProto.STRING, [1], [b"x"]))
    refused(model, "tensor 'text' is of a type that a policy may not have")


def memory_bombs():
    big = np.array([10**5, 10**6])
    yield "ConstantOfShape", lambda model: add(model, "ConstantOfShape", big)
    yield "Expand", lambda model: add(model, "Expand", np.ones((1, 1), np.float32), big)
    yield "Tile", lambda model: add(model, "Tile", np.ones((1, 1), np.float32), big)
    yield "Pad", lambda model: add(model, "Pad", np.ones((1, 1), np.float32), np.array([0, 0, 10**5, 10**6]))
    yield "MatMul", lambda model: add(model, "MatMul", np.ones((30_000, 1), np.float32), np.ones((1, 30_000), np.float32))
    yield "Add", lambda model: add(model, "Add", np.ones((30_000, 1), np.float32), np.ones((1, 30_000), np.float32))
    yield "Gather", lambda model: add(model, "Gather", np.ones((1, 10_000), np.float32), np.zeros(100_000, np.int64), axis=0)
    yield "ConvTranspose", lambda model: add(model, "ConvTranspose", "observations", np.ones((1, 1, 1, 1), np.float32))


@pytest.mark.parametrize("bomb", [pytest.param(bomb, id=name) for name, bomb in memory_bombs()])
def test_a_memory_bomb_is_refused_by_what_it_says(model, bomb) -> None:
    bomb(model)
    refused(model, "elements per observation are allowed|may not: ConvTranspose")


@pytest.mark.parametrize("start", [np.ones(1_000, np.float32), np.ones(1_000, np.int64)], ids=["floats", "integers"])
def test_what_doubles_itself_is_refused(model, start) -> None:
    output = add(model, "Identity", start)
    for _ in range(40):
        output = add(model, "Concat", output, output, axis=0)
    refused(model, "puts constants of .* elements together")


def test_observations_that_double_themselves_are_refused(model) -> None:
    output = "observations"
    for _ in range(40):
        output = add(model, "Concat", output, output, axis=1)
    refused(model, "elements per observation are allowed")


def test_sizes_that_do_not_follow_from_the_file_are_refused(model) -> None:
    shape = add(model, "Cast", add(model, "Abs", "observations"), to=TensorProto.INT64)
    add(model, "Expand", np.ones(1, np.float32), add(model, "Reshape", shape, np.array([-1])))
    refused(model, "does not follow from the file|not a valid ONNX")


def test_a_time_bomb_is_refused_by_its_work(model) -> None:
    weights = np.ones((1_000, 1_000), np.float32)
    output = add(model, "MatMul", "observations", np.ones((2, 1_000), np.float32))
    name = None
    for _ in range(1_100):
        output = add(model, "MatMul", output, name or weights)
        name = name or model.graph.node[-1].input[1]
    refused(model, "multiplications per observation, more than the 200,000,000 allowed")


def test_results_that_are_large_only_together_are_refused(model) -> None:
    output = add(model, "MatMul", "observations", np.ones((2, 500_000), np.float32))
    for _ in range(5):
        output = add(model, "Cos", output)
    refused(model, "all results together have 3,000,0.* elements per observation, more than 2,000,000")


def test_a_folder_or_a_pipe_is_not_a_policy(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):  # a pipe that nobody writes to would block for ever
        with pytest.raises(ArenaError, match="not a file"):
            OnnxPolicy(path)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "policy.onnx").write_bytes(CONTENT)
    fstat = os.fstat

    def grow(descriptor):
        status = fstat(descriptor)
        with (tmp_path / "policy.onnx").open("ab") as file:
            file.write(b"more")
        return status

    monkeypatch.setattr(os, "fstat", grow)
    with pytest.raises(ArenaError, match=r"policy\.onnx changed while it was read; give it again"):
        policy_file.read_bounded(tmp_path / "policy.onnx")
