import gymnasium as gym
import numpy as np
import onnx
import pytest

from arena.errors import ArenaError
from arena.policies.file_entries import MAX_ENTRY_BYTES, read_entry, with_entry
from arena.policies.onnx_network import Dense, PolicyNetwork

SPACE = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
MODEL = PolicyNetwork([Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))], SPACE, gym.spaces.Discrete(3)).to_onnx()
CONTENT = MODEL.SerializeToString()


def entry(key: str, value: str) -> bytes:
    return onnx.ModelProto(metadata_props=[onnx.StringStringEntryProto(key=key, value=value)]).SerializeToString()


def test_an_entry_is_written_read_and_replaced_and_the_rest_stays():
    once = with_entry(CONTENT + entry("other", "kept"), "arena", "one", "p")
    twice = with_entry(once, "arena", "two", "p")
    assert (read_entry(CONTENT, "arena", "p"), read_entry(once, "arena", "p"), read_entry(twice, "arena", "p")) == (None, "one", "two")
    model = onnx.load_model_from_string(twice)
    assert {each.key: each.value for each in model.metadata_props} == {"other": "kept", "arena": "two"}
    assert model.graph == MODEL.graph
    assert len(twice) == len(once)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (CONTENT[:-5], "ends in the middle"),
        (b"\x80\x04\x95 pickle", "ends in the middle|is not an ONNX file"),
        (CONTENT + entry("arena", "x" * MAX_ENTRY_BYTES), "more than the 65,536 allowed"),
        (CONTENT + entry("other", "x" * MAX_ENTRY_BYTES), "more than the 65,536 allowed"),
        (CONTENT + entry("arena", "ab").replace(b"ab", b"\xff\xfe"), "is not an ONNX file"),
        (CONTENT + b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends in the middle"),
    ],
)
def test_what_is_no_entry_of_a_policy_is_refused(content: bytes, match: str):
    with pytest.raises(ArenaError, match=match):
        read_entry(content, "arena", "policy p")


def test_an_entry_that_could_not_be_read_again_is_not_written():
    with pytest.raises(ArenaError, match="more than the 65,536 allowed"):
        with_entry(CONTENT, "arena", "x" * MAX_ENTRY_BYTES, "p")
