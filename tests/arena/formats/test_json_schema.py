import dataclasses

from arena.formats.json_schema import field_docs, schema_of


@dataclasses.dataclass(frozen=True)
class Inner:
    """Part of another."""

    size: int = 3
    """Size of the part."""


@dataclasses.dataclass(frozen=True)
class Base:
    """What others inherit."""

    first: float = 0.5
    """Number that
    takes two lines."""
    second: int = 1
    """Number of the base."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Derived(Base):
    """A derived one."""

    second: int = 2
    """Number of the derived."""
    undescribed: str = ""
    inner: Inner = Inner()
    """Another dataclass."""


def test_docstrings_of_fields_are_found_also_those_that_are_inherited():
    assert field_docs(Derived) == {
        "first": "Number that\ntakes two lines.",
        "second": "Number of the derived.",
        "inner": "Another dataclass.",
    }


def test_a_schema_describes_its_fields_and_refers_to_its_own_parts():
    schema = schema_of(Derived, "#/$defs/x")
    assert schema["additionalProperties"] is False
    assert schema["description"] == "A derived one."
    assert schema["properties"]["second"] == {"default": 2, "type": "integer", "description": "Number of the derived."}
    assert schema["properties"]["inner"]["$ref"] == "#/$defs/x/$defs/Inner"
    assert "Inner" in schema["$defs"]
