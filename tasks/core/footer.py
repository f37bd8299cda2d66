"""Join Parquet files of one row group each into one file, so that they can be encoded in parallel.

Nothing is decoded: the pages are taken as they are, and in the footer, a struct of Thrift's compact
protocol, the few fields that say where something lies are moved and all others copied.

Source: https://github.com/apache/parquet-format (parquet.thrift) and Apache Thrift's
thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAGIC = b"PAR1"
_TRAILER = 8  # the footer's length in four bytes, and the magic

_I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 6, 7, 8, 9, 10, 12
_NUM_ROWS, _ROW_GROUPS = 3, 4  # in FileMetaData
_COLUMNS, _ROW_GROUP_OFFSET, _ORDINAL = 1, 5, 7  # in RowGroup
_CHUNK_META_DATA = 3  # in ColumnChunk
_CHUNK_OFFSETS = {2, 4, 6}  # of the chunk, its offset index, its column index
_PAGE_OFFSETS = {9, 10, 11, 14}  # of data, index and dictionary pages, of the Bloom filter


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


def split(struct: bytes) -> list[Field]:
    """The fields of a struct."""
    fields = []
    at, number = 0, 0
    while head := struct[at]:
        if head >> 4:
            number, at = number + (head >> 4), at + 1
        else:
            number, at = _varint(struct, at + 1)
            number = _unzigzag(number)
        end = _end(struct, at, head & 15)
        fields.append(Field(number, head & 15, struct[at:end]))
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
        parts.append(field.raw if short else _zigzag(field.id) + field.raw)
        before = field.id
    return b"".join(parts) + b"\0"


def body_and_footer(file: bytes) -> tuple[bytes, bytes]:
    """What lies between a file's magic and its footer, and the footer."""
    start = len(file) - _TRAILER - int.from_bytes(file[-_TRAILER : -len(MAGIC)], "little")
    return file[len(MAGIC) : start], file[start:-_TRAILER]


def moved_row_group(footer: bytes, by: int, ordinal: int) -> bytes:
    """The one row group that a footer describes, as it is described somewhere else.

    Args:
        footer: of a file of one row group.
        by: how many bytes further behind the row group's pages lie.
        ordinal: how many row groups stand before it.
    """
    groups = next(field.raw for field in split(footer) if field.id == _ROW_GROUPS)
    (group,) = _items(groups)
    return _replaced(
        group,
        {
            _COLUMNS: lambda raw: _list(_moved_chunk(chunk, by) for chunk in _items(raw)),
            _ROW_GROUP_OFFSET: lambda raw: _moved(raw, by),
            _ORDINAL: lambda _: _zigzag(ordinal),
        },
    )


def whole_file_end(empty_footer: bytes, row_groups: list[bytes], rows: int) -> bytes:
    """The footer of all row groups, with what follows it.

    Args:
        empty_footer: of a file of the same columns and no row.
        row_groups: their descriptions, in order.
        rows: of all of them.
    """
    footer = _replaced(
        empty_footer,
        {_NUM_ROWS: lambda _: _zigzag(rows), _ROW_GROUPS: lambda _: _list(row_groups)},
    )
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _moved_chunk(chunk: bytes, by: int) -> bytes:
    def meta_data(raw: bytes) -> bytes:
        return _replaced(raw, dict.fromkeys(_PAGE_OFFSETS, move))

    def move(raw: bytes) -> bytes:
        return _moved(raw, by)

    return _replaced(chunk, {_CHUNK_META_DATA: meta_data, **dict.fromkeys(_CHUNK_OFFSETS, move)})


def _moved(raw: bytes, by: int) -> bytes:
    """An offset, further behind; 0 stands for none."""
    offset = _unzigzag(_varint(raw, 0)[0])
    return _zigzag(offset + by) if offset else raw


def _replaced(struct: bytes, changes: dict[int, Callable[[bytes], bytes]]) -> bytes:
    return join(
        Field(field.id, field.kind, changes[field.id](field.raw)) if field.id in changes else field
        for field in split(struct)
    )


def _items(raw: bytes) -> list[bytes]:
    """The structs of a list."""
    count, at = _list_head(raw, 0)
    items = []
    for _ in range(count):
        end = _end(raw, at, _STRUCT)
        items.append(raw[at:end])
        at = end
    return items


def _list(structs: Iterable[bytes]) -> bytes:
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
    raise ValueError(f"no type of a Parquet footer: {kind}")


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


def _zigzag(value: int) -> bytes:
    return _plain(value << 1 if value >= 0 else ~value << 1 | 1)


def _unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)
