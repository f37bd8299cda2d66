"""Pages of Parquet files against their checksums and footer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingest.parquet_pages import check_pages

TABLE = pa.table({"id": range(5000), "text": [str(n % 7) * 3 for n in range(5000)]})


def _written(path: Path, **options: Any) -> pq.FileMetaData:
    options = {"write_page_checksum": True, "data_page_size": 2048, **options}
    pq.write_table(TABLE, path, row_group_size=2000, **options)
    return pq.read_metadata(path)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_sound_pages_pass(tmp_path: Path, version: str, compression: str) -> None:
    path = tmp_path / "a.parquet"
    check_pages(path, _written(path, data_page_version=version, compression=compression))


def test_a_file_of_another_writer_without_checksums_passes(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, None, 3]}).write_parquet(tmp_path / "a.parquet")
    check_pages(tmp_path / "a.parquet", pq.read_metadata(tmp_path / "a.parquet"))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_every_flipped_bit_of_a_page_is_seen(tmp_path: Path, version: str) -> None:
    """Also where it stands in the page's header: then it is another size, count or checksum."""
    path = tmp_path / "a.parquet"
    footer = _written(path, data_page_version=version, use_dictionary=False, compression="none")
    content = path.read_bytes()
    chunk = footer.row_group(1).column(0)
    first, last = chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size
    unseen = []
    for at in [*range(first, first + 12), *range(first + 200, last, 997)]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        try:
            check_pages(path, footer)
        except pa.ArrowInvalid:
            continue
        unseen.append(at)
    # What a reader may ignore, like an encoding's number, carries no checksum of its own.
    assert all(at < first + 12 for at in unseen)
    assert len(unseen) < 6


def test_a_footer_of_another_file_is_refused(tmp_path: Path) -> None:
    _written(tmp_path / "a.parquet")
    longer = pa.concat_tables([TABLE, TABLE])
    sink = io.BytesIO()
    pq.write_table(longer, sink, compression="none")
    with pytest.raises(pa.ArrowInvalid, match="column id"):
        check_pages(tmp_path / "a.parquet", pq.read_metadata(io.BytesIO(sink.getvalue())))
