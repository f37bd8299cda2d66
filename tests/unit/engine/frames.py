"""The same rows as pandas and Polars frames, one column for each kind of value."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

N_ROWS = 120

SCHEMA: dict[str, Any] = {
    "id": pl.Int64,
    "key": pl.Int64,
    "whole": pl.Int64,
    "real": pl.Float64,
    "other": pl.Float64,
    "word": pl.String,
    "mail": pl.String,
    "level": pl.Categorical,
    "flag": pl.Boolean,
    "moment": pl.Datetime("us"),
    "day": pl.Date,
    "price": pl.Decimal(10, 2),
    "document": pl.String,
    "stamp": pl.String,
    "void": pl.Float64,
}
_PANDAS_TYPES = {
    "whole": "float64",
    "real": "float64",
    "other": "float64",
    "level": "category",
    "flag": "boolean",
    "moment": "datetime64[us]",
    "void": "float64",
}
Columns = dict[str, list[Any]]


def mixed() -> Columns:
    """Values of every kind, with nulls and NaNs."""
    rng = np.random.default_rng(7)

    def gaps(values: list[Any], share: float = 0.1) -> list[Any]:
        return [None if rng.random() < share else value for value in values]

    real = gaps(rng.normal(0, 1, N_ROWS).tolist())
    real = [float("nan") if rng.random() < 0.1 else value for value in real]
    start = dt.datetime(2024, 1, 1)
    days = rng.integers(0, 60, N_ROWS)
    stamps = ["2024-01-02", "02/01/2024", "not a date", "10:30"]
    documents = ['{"a": 1}', '{"a": "x"}', "[1, 2]", "3"]
    return {
        "id": list(range(N_ROWS)),
        "key": rng.integers(0, 40, N_ROWS).tolist(),
        "whole": gaps(rng.integers(0, 10, N_ROWS).tolist()),
        "real": real,
        "other": rng.normal(0.2, 1, N_ROWS).tolist(),
        "word": gaps(rng.choice(["a", "b", "c", "ab\n", "zz"], N_ROWS).tolist()),
        "mail": [f"u{i}@x.com" if i % 7 else "bad" for i in range(N_ROWS)],
        "level": gaps(rng.choice(["low", "mid", "high"], N_ROWS).tolist()),
        "flag": gaps(rng.choice([True, False], N_ROWS).tolist()),
        "moment": gaps([start + dt.timedelta(hours=int(h)) for h in rng.integers(0, 900, N_ROWS)]),
        "day": gaps([start.date() + dt.timedelta(days=int(d)) for d in days]),
        "price": [Decimal(int(c)).scaleb(-2) for c in rng.integers(0, 5000, N_ROWS)],
        "document": gaps(rng.choice(documents, N_ROWS).tolist()),
        "stamp": gaps(rng.choice(stamps, N_ROWS).tolist()),
        "void": [None] * N_ROWS,
    }


def empty() -> Columns:
    """The same columns without a row."""
    return {name: [] for name in SCHEMA}


def all_null() -> Columns:
    """The same columns without a value, but for the key."""
    return {name: [None] * 5 for name in SCHEMA} | {"id": list(range(5)), "key": [1] * 5}


def in_polars(columns: Columns) -> pl.DataFrame:
    """The rows as a Polars frame."""
    return pl.DataFrame(columns, schema=SCHEMA)


def in_pandas(columns: Columns) -> pd.DataFrame:
    """The rows as a pandas frame, with the types that a pandas user would have."""
    frame = pd.DataFrame({name: pd.Series(rows, dtype=object) for name, rows in columns.items()})
    for name in ("id", "key"):
        frame[name] = frame[name].astype("int64")
    for name, dtype in _PANDAS_TYPES.items():
        frame[name] = frame[name].astype(dtype)
    for name in ("word", "mail", "document", "stamp"):
        frame[name] = frame[name].astype("str")
    return frame


def as_json(value: Any) -> str:
    """A text for a value that compares equal between engines."""
    return json.dumps(value, sort_keys=True, default=str)
