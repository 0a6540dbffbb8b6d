from hypothesis import given
from hypothesis import strategies as st

from arena.formats.differences import all_told, differences, differing_keys, sides, told

TEXTS = st.text("ab.")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20
)


@given(JSON)
def test_a_value_does_not_differ_from_itself(value):
    assert differences(value, value) == []


def test_tables_are_compared_key_by_key_and_lists_as_a_whole():
    old = {"a": {"b": 1, "c": [1, 2]}, "gone": True}
    new = {"a": {"b": 2, "c": [1, 3]}, "added": {"x": 1}}
    assert differences(old, new) == [("a.b", 1, 2), ("a.c", [1, 2], [1, 3]), ("gone", True, None), ("added", None, {"x": 1})]
    assert differences(1, 2) == [("", 1, 2)]


def test_a_difference_is_told_in_one_short_line():
    found = differences({"a": 8, "b": 1, "c": 1}, {"a": 10, "b": 2, "c": "x" * 100})
    assert told(found[0]) == "a: 8 there, 10 wanted"
    assert all_told(found[:2]) == "a: 8 there, 10 wanted; b: 1 there, 2 wanted"
    assert all_told(found, max_shown=1) == "a: 8 there, 10 wanted; …"
    assert len(told(found[2])) < 100
    assert told(found[2]).endswith("… wanted")


def test_either_side_is_told_only_where_it_differs():
    assert sides({"a": 1, "b": "x", "c": 3}, {"a": 2, "b": "y", "c": 3}) == ('a=1, b="x"', 'a=2, b="y"')
    assert sides(1, "1") == ("1", '"1"')
    assert sides({"a": 1}, {"a": 1}) == ("", "")


def test_keys_differ_where_a_table_lacks_them_or_has_another_value():
    assert differing_keys([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None}, {"a": 1, "b": 2}]) == ["b", "c"]
    assert differing_keys([{"a": 1}]) == []
    assert differing_keys([]) == []
