"""Repeated keys are found as Polars' own, slower test finds them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.engine import repeats

KEYS: dict[str, tuple[list[Any], Any]] = {
    "whole": ([1, None, 1, 2, None], pl.Int64),
    "real": ([0.0, -0.0, float("nan"), float("nan"), 1.0], pl.Float64),
    "text": (["a", None, "a", "", None], pl.String),
    "flag": ([True, False, True, None], pl.Boolean),
    "day": ([dt.date(2024, 1, 1), dt.date(2024, 1, 1), None], pl.Date),
    "price": ([Decimal("1.10"), Decimal("1.1"), Decimal("2")], pl.Decimal(10, 2)),
    "list": ([[1], [1], [2], None], pl.List(pl.Int64)),
    "void": ([None, None], pl.Null),
    "empty": ([], pl.Int64),
    "single": ([1], pl.Int64),
}


def _found(keys: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"key": keys})
    return frame.select(repeats.is_repeated(pl.col("key"))).to_series()


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_every_type_repeat_where_polars_says_so(name: str) -> None:
    values, dtype = KEYS[name]
    keys = pl.Series("key", values, dtype=dtype)
    assert _found(keys).equals(keys.is_duplicated())
    # with many other keys only those that share a hash are looked at
    many = pl.DataFrame({"key": keys}).with_columns(at=pl.lit(-1))
    others = pl.DataFrame({"key": keys.clear(100), "at": range(100)}, schema=many.schema)
    many = pl.concat([many, others])
    records = many.to_struct("key")
    assert _found(records).equals(records.is_duplicated())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(0, 60), st.sampled_from("ab")), max_size=60))
def test_compound_keys_repeat_where_polars_says_so(rows: list[tuple[int | None, str]]) -> None:
    keys = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.String}, orient="row")
    assert _found(keys.to_struct("key")).equals(keys.to_struct("key").is_duplicated())


def test_keys_that_only_share_a_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda keys: (keys // 2).cast(pl.UInt64))
    keys = pl.Series("key", [0, 1, *range(100, 200, 2), 300, 300], dtype=pl.Int64)
    assert _found(keys).equals(keys.is_duplicated())
