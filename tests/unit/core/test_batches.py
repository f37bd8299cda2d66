"""Batch dates of one table, whose columns change with time."""

from __future__ import annotations

import polars as pl

from tasks.core.batches import stack


def test_bytes_are_read_as_no_other_type_and_nothing_else_as_bytes() -> None:
    earlier = pl.LazyFrame({"a": [b"\xff"], "b": ["x"], "c": [b"y"], "n": ["7"]})
    newest = pl.LazyFrame({"a": ["z"], "b": [b"z"], "c": [b"z"], "n": [8]})
    found = stack([earlier, newest]).collect()
    assert found.rows() == [(None, None, b"y", 7), ("z", b"z", b"z", 8)]
