"""Structs of Thrift's compact protocol, taken apart without knowing what their fields mean.

Source: Apache Thrift's thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

_I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 6, 7, 8, 9, 10, 12


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct.

    Args:
        id: its number.
        kind: its type in the compact protocol; a Boolean's says its value too.
        raw: its value as it is written.
    """

    id: int
    kind: int
    raw: bytes


def struct_end(raw: bytes, at: int) -> int:
    """Where a struct ends that begins somewhere.

    Raises:
        ValueError, IndexError: no struct does.
    """
    return _end(raw, at, _STRUCT)


def number(raw: bytes) -> int:
    """The number that a field holds."""
    return _unzigzag(_varint(raw, 0)[0])


def split(struct: bytes) -> list[Field]:
    """The fields of a struct."""
    fields = []
    at, last = 0, 0
    while head := struct[at]:
        if head >> 4:
            last, at = last + (head >> 4), at + 1
        else:
            last, at = _varint(struct, at + 1)
            last = _unzigzag(last)
        end = _end(struct, at, head & 15)
        fields.append(Field(last, head & 15, struct[at:end]))
        at = end
    return fields


def join(fields: Iterable[Field]) -> bytes:
    """A struct of fields, in the order of their numbers."""
    parts = []
    before = 0
    for field in fields:
        step = field.id - before
        short = 0 < step < 16
        parts.append(bytes([step << 4 | field.kind if short else field.kind]))
        parts.append(field.raw if short else zigzag(field.id) + field.raw)
        before = field.id
    return b"".join(parts) + b"\0"


def replaced(struct: bytes, changes: Mapping[int, Callable[[bytes], bytes]]) -> bytes:
    """A struct with the values of some fields, by number, made anew from what they were."""
    return join(
        Field(field.id, field.kind, changes[field.id](field.raw)) if field.id in changes else field
        for field in split(struct)
    )


def items_of(raw: bytes) -> list[bytes]:
    """The structs of a list."""
    count, at = _list_head(raw, 0)
    items = []
    for _ in range(count):
        end = _end(raw, at, _STRUCT)
        items.append(raw[at:end])
        at = end
    return items


def list_of(structs: Iterable[bytes]) -> bytes:
    """A list of structs."""
    items = list(structs)
    count = len(items)
    head = bytes([count << 4 | _STRUCT]) if count < 15 else bytes([0xF0 | _STRUCT]) + _plain(count)
    return head + b"".join(items)


def _list_head(raw: bytes, at: int) -> tuple[int, int]:
    count = raw[at] >> 4
    return (count, at + 1) if count < 15 else _varint(raw, at + 1)


def _end(raw: bytes, at: int, kind: int) -> int:
    """Where a value ends that begins somewhere."""
    if kind in (1, 2):  # a Boolean: its type is its value
        return at
    if kind == 3:
        return at + 1
    if kind <= _I64:
        return _varint(raw, at)[1]
    if kind == _DOUBLE:
        return at + 8
    if kind == _BINARY:
        length, at = _varint(raw, at)
        return at + length
    if kind in (_LIST, _SET):
        count, behind = _list_head(raw, at)
        inner = raw[at] & 15
        for _ in range(count):
            # In a list a Boolean takes a byte.
            behind = _end(raw, behind, 3 if inner in (1, 2) else inner)
        return behind
    if kind == _STRUCT:
        while head := raw[at]:
            at = at + 1 if head >> 4 else _varint(raw, at + 1)[1]
            at = _end(raw, at, head & 15)
        return at + 1
    raise ValueError(f"no type of the compact protocol: {kind}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _plain(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def zigzag(value: int) -> bytes:
    """A number as a field holds it."""
    return _plain(value << 1 if value >= 0 else ~value << 1 | 1)


def _unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)
