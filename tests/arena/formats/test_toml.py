"""What is written as TOML must be read back as it was."""

import math
import tomllib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arena.formats.toml import read_toml, toml_key, toml_table, toml_value

TEXTS = st.text("".join(map(chr, (0, 9, 10, 13, 31, 32, *b"\"'\\#=.,[]{}-aZ0", 127, 128, 160, 233, 0x2028, 0xFEFF, 0xFFFF, 0x1F600))))
"""Texts of characters that TOML or its readers treat in ways of their own; to tabulate all of Unicode takes Hypothesis a second."""


@given(
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=4,
    )
)
@example({"\x00\x1f\x7f\x80\u2028": ["\U0001f600", 1e300, "a\\b\"c'"]})
@settings(max_examples=50)
def test_values_survive(value: Any):
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_survive(value: float):
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}


def test_none_is_left_out_of_tables():
    lines = toml_table(f"a.{toml_key('b c')}", {"x": None, "y": {"z": None, "w": 1}})
    assert tomllib.loads("\n".join(lines)) == {"a": {"b c": {"y": {"w": 1}}}}


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfseeds = 3\n")
    assert read_toml(tmp_path / "a.toml") == {"seeds": 3}
