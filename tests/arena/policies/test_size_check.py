import numpy as np
import onnx
import pytest
from hostile_policies import dividing, growing, misshapen, sound, swelling
from onnx import TensorProto

from arena.errors import ArenaError
from arena.policies import size_check
from arena.policies.file_check import check_policy_bytes
from arena.policies.size_check import BATCH


def check(model: onnx.ModelProto) -> None:
    check_policy_bytes(model.SerializeToString(), "policy strange.onnx")


@pytest.mark.parametrize("count", [1, BATCH])
def test_sizes_that_the_file_declares_are_not_believed(count: int) -> None:
    with pytest.raises(
        ArenaError, match=r"policy strange\.onnx: the size of 'value_\d+' \(ConstantOfShape\) does not follow from the file"
    ):
        check(swelling(count).model())


def test_the_declared_size_of_an_output_is_not_believed() -> None:
    network = sound()
    size = network.add("ReduceMax", network.add("Cast", "observations", to=TensorProto.INT64), axes=[0], keepdims=0)
    size = network.add("Slice", size, np.array([0]), np.array([2]))
    model = network.model()
    del model.graph.node[-1]
    model.graph.node.append(onnx.helper.make_node("ConstantOfShape", [size], ["action_scores"]))
    with pytest.raises(ArenaError, match=r"the size of 'action_scores' \(ConstantOfShape\) does not follow from the file"):
        check(model)


def test_a_size_that_shrinks_as_the_batch_grows_is_computed_for_every_batch() -> None:
    check(growing(BATCH, 1_000).model())
    with pytest.raises(ArenaError, match=r"'value_\d+' \(ConstantOfShape\) has shape \[\d+\] for 1 observations"):
        check(growing(BATCH, 10_000_000).model())


def test_a_size_that_cannot_be_followed_from_the_batch_is_refused() -> None:
    with pytest.raises(ArenaError, match="does not follow from the file"):
        check(misshapen(7).model())


def test_a_division_of_integers_by_what_is_computed_is_refused() -> None:
    with pytest.raises(ArenaError, match=r"'value_\d+' \(Div\) divides integers by what may be 0 or -1"):
        check(dividing().model())


@pytest.mark.parametrize("op_type", ["Div", "Mod"])
@pytest.mark.parametrize(("divisor", "is_taken"), [([[7]], True), ([[2], [0]], False), ([[-1]], False)])
def test_a_division_of_integers_by_a_constant_is_taken_if_it_has_an_answer(op_type: str, divisor: list[list[int]], is_taken: bool) -> None:
    network = sound()
    whole = network.add("ReduceMax", network.add("Cast", "observations", to=TensorProto.INT32), keepdims=1)
    network.spoil(network.add("ReduceSum", network.add(op_type, whole, np.array(divisor, np.int32)), keepdims=1))
    if is_taken:
        check(network.model())
        return
    with pytest.raises(ArenaError, match="divides integers by what may be 0 or -1"):
        check(network.model())


def test_a_division_of_floats_is_free() -> None:
    network = sound()
    network.scores = network.add("Div", network.scores, network.add("ReduceSum", "observations", keepdims=1))
    check(network.model())


def test_large_weights_are_not_copied_for_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    infer = onnx.shape_inference.infer_shapes
    monkeypatch.setattr(
        size_check.onnx.shape_inference,
        "infer_shapes",
        lambda model, **options: sizes.append(model.ByteSize()) or infer(model, **options),
    )
    network = growing(BATCH, 10)
    network.spoil(network.add("ReduceSum", network.add("MatMul", "observations", np.ones((4, 50_000), np.float32)), keepdims=1))
    check(network.model())
    assert len(sizes) == BATCH
    assert max(sizes) < 20_000
