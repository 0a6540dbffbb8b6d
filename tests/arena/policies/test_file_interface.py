import onnx
import pytest
from onnx import TensorProto, helper

from arena.errors import ArenaError
from arena.policies.file_interface import check_interface

GOOD = {"observations": (TensorProto.FLOAT, ["N", 4])}
ANSWERS = {"actions": (TensorProto.INT64, ["N"]), "action_scores": (TensorProto.FLOAT, ["N", 2])}


def model(inputs: dict, outputs: dict) -> onnx.ModelProto:
    values = [[helper.make_tensor_value_info(name, *form) for name, form in each.items()] for each in (inputs, outputs)]
    return helper.make_model(helper.make_graph([], "g", *values))


def test_the_form_of_a_policy_is_taken():
    check_interface(model(GOOD, ANSWERS), "policy p")
    check_interface(model(GOOD, {**ANSWERS, "value": (TensorProto.FLOAT, [1, 1])}), "policy p")


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ({"input": (1, [1, 4])}, ANSWERS, ["the input is 'input', not 'observations'", "the batch axis of 'input' is fixed at 1"]),
        ({}, ANSWERS, ["the inputs are nothing, not 'observations'"]),
        (GOOD, {"q": (1, ["N", 2])}, ["there is no output 'actions' or 'action_scores'; it gives 'q'"]),
        (GOOD, {**ANSWERS, "actions": (7, [8])}, ["the batch axis of 'actions' is fixed at 8"]),
        ({"observations": (1, ["N"])}, ANSWERS, ["'observations' has 1 axes, and 2 or more are needed"]),
        ({"observations": (1, ["N", "D"])}, ANSWERS, ["'observations' has a free axis besides the first"]),
        (
            {"observations": (TensorProto.BOOL, ["N", 4])},
            ANSWERS,
            ["'observations' is of a type other than float32, uint8, int64 or float64"],
        ),
    ],
)
def test_all_that_is_to_change_is_named(inputs: dict, outputs: dict, told: list[str]):
    with pytest.raises(ArenaError, match="has another form than a policy") as caught:
        check_interface(model(inputs, outputs), "policy p")
    for sentence in (*told, "arena.policies.from_onnx"):
        assert sentence in str(caught.value)
