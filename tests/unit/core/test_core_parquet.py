"""Row groups encoded apart make one file that every reader reads, the same bytes each time."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core import footer, parquet, thrift

ROWS = pl.DataFrame(
    {
        "text": ["a", None, "a text of more than twelve bytes", "é"] * 700,
        "list": [["x"], None, [], ["y", None]] * 700,
        "number": [None, 1.5, float("nan"), -0.0] * 700,
        "sum": [Decimal("1.25"), None] * 1400,
        "kind": pl.Series(["u", "v"] * 1400, dtype=pl.Enum(["u", "v"])),
        "at": pl.Series([dt.datetime(2010, 1, 4, 10)] * 2800).dt.replace_time_zone("Europe/London"),
        "empty": pl.Series([None] * 2800, dtype=pl.Int8),
        "_source": ["f.csv"] * 2800,
        "_line": range(1, 2801),
    },
    schema_overrides={"_line": pl.Int64},
)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 128)


@pytest.mark.parametrize("columns", [ROWS.columns, ["text", "_line"], ["number"]])
@pytest.mark.parametrize("count", [0, 1, 128, 2800])
def test_a_table_is_read_back_by_both_readers(
    count: int, columns: list[str], tmp_path: Path
) -> None:
    rows = ROWS.select(columns).head(count)
    path = tmp_path / "a.parquet"
    written = parquet.write(rows, path, {"run": "7"})
    assert written.rows == count
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert parquet.read_metadata(path) == {"run": "7"}
    assert pl.read_parquet(path).equals(rows)
    assert pl.read_parquet(path).schema == rows.schema
    table = pq.read_table(path, page_checksum_verification=True)
    assert pl.DataFrame(table).equals(rows)
    assert not any(pa.types.is_string_view(field.type) for field in table.schema)
    about = pq.read_metadata(path)
    assert about.num_row_groups == -(-count // 128)
    assert [about.row_group(i).num_rows for i in range(about.num_row_groups)][:-1] == (
        [128] * (about.num_row_groups - 1) if count else []
    )


def test_single_groups_and_columns_are_where_the_footer_says(tmp_path: Path) -> None:
    parquet.write(ROWS, tmp_path / "a.parquet")
    with pq.ParquetFile(tmp_path / "a.parquet", page_checksum_verification=True) as file:
        for group in (0, 1, file.num_row_groups - 1):
            for column in ("text", "sum", "_line"):
                part = pl.DataFrame(file.read_row_group(group, columns=[column]))
                assert part.equals(ROWS.select(column).slice(group * 128, 128))
    scan = pl.scan_parquet(tmp_path / "a.parquet")
    assert scan.filter(pl.col("_line") == 2700).collect().equals(ROWS.slice(2699, 1))


def test_the_sizes_of_the_frames_make_no_difference(tmp_path: Path) -> None:
    whole = parquet.write(ROWS, tmp_path / "a.parquet").sha256
    chance = random.Random(3)
    for _ in range(5):
        with parquet.open_table(tmp_path / "b.parquet", ROWS.schema) as table:
            start = 0
            while start < ROWS.height:
                size = chance.randrange(700)
                table.add(ROWS.slice(start, size))
                start += size
        assert table.sha256 == whole
    assert parquet.write(ROWS.lazy(), tmp_path / "c.parquet").sha256 == whole


def test_a_flipped_bit_in_any_page_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write(ROWS, path)
    content = path.read_bytes()
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    chance = random.Random(5)
    missed = 0
    for _ in range(150):
        damaged = bytearray(content)
        damaged[chance.randrange(4, end)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            table = pq.read_table(path, page_checksum_verification=True)
            table.validate(full=True)  # no checksum covers a page's header
        except (OSError, pa.ArrowException):
            continue
        # A flip in a page's own statistics changes no value.
        missed += not pl.DataFrame(table).equals(ROWS)
    assert missed == 0


def test_numbers_that_never_fall_are_stored_as_steps(tmp_path: Path) -> None:
    grow = pl.DataFrame(
        {
            "at": [dt.datetime(2010, 1, 4) + dt.timedelta(seconds=n // 2) for n in range(300)],
            "huge": pl.Series([0, *[2**64 - 1] * 299], dtype=pl.UInt64),
            "falls": [*range(299), 0],
            "gaps": [*range(299), None],
            "text": ["a"] * 300,
        }
    )
    parquet.write(grow, tmp_path / "a.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet").equals(grow)
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(2)
    stepped = {
        group.column(i).path_in_schema
        for i in range(group.num_columns)
        if "DELTA_BINARY_PACKED" in group.column(i).encodings
    }
    assert stepped == {"at", "huge"}


def test_an_error_leaves_no_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def fail() -> None:
        with parquet.open_table(path, ROWS.schema) as table:
            table.add(ROWS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(pa.ArrowException):
        pq.read_metadata(path)


@pytest.mark.parametrize(("columns", "rows"), [(1, 128), (2**18, 64), (2**25, 1)])
def test_wide_tables_have_smaller_row_groups(columns: int, rows: int) -> None:
    assert parquet.group_rows(columns) == rows


def test_a_footer_split_and_joined_is_the_same(tmp_path: Path) -> None:
    parquet.write(ROWS, tmp_path / "a.parquet")
    end = footer.body_and_footer((tmp_path / "a.parquet").read_bytes())[1]
    assert thrift.join(thrift.split(end)) == end
