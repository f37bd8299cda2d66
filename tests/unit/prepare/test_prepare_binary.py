"""Bytes pass preparation as they are: no rule treats them."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.errors import ConfigError
from tests.unit.prepare.conftest import Treat

ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "at": pl.Series([1, 2, 3]).cast(pl.Datetime("us")),
        "who": ["a", "b", "a"],
        "token": [b"\x00\xff", None, b"\xff"],
        "n": [1.0, None, 3.0],
    }
)


def test_bytes_pass_as_they_are(treat: Treat) -> None:
    out, _ = treat(
        ROWS,
        duplicates={},
        missing={"numeric": "median", "text": "mode"},
        outliers={"numeric": "iqr"},
        scaling={"numeric": "robust"},
    )
    assert out["token"].equals(ROWS["token"])


def test_a_rule_for_bytes_is_refused(treat: Treat) -> None:
    with pytest.raises(ConfigError, match=r"found: +Binary"):
        treat(ROWS, missing={"columns": {"token": "mode"}})
