"""Hold the pages of a Parquet file against their checksums and their footer, decoding none.

Source: https://github.com/apache/parquet-format (parquet.thrift: PageHeader).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.thrift import Field, number, split, struct_end

_SIZE, _CHECKSUM = 3, 4  # in PageHeader
_DATA_HEADERS = {5: 1, 8: 1}  # which of its fields describes values, and where their number stands
_DATA_PAGES = {0, 3}  # by type, the first field


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: how many values it holds (none for a dictionary) and where the next one begins."""

    values: int
    end: int


def check_pages(path: Path, footer: pq.FileMetaData) -> None:
    """Read every page's header, and its bytes where it has a checksum.

    Raises:
        pa.ArrowInvalid: a checksum is another, pages do not fill their column's bytes, or they
            hold more or fewer values than the footer says.
    """
    with path.open("rb") as file:
        for group in map(footer.row_group, range(footer.num_row_groups)):
            for place in range(group.num_columns):
                _check_chunk(file, group.column(place))


def _check_chunk(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> None:
    # A chunk without rows may have a dictionary and no data page.
    start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)), default=0)
    name, size = chunk.path_in_schema, chunk.total_compressed_size
    file.seek(start)
    pages = file.read(size)
    if start <= 0 or len(pages) != size:
        raise pa.ArrowInvalid(f"column {name} lies outside the file")
    values = sum(page.values for page in _pages(pages, name))
    if values != chunk.num_values:
        raise pa.ArrowInvalid(f"pages of {values} values in column {name}, not {chunk.num_values}")


def _pages(pages: bytes, name: str) -> Iterator[_Page]:
    at = 0
    while at < len(pages):
        try:
            page = _page(pages, at)
        except (ValueError, IndexError) as error:
            raise pa.ArrowInvalid(f"no page header at byte {at} of column {name}") from error
        if page.end > len(pages):
            raise pa.ArrowInvalid(f"a page at byte {at} that leaves column {name}")
        yield page
        at = page.end


def _page(pages: bytes, at: int) -> _Page:
    """The page that begins somewhere.

    Raises:
        pa.ArrowInvalid: its checksum is another.
        ValueError, IndexError: none does.
    """
    start = struct_end(pages, at)
    fields = {field.id: field for field in split(pages[at:start])}
    size = number(fields[_SIZE].raw) if _SIZE in fields else -1
    if size < 0:
        raise ValueError("a page without a size")
    body = memoryview(pages)[start : start + size]
    if _CHECKSUM in fields and zlib.crc32(body) != number(fields[_CHECKSUM].raw) & 0xFFFFFFFF:
        raise pa.ArrowInvalid(f"CRC checksum verification failed for the page at byte {at}")
    return _Page(_values(fields), start + size)


def _values(fields: dict[int, Field]) -> int:
    kind = number(fields[1].raw) if 1 in fields else -1
    if kind not in _DATA_PAGES:
        return 0
    for header, place in _DATA_HEADERS.items():
        if header in fields:
            counts = {field.id: field for field in split(fields[header].raw)}
            return number(counts[place].raw) if place in counts else -1
    raise ValueError("a data page without a header of its own")
