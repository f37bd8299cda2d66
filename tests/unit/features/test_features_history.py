"""History features against a reference that looks at every earlier row, one event at a time."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tests.unit.features.reference import DAY, Row, assert_equal, every, expected, features


def mean(values: list[float]) -> float | None:
    return statistics.fmean(values) if values else None


def prices(past: list[Row]) -> list[float]:
    return [row["price"] for row in past if row["price"] is not None]


def spread(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def cancelled(row: Row) -> bool:
    return str(row["invoice"]).startswith("C")


def hours(now: Row, past: list[Row], pick: Callable[..., Any]) -> float | None:
    return (now["at"] - pick(row["at"] for row in past)).total_seconds() / 3600 if past else None


MEASURES: dict[str, Callable[[Row, list[Row]], float | None]] = {
    "count": lambda now, past: len(past),
    "price_sum": lambda now, past: sum(prices(past)),
    "price_mean": lambda now, past: mean(prices(past)),
    "price_std": lambda now, past: spread(prices(past)),
    "price_min": lambda now, past: min(prices(past), default=None),
    "price_max": lambda now, past: max(prices(past), default=None),
    "price_ratio": lambda now, past: ratio(now["price"], mean(prices(past))),
    "price_zscore": lambda now, past: ratio(
        None
        if now["price"] is None or not prices(past)
        else now["price"] - statistics.fmean(prices(past)),
        spread(prices(past)),
    ),
    "hours_since_last": lambda now, past: hours(now, past, max),
    "hours_since_first": lambda now, past: hours(now, past, min),
    "distinct_product": lambda now, past: len({row["product"] for row in past}),
    "distinct_note": lambda now, past: len({row["note"] for row in past} - {None}),
}


@pytest.mark.parametrize("entity", [["customer"], ["customer", "product"]])
@pytest.mark.parametrize("where", [None, "starts_with(invoice, 'C')"])
def test_every_statistic_equals_the_reference(
    lines: pl.DataFrame, event: EventConfig, entity: list[str], where: str | None
) -> None:
    family: Row = {
        "family": "history",
        "entity": entity,
        "windows": ["12h", "7d", "30d"],
        "statistics": [
            *("count", "sum", "mean", "std", "min", "max"),
            *("ratio", "zscore", "since_last", "since_first"),
        ],
        "values": {"price": "price"},
        "distinct": ["product", "note"],
    }
    if where:
        family |= {"where": where, "name": "cancelled"}
    found = features(lines, event, [family])
    prefix = "+".join(entity) + (".cancelled_" if where else ".")
    for name, measure in MEASURES.items():
        for suffix, window in {"12h": DAY / 2, "7d": 7 * DAY, "30d": 30 * DAY}.items():
            reference = expected(lines, entity, window, cancelled if where else every, measure)
            assert_equal(found[f"{prefix}{name}_{suffix}"], reference)


def test_a_delayed_row_counts_only_once_its_delay_has_passed(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    found = features(
        lines,
        event,
        [
            {
                "family": "history",
                "entity": "product",
                "windows": ["7d"],
                "statistics": ["count", "mean"],
                "values": ["price"],
                "delay": "3d",
            },
            {
                "family": "risk",
                "entity": "product",
                "where": "fraud = 1",
                "delay": "3d",
                "windows": ["7d"],
            },
        ],
    )

    def share(now: Row, past: list[Row]) -> float:
        return sum(row["fraud"] for row in past) / len(past) if past else 0.0

    for name, measure in {
        "count_7d": MEASURES["count"],
        "price_mean_7d": MEASURES["price_mean"],
        "risk_7d": share,
    }.items():
        reference = expected(lines, ["product"], 7 * DAY, every, measure, delay=3 * DAY)
        assert_equal(found[f"product.{name}"], reference)


def test_novelty_frequency_and_velocity_equal_the_reference(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    found = features(
        lines,
        event,
        [
            {"family": "novelty", "entity": "customer", "of": "product", "windows": ["10d"]},
            {"family": "frequency", "columns": ["product"], "windows": ["10d"]},
            {"family": "history", "entity": "customer", "windows": ["5d", "10d"], "velocity": True},
        ],
    )
    window = 10 * DAY
    new = expected(lines, ["customer", "product"], window, every, lambda now, past: not past)
    assert_equal(found["customer.new_product_10d"], new)
    same = expected(lines, ["product"], window, every, MEASURES["count"])
    whole = expected(lines, [], window, every, MEASURES["count"])
    shares = [ratio(n, m) for n, m in zip(same, whole, strict=True)]
    assert_equal(found["product.frequency_10d"], shares)
    short = expected(lines, ["customer"], 5 * DAY, every, MEASURES["count"])
    long = expected(lines, ["customer"], window, every, MEASURES["count"])
    rates = [None if n is None else ratio(2 * n, m) for n, m in zip(short, long, strict=True)]
    assert_equal(found["customer.velocity_5d"], rates)


def test_smoothing_draws_a_rare_entity_towards_the_share_of_all(event: EventConfig) -> None:
    day = [dt.datetime(2010, 1, n) for n in (1, 1, 1, 1, 20)]
    rows = pl.DataFrame(
        {
            "at": day,
            "invoice": list("abcde"),
            "line": [1] * 5,
            "quantity": [1] * 5,
            "product": ["x", "y", "y", "y", "x"],
            "customer": [1] * 5,
            "fraud": [1, 0, 0, 0, 0],
        }
    )
    family = {
        "family": "risk",
        "entity": "product",
        "where": "fraud = 1",
        "delay": "1d",
        "windows": ["30d"],
        "smoothing": 4,
    }
    found = features(rows, event, [family])
    assert found["product.risk_30d"].to_list()[-1] == pytest.approx((1 + 4 * 0.25) / (1 + 4))


def test_an_outlier_leaves_no_trace_once_it_left_the_window(event: EventConfig) -> None:
    price = [1e12, 0.1, 0.2, 0.3, 0.4]
    rows = pl.DataFrame(
        {
            "at": [dt.datetime(2010, 1, 1 + 5 * (n > 0) + n // 4) for n in range(5)],
            "invoice": list("abcde"),
            "line": [1] * 5,
            "quantity": [1] * 5,
            "product": ["x"] * 5,
            "customer": [1] * 5,
            "price": price,
        }
    )
    family = {
        "family": "history",
        "entity": "product",
        "windows": ["2d"],
        "statistics": ["sum", "mean", "std"],
        "values": ["price"],
    }
    last = features(rows, event, [family]).row(-1)
    assert last == pytest.approx((0.6, 0.2, 0.1), rel=1e-6)


def test_more_history_than_the_longest_window_changes_no_bit(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    family = {
        "family": "history",
        "entity": "customer",
        "windows": ["2d", "7d"],
        "statistics": ["count", "sum", "mean", "std", "max", "since_last"],
        "values": ["price"],
        "distinct": ["product"],
    }
    config = FeaturesConfig.model_validate([family])
    late = lines["at"] >= dt.datetime(2010, 1, 25)
    short = lines.filter(pl.col("at") >= dt.datetime(2010, 1, 25) - config.lookback)
    whole = build(config, event, lines, late, {})
    part = build(config, event, short, short["at"] >= dt.datetime(2010, 1, 25), {})
    assert whole.equals(part, null_equal=True)
