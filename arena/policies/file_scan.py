"""The scan of a policy file before it is parsed: how many parts it has, counted in the bytes.

A part of two bytes becomes an object of a hundred when the file is parsed: a file of 32 MB that holds nothing but empty nodes takes 2.5 GB.
"""

from typing import Any

import onnx

from arena.errors import ArenaError

MAX_PARTS = 200_000
"""Max number of fields of all messages in a policy file. A network of 2,000 nodes has about 30,000; packed numbers count as one."""
MAX_PACKED_BYTES = 16 * 1024**2
"""Max bytes of integers that are stored packed, which take up to eight times as much once parsed; raw tensors take no more than before."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types; two more, for groups, have no content of their own
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_FLOAT_TYPES = (1, 2)  # double and float, in a descriptor


def check_parts(content: bytes, where: str) -> None:
    """Refuses the content of a file that would become too many objects. What isn't a message of ONNX is left to the parser.

    Args:
        content: Content of the file.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If there are too many parts.
    """
    num_parts = num_packed_bytes = 0
    messages: list[tuple[int, int, Any]] = [(0, len(content), onnx.ModelProto.DESCRIPTOR)]
    try:
        while messages:
            position, end, descriptor = messages.pop()
            while position < end:
                key, position = _varint(content, position)
                num_parts += 1
                if num_parts > MAX_PARTS:
                    raise ArenaError(f"{where} has more than the {MAX_PARTS:,} parts allowed; is it a policy?")
                kind = key & 7
                if kind == _VARINT:
                    _, position = _varint(content, position)
                elif kind == _BYTES:
                    size, position = _varint(content, position)
                    field = descriptor.fields_by_number.get(key >> 3)
                    if field is not None and field.message_type is not None:
                        messages.append((position, min(position + size, end), field.message_type))
                    elif field is not None and field.type != field.TYPE_BYTES and field.type != field.TYPE_STRING:
                        num_packed_bytes += 0 if field.type in _FLOAT_TYPES else min(size, end - position)
                        if num_packed_bytes > MAX_PACKED_BYTES:
                            raise ArenaError(f"{where} has more than {MAX_PACKED_BYTES:,} bytes of packed integers; store tensors raw")
                    position += size
                else:
                    position += _FIXED_BYTES.get(kind, 0)
    except IndexError:  # the file ends within a number
        return


def field_at(content: bytes, position: int) -> tuple[int, int, int]:
    """Returns number, start of the value and end of the field that begins at a position of a message.

    Raises:
        IndexError: If the field does not end within the content, or is of a kind that no message of ONNX has.
    """
    key, value = _varint(content, position)
    kind = key & 7
    if kind == _VARINT:
        _, end = _varint(content, value)
    elif kind == _BYTES:
        size, value = _varint(content, value)
        end = value + size
    elif kind in _FIXED_BYTES:
        end = value + _FIXED_BYTES[kind]
    else:
        raise IndexError
    if end > len(content):
        raise IndexError
    return key >> 3, value, end


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Returns the number that begins at a position, and the position after it."""
    value = shift = 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 70:
            raise IndexError
