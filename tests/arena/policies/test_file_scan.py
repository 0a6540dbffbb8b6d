from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hostile_policies import sound
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.errors import ArenaError
from arena.policies import file_scan
from arena.policies.file_check import check_policy_bytes
from arena.policies.file_scan import check_parts

CONTENT = sound().model().SerializeToString()


def field(number: int, content: bytes) -> bytes:
    """Returns a field of bytes or of a message, as it stands in a file."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the test fail if anything is parsed."""

    def parse() -> onnx.ModelProto:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(onnx, "ModelProto", parse)


@pytest.mark.parametrize(
    "content_of",
    [
        lambda many: field(7, field(1, b"") * many),  # nodes
        lambda many: field(7, field(5, b"") * many),  # initializers
        lambda many: field(7, field(1, field(5, b"") * many)),  # attributes of one node
        lambda many: field(7, field(1, field(5, b"\x40\x01" * many))),  # integers of one attribute, each by itself
        lambda many: field(7, field(5, b"\x08\x01" * many)),  # dimensions of one initializer
        lambda many: field(14, b"") * many,  # metadata
        lambda many: b"\xf8\x07\x01" * many,  # fields that no version knows
        lambda many: b"\xfb\x07\xfc\x07" * many,  # groups
    ],
    ids=["nodes", "initializers", "attributes", "integers", "dimensions", "metadata", "unknown", "groups"],
)
def test_a_file_of_very_many_parts_is_refused_before_it_is_parsed(
    content_of: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr(file_scan, "MAX_PARTS", 20_000)
        descriptor = onnx.ModelProto.DESCRIPTOR
        unparsed(context)
        onnx.ModelProto.DESCRIPTOR = descriptor
        with pytest.raises(ArenaError, match=r"policy strange\.onnx has more than the 20,000 parts allowed"):
            check_policy_bytes(content_of(20_001), "policy strange.onnx")


def test_a_file_may_have_200_000_parts_and_no_more() -> None:
    check_parts(field(14, b"") * 200_000, "policy")
    with pytest.raises(ArenaError, match=r"policy has more than the 200,000 parts allowed"):
        check_parts(field(14, b"") * 200_001, "policy")


@pytest.mark.parametrize(
    "content", [field(7, field(5, field(7, b"\x01" * 20_000_000))), field(7, field(1, field(5, field(8, b"\x01" * 20_000_000))))]
)
def test_integers_that_grow_when_they_are_parsed_are_refused(content: bytes) -> None:
    with pytest.raises(ArenaError, match="bytes of packed integers; store tensors raw"):
        check_parts(content, "policy")


def test_large_tensors_of_a_sound_file_are_one_part() -> None:
    network = sound()
    network.add("MatMul", "observations", np.ones((4, 1_000_000), np.float32))
    check_parts(network.model().SerializeToString(), "policy")
    check_parts(field(7, field(5, field(4, b"\x01" * 20_000_000))), "floats, packed")


def test_as_many_parts_as_a_large_network_has_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    network = sound()
    for _ in range(2_000):
        network.add("Add", "observations", "observations", doc_string="x")
    content = network.model().SerializeToString()
    monkeypatch.setattr(file_scan, "MAX_PARTS", 30_000)
    check_parts(content, "policy")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(CONTENT)))
def test_whatever_the_bytes_are_the_scan_ends(content: bytes, position: int) -> None:
    check_parts(content, "noise")
    check_parts(CONTENT[:position] + content + CONTENT[position:], "noise")
