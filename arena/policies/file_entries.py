"""Entries beside the network in a policy file: named texts (`metadata_props` of ONNX), read and written without parsing the network.

An ONNX file is a protobuf message, whose top-level fields stand one behind the other. An entry is one of them, so it is found, left out or
appended in the bytes, whoever wrote the rest.
"""

from collections.abc import Iterator

import onnx

from arena.errors import ArenaError
from arena.policies.file_scan import check_parts, field_at

METADATA_KEY = "arena"
"""Name of the entry that holds the metadata (`arena.policies.metadata`)."""
MAX_ENTRY_BYTES = 65_536
"""Largest size of an entry that is read or written."""
_METADATA_PROPS = onnx.ModelProto.DESCRIPTOR.fields_by_name["metadata_props"].number


def read_entry(content: bytes, key: str, where: str) -> str | None:
    """Returns the text of an entry of a policy file; None if there is none. Nothing else of the file is looked at.

    Args:
        content: Content of the file.
        key: Name of the entry.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is no message of ONNX, or an entry is too large or no text.
    """
    found = None
    for number, _, value, end in _fields(content, where):
        if number == _METADATA_PROPS and (entry := _entry(content[value:end], where)).key == key:
            found = entry.value
    return found


def with_entry(content: bytes, key: str, text: str, where: str) -> bytes:
    """Returns the content of a policy file with an entry, which takes the place of an earlier one of that name.

    Args:
        content: Content of the file.
        key: Name of the entry.
        text: Text of the entry.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is no message of ONNX, or an entry is too large.
    """
    kept = [
        content[start:end]
        for number, start, value, end in _fields(content, where)
        if number != _METADATA_PROPS or _entry(content[value:end], where).key != key
    ]
    entry = onnx.StringStringEntryProto(key=key, value=text)
    _refuse_large(entry.ByteSize(), where)
    return b"".join([*kept, onnx.ModelProto(metadata_props=[entry]).SerializeToString()])


def _fields(content: bytes, where: str) -> Iterator[tuple[int, int, int, int]]:
    """Yields number, start, start of the value, and end of each top-level field."""
    check_parts(content, where)
    end = 0
    while end < len(content):
        start = end
        try:
            number, value, end = field_at(content, start)
        except IndexError:
            raise ArenaError(f"{where} is not an ONNX file: it ends in the middle of a field") from None
        yield number, start, value, end


def _entry(value: bytes, where: str) -> onnx.StringStringEntryProto:
    _refuse_large(len(value), where)
    entry = onnx.StringStringEntryProto()
    try:
        entry.ParseFromString(value)
    except Exception as error:  # protobuf's decode errors differ by its implementation
        raise ArenaError(f"{where} is not an ONNX file: {error}") from error
    if not (isinstance(entry.key, str) and isinstance(entry.value, str)):  # protobuf gives bytes for what is not UTF-8
        raise ArenaError(f"{where} is not an ONNX file: an entry beside the network is not UTF-8")
    return entry


def _refuse_large(num_bytes: int, where: str) -> None:
    if num_bytes > MAX_ENTRY_BYTES:
        raise ArenaError(f"{where}: an entry beside the network has {num_bytes:,} bytes, more than the {MAX_ENTRY_BYTES:,} allowed")
