"""Typing rows again from JSON: the inverse of what quarantine writes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import quarantine
from tasks.core.errors import DataError
from tasks.validate.retype import retype, try_retype

SCHEMA: dict[str, pl.DataType] = {
    "name": pl.String(),
    "count": pl.Int8(),
    "big": pl.UInt64(),
    "share": pl.Float64(),
    "price": pl.Decimal(12, 2),
    "paid": pl.Boolean(),
    "day": pl.Date(),
    "at": pl.Datetime("us"),
    "at_ms": pl.Datetime("ms"),
    "there": pl.Datetime("us", "Europe/London"),
    "hour": pl.Time(),
    "token": pl.Binary(),
}
_MOMENTS = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1))
_ROWS = st.fixed_dictionaries(
    {
        "name": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "count": st.none() | st.integers(-128, 127),
        "big": st.none() | st.integers(0, 2**64 - 1),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "price": st.none() | st.integers(-(10**11), 10**11).map(lambda n: Decimal(n) / 100),
        "paid": st.none() | st.booleans(),
        "day": st.none() | st.dates(),
        "at": st.none() | _MOMENTS,
        "at_ms": st.none() | _MOMENTS.map(lambda m: m.replace(microsecond=1000)),
        "there": st.none() | _MOMENTS.map(lambda m: m.replace(tzinfo=dt.UTC)),
        "hour": st.none() | st.times(),
        "token": st.none() | st.binary(),
    }
)


@settings(deadline=None)
@given(st.lists(_ROWS, max_size=5))
def test_what_quarantine_wrote_is_read_back_as_it_was(rows: list[dict[str, object]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    origin = {"_source": pl.lit("a"), "_line": pl.lit(1, dtype=pl.Int64)}
    held = quarantine.from_rows(
        "validate", "t", frame.with_columns(**origin).lazy(), pl.lit([], dtype=pl.List(pl.String))
    ).collect()
    assert retype(held["raw"].to_list(), SCHEMA).equals(frame)


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not a JSON object"),
        ('{"count": 1}', "at is missing"),
        ('{"count": 1, "at": null, "extra": 1}', "'extra' is no column"),
        ('{"count": [1], "at": null}', "count is no single value"),
        ('{"count": "4711x", "at": null}', "count is no Int8"),
        ('{"count": 4711, "at": null}', "count is no Int8"),
        ('{"count": 1.5, "at": null}', "count is no Int8"),
        ('{"count": 1, "at": "4711"}', "at is no Datetime"),
        ('{"count": 1, "at": "2010-01-01T00:00:00+01:00"}', "at is no Datetime"),
    ],
)
def test_a_fault_names_the_column_and_tells_no_value(row: str, cause: str) -> None:
    schema = {"count": pl.Int8(), "at": pl.Datetime("us")}
    good = '{"count": 1, "at": "2010-01-04 09:24:00"}'
    with pytest.raises(DataError) as caught:
        retype([good, row], schema)
    assert caught.value.found.startswith(f"row 2: {cause}")
    assert "4711" not in str(caught.value)


def test_numbers_may_be_strings_and_strings_may_be_numbers() -> None:
    schema = {"n": pl.Int32(), "s": pl.String(), "b": pl.Boolean()}
    typed = retype(['{"n": " 7 ", "s": 7, "b": "true"}'], schema)
    assert typed.row(0) == (7, "7", True)


@pytest.mark.parametrize("text", ["AP8=", "base64:AP8", "base64:AP9=", "hex:0", "sha256:00", ""])
def test_bytes_say_how_they_are_written(text: str) -> None:
    schema = {"token": pl.Binary()}
    typed = retype(['{"token": "base64:AP8="}', '{"token": "hex:00Ff"}'], schema)
    assert typed["token"].to_list() == [b"\x00\xff"] * 2
    with pytest.raises(DataError, match="token is no Binary, written base64:… or hex:…"):
        retype([f'{{"token": "{text}"}}'], schema)


@pytest.mark.parametrize("text", ["1.105", "10000000000", "1,5", "x", "NaN", "Infinity"])
def test_a_decimal_is_not_rounded_to_fit(text: str) -> None:
    with pytest.raises(DataError, match="price is no Decimal"):
        retype([f'{{"price": "{text}"}}'], {"price": pl.Decimal(12, 2)})


def test_many_faults_are_cut_short() -> None:
    with pytest.raises(DataError, match="and 2 more"):
        retype(["1"] * 12, {"n": pl.Int32()})


def test_the_good_rows_are_typed_beside_the_bad() -> None:
    typed, faults = try_retype(['{"n": 1}', '{"n": "x"}'], {"n": pl.Int32()})
    assert typed["n"].to_list() == [1, None]
    assert [(fault.row, fault.cause) for fault in faults] == [(1, "n is no Int32")]
