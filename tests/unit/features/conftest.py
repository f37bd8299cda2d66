"""A small event table with everything that is awkward: ties, missing values, cancellations."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tasks.core.event import EventConfig


def make_lines(rows: int, seed: int) -> pl.DataFrame:
    """Invoice lines over about 40 days, in the order of time and key, many at one instant."""
    generator = np.random.default_rng(seed)
    invoice = np.sort(generator.integers(0, max(rows // 3, 1), rows))
    start = dt.datetime(2010, 1, 1)
    minutes = np.sort(generator.integers(0, 40 * 24, max(rows // 3, 1))) * 60
    customer = generator.integers(0, 8, max(rows // 3, 1))
    frame = pl.DataFrame(
        {
            "invoice": [f"{'C' if i % 7 == 0 else ''}{i:05d}" for i in invoice],
            "at": [start + dt.timedelta(minutes=int(minutes[i])) for i in invoice],
            "customer": [None if customer[i] == 0 else int(customer[i]) for i in invoice],
            "product": [f"P{k}" for k in generator.integers(0, 12, rows)],
            "quantity": generator.integers(-5, 50, rows),
            "price": np.where(
                generator.random(rows) < 0.05, np.nan, generator.random(rows).round(2) * 9
            ),
            "note": generator.choice(["Red cup 12", "", "BIG LAMP", None], rows),
            "fraud": generator.integers(0, 2, rows),
        },
        schema_overrides={"at": pl.Datetime("us"), "customer": pl.Int32, "quantity": pl.Int32},
    )
    return frame.with_columns(
        line=pl.int_range(1, pl.len() + 1).over("invoice").cast(pl.Int32),
        batch_date=pl.col("at").dt.date(),
        price=pl.col("price").fill_nan(None),
    ).sort("at", "invoice", "line")


@pytest.fixture
def lines() -> pl.DataFrame:
    return make_lines(400, seed=1)


@pytest.fixture
def event() -> EventConfig:
    return EventConfig(
        table="lines",
        key=("invoice", "line"),
        time="at",
        where="quantity > 0 AND NOT starts_with(invoice, 'C')",
        entities=("customer", "product"),
    )


@pytest.fixture
def products() -> pl.DataFrame:
    """Prices that change over time; the change on 10 January falls on an event's hour."""
    start = dt.datetime(2010, 1, 1)
    return pl.DataFrame(
        [
            {
                "code": f"P{product}",
                "list_price": float(product * 10 + version + 1),
                "listed_at": start + dt.timedelta(hours=product * 7 + version * 216),
                "ends_at": start + dt.timedelta(hours=product * 7 + version * 216 + 150)
                if version % 2
                else None,
            }
            for product in range(10)
            for version in range(4)
        ],
        schema_overrides={"ends_at": pl.Datetime("us")},
    ).sample(fraction=1, shuffle=True, seed=3)


@pytest.fixture
def logins() -> pl.DataFrame:
    """Log-ins, some at the instant of an event; keys as wider integers, in no order."""
    generator = np.random.default_rng(5)
    hours = generator.integers(0, 40 * 24, 300)
    return pl.DataFrame(
        {
            "who": generator.integers(0, 8, 300),
            "when": [dt.datetime(2010, 1, 1) + dt.timedelta(hours=int(hour)) for hour in hours],
            "score": generator.random(300),
            "device": generator.choice(["a", "b", "c"], 300),
            "number": np.arange(300),
        }
    )
