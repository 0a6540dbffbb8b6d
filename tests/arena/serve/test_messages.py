import json

import numpy as np
import pytest

from arena.policies.policy import PolicySignature
from arena.serve.messages import Answer, BadRequest, model_metadata, read_act, read_infer, write_infer

TWO = np.arange(6, dtype=np.float32).reshape(2, 3)
IMAGES = PolicySignature((2, 2, 1), np.dtype(np.uint8), (), np.dtype(np.int64), 2)


def infer_body(data=None, **changes) -> bytes:
    tensor = {"name": "observations", "datatype": "FP32", "shape": [2, 3], "data": TWO.tolist() if data is None else data, **changes}
    return json.dumps({"id": "7", "inputs": [tensor]}).encode()


def binary_body(tensor_bytes: bytes, **changes) -> tuple[bytes, str]:
    size = {"binary_data_size": len(tensor_bytes)}
    tensor = {"name": "observations", "datatype": "FP32", "shape": [2, 3], "parameters": size, **changes}
    header = json.dumps({"inputs": [tensor], "outputs": [{"name": "actions", "parameters": {"binary_data": True}}]}).encode()
    return header + tensor_bytes, str(len(header))


def test_one_observation_and_several(signature):
    assert read_act(b'{"observation": [0, 1, 2]}', signature, 10).tolist() == [[0, 1, 2]]
    several = read_act(b'{"observations": [[0, 1, 2], [3, 4, 5]]}', signature, 10)
    assert (several.tolist(), several.dtype) == (TWO.tolist(), np.float32)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "nested more than"),
        (b'{"observations": [[0, 1, 2]], "observation": [0, 1, 2]}', "the body must be"),
        (b'{"observations": [[0, 1, 2]], "extra": 1}', "the body must be"),
        (b'{"observations": [[0, 1], [2]]}', "lists of equal lengths"),
        (b'{"observations": [["a", "b", "c"]]}', "must be numbers"),
        (b'{"observations": null}', "must be numbers"),
        (b'{"observations": {"a": 1}}', "must be numbers"),
        (b'{"observations": 3}', "have shape"),
        (b'{"observations": [[0, 1]]}', r"have shape \[1, 2\]; the policy takes \[N, 3\]"),
        (b'{"observations": []}', "have shape"),
        (b'{"observation": [0, 1, 1e999]}', "not finite"),
        (b'{"observation": [0, 1, NaN]}', "not finite"),
        (b'{"observation": [0, 1, 1e300]}', "not finite"),
        (json.dumps({"observations": [[0, 0, 0]] * 11}).encode(), "11 observations; a request holds 1 to 10"),
    ],
)
def test_what_no_policy_could_answer_is_refused(signature, body, message):
    with pytest.raises(BadRequest, match=message):
        read_act(body, signature, 10)


def test_images_are_whole_numbers_that_fit_their_type():
    assert read_act(b'{"observation": [[[0], [255]], [[7], [1]]]}', IMAGES, 10).dtype == np.uint8
    for wrong in ("256", "-1", "0.5"):
        with pytest.raises(BadRequest, match="whole numbers of type uint8"):
            read_act(f'{{"observation": [[[0], [{wrong}]], [[7], [1]]]}}'.encode(), IMAGES, 10)


def test_requests_of_the_inference_protocol_as_json_and_as_bytes(signature):
    asked = read_infer(infer_body(), None, signature, 10)
    assert (asked.observations.tolist(), asked.id, dict(asked.binary)) == (TWO.tolist(), "7", {"actions": False, "action_scores": False})
    assert read_infer(infer_body(data=TWO.reshape(-1).tolist()), None, signature, 10).observations.tolist() == TWO.tolist()
    asked = read_infer(*binary_body(TWO.tobytes()), signature, 10)
    assert (asked.observations.tolist(), dict(asked.binary)) == (TWO.tolist(), {"actions": True})


@pytest.mark.parametrize(
    ("body", "length", "message"),
    [
        (infer_body(name="input"), None, "must be 'observations' of datatype FP32"),
        (infer_body(datatype="FP64"), None, "must be 'observations' of datatype FP32"),
        (infer_body(shape=[2, 4]), None, "do not fit"),
        (infer_body(shape=[3, 3]), None, "do not fit"),
        (infer_body(shape=[2.0, 3]), None, "whole numbers"),
        (infer_body(shape=[-2, 3]), None, "whole numbers"),
        (infer_body(shape=[10**30, 3]), None, "do not fit"),
        (infer_body(parameters=[]), None, "parameters must be an object"),
        (json.dumps({"inputs": []}).encode(), None, "one tensor"),
        (json.dumps({"inputs": [1]}).encode(), None, "one tensor"),
        (infer_body(), "0", "not within the body"),
        (infer_body(), "99999", "not within the body"),
        (infer_body(), "-1", "not within the body"),
        (infer_body(), "²", "not within the body"),
        (*binary_body(TWO.tobytes()[:-4]), "do not fit"),
        (binary_body(TWO.tobytes())[0] + b"more", binary_body(TWO.tobytes())[1], "not the 28 bytes"),
        (*binary_body(np.full((2, 3), np.nan, np.float32).tobytes()), "not finite"),
        (json.dumps({**json.loads(infer_body()), "outputs": [{"name": "value"}]}).encode(), None, "outputs must be among"),
    ],
)
def test_malformed_requests_of_the_protocol_are_refused(signature, body, length, message):
    with pytest.raises(BadRequest, match=message):
        read_infer(body, length, signature, 10)


def test_answers_repeat_the_id_and_put_bytes_behind_the_json(signature):
    answer = Answer(np.array([1, 0]), np.array([[0, 1], [2, 0]], np.float32))
    content, length = write_infer(read_infer(infer_body(), None, signature, 10), answer, "sums", "2")
    value = json.loads(content)
    assert (length, value["id"], value["model_name"], value["model_version"]) == (None, "7", "sums", "2")
    assert value["outputs"][1] == {"name": "action_scores", "datatype": "FP32", "shape": [2, 2], "data": [0, 1, 2, 0]}
    content, length = write_infer(read_infer(*binary_body(TWO.tobytes()), signature, 10), answer, "sums", "2")
    (tensor,) = json.loads(content[:length])["outputs"]
    assert (tensor["datatype"], tensor["parameters"]) == ("INT64", {"binary_data_size": 16})
    assert np.frombuffer(content[length:], np.int64).tolist() == [1, 0]


def test_a_model_tells_what_it_takes_and_gives(signature):
    told = model_metadata("sums", ["1", "2"], signature)
    assert told["inputs"] == [{"name": "observations", "datatype": "FP32", "shape": [-1, 3]}]
    assert [each["shape"] for each in told["outputs"]] == [[-1], [-1, 2]]
