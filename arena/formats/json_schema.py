"""JSON Schema of dataclasses, with the docstrings of their fields as descriptions: what an editor needs to complete and explain a file."""

import ast
import dataclasses
import inspect
import textwrap
from typing import Any

import pydantic


def schema_of(kind: type, at: str) -> dict[str, Any]:
    """Returns the schema of a dataclass: its fields with their types, bounds, defaults and descriptions; other keys are refused.

    Args:
        kind: a dataclass whose source is at hand.
        at: place of the schema in the whole document, such as `#/$defs/Budget`, for references to its own parts.
    """
    schema = pydantic.TypeAdapter(kind).json_schema(ref_template=f"{at}/$defs/{{model}}")
    docs = field_docs(kind)
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in docs:
            field["description"] = docs[name]
    schema.pop("title", None)
    return {**schema, "description": inspect.getdoc(kind), "additionalProperties": False}


def field_docs(kind: type) -> dict[str, str]:
    """Returns the docstring below each field of a dataclass and of those that it inherits from."""
    docs: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        if dataclasses.is_dataclass(part):
            docs |= _own_docs(part)
    return docs


def _own_docs(kind: type) -> dict[str, str]:
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if is_field and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            assert isinstance(field, ast.AnnAssign)
            assert isinstance(field.target, ast.Name)
            docs[field.target.id] = inspect.cleandoc(text.value.value)
    return docs
