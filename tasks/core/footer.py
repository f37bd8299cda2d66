"""Join Parquet files of one row group each into one file, so that they can be encoded in parallel.

Nothing is decoded: the pages are taken as they are, and in the footer, a struct of Thrift's compact
protocol, the few fields that say where something lies are moved and all others copied.

Source: https://github.com/apache/parquet-format (parquet.thrift).
"""

from __future__ import annotations

from tasks.core.thrift import items_of, list_of, number, replaced, split, zigzag

MAGIC = b"PAR1"
_TRAILER = 8  # the footer's length in four bytes, and the magic

_NUM_ROWS, _ROW_GROUPS = 3, 4  # in FileMetaData
_COLUMNS, _ROW_GROUP_OFFSET, _ORDINAL = 1, 5, 7  # in RowGroup
_CHUNK_META_DATA = 3  # in ColumnChunk
_CHUNK_OFFSETS = {2, 4, 6}  # of the chunk, its offset index, its column index
_PAGE_OFFSETS = {9, 10, 11, 14}  # of data, index and dictionary pages, of the Bloom filter


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
    (group,) = items_of(groups)
    return replaced(
        group,
        {
            _COLUMNS: lambda raw: list_of(_moved_chunk(chunk, by) for chunk in items_of(raw)),
            _ROW_GROUP_OFFSET: lambda raw: _moved(raw, by),
            _ORDINAL: lambda _: zigzag(ordinal),
        },
    )


def whole_file_end(empty_footer: bytes, row_groups: list[bytes], rows: int) -> bytes:
    """The footer of all row groups, with what follows it.

    Args:
        empty_footer: of a file of the same columns and no row.
        row_groups: their descriptions, in order.
        rows: of all of them.
    """
    footer = replaced(
        empty_footer,
        {_NUM_ROWS: lambda _: zigzag(rows), _ROW_GROUPS: lambda _: list_of(row_groups)},
    )
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _moved_chunk(chunk: bytes, by: int) -> bytes:
    def meta_data(raw: bytes) -> bytes:
        return replaced(raw, dict.fromkeys(_PAGE_OFFSETS, move))

    def move(raw: bytes) -> bytes:
        return _moved(raw, by)

    return replaced(chunk, {_CHUNK_META_DATA: meta_data, **dict.fromkeys(_CHUNK_OFFSETS, move)})


def _moved(raw: bytes, by: int) -> bytes:
    """An offset, further behind; 0 stands for none."""
    offset = number(raw)
    return zigzag(offset + by) if offset else raw
