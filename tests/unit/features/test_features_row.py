"""Families that read a row, its transaction or a dimension; configuration errors."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tests.unit.features.reference import dated

TIMELESS = EventConfig(table="rows", key=("id",))


def features(
    rows: pl.DataFrame,
    families: list[dict[str, Any]],
    event: EventConfig = TIMELESS,
    **tables: pl.DataFrame,
) -> pl.DataFrame:
    wanted = pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
    dimensions = {name: table.lazy() for name, table in tables.items()}
    config = FeaturesConfig.model_validate(families)
    return build(config, event, dated(rows, event), wanted, dimensions)


def test_columns_come_as_they_are_in_logarithms_and_as_absence() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3], "x": [0.0, -9.0, None], "b": [True, False, None]})
    found = features(
        rows, [{"family": "columns", "columns": ["x", "b"], "log": "x", "missing": ["x"]}]
    )
    assert found["x"].to_list() == [0, -9, None]
    assert found["b"].to_list() == [1, 0, None]
    assert found["log_x"].to_list() == pytest.approx([0, -math.log(10), None])
    assert found["x_missing"].to_list() == [0, 0, 1]
    assert set(found.dtypes) == {pl.Float32}


def test_expressions_pairs_and_categories() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3], "a": [6, 5, 4], "b": [3, 0, None], "c": ["x", "y", None]})
    found = features(
        rows,
        [
            {"family": "expressions", "expressions": {"double": "a * 2"}},
            {"family": "pairs", "ratios": [["a", "b"]], "differences": [["a", "b"]]},
            {"family": "categories", "one_hot": {"c": ["x"]}, "ordinal": {"c": ["y", "x"]}},
        ],
    )
    assert found["double"].to_list() == [12, 10, 8]
    assert found["a_per_b"].to_list() == [2, None, None]
    assert found["a_minus_b"].to_list() == [3, 5, None]
    assert found["c=x"].to_list() == [1, 0, None]
    assert found["c.ordinal"].to_list() == [1, 0, None]


def test_text_is_measured() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3], "t": ["Red CUP 12", "", None]})
    found = features(rows, [{"family": "text", "columns": "t"}])
    assert found["t.length"].to_list() == [10, 0, None]
    assert found["t.words"].to_list() == [3, 0, None]
    assert found["t.digit_share"].to_list() == pytest.approx([0.2, None, None])
    assert found["t.upper_share"].to_list() == pytest.approx([0.4, None, None])


def test_the_calendar_puts_midnight_next_to_the_hour_before() -> None:
    event = EventConfig(table="rows", key=("id",), time="at")
    rows = pl.DataFrame(
        {"id": [1, 2], "at": [dt.datetime(2010, 1, 2, 0), dt.datetime(2010, 1, 2, 23)]}
    )
    found = features(
        rows, [{"family": "calendar", "parts": ["weekday", "weekend"], "cyclic": ["hour"]}], event
    )
    assert found["weekday"].to_list() == [6, 6]
    assert found["weekend"].to_list() == [1, 1]
    first, second = found.select("hour_sin", "hour_cos").rows()
    assert math.dist(first, second) == pytest.approx(2 * math.sin(math.pi / 24), rel=1e-5)


def test_a_basket_is_the_rows_of_one_transaction_at_one_time() -> None:
    event = EventConfig(table="rows", key=("id",), time="at")
    day = dt.datetime(2010, 1, 1)
    rows = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "at": [day, day, day + dt.timedelta(hours=1), day + dt.timedelta(hours=1)],
            "bill": ["a", "a", "a", None],
            "x": [1.0, 3.0, 5.0, 7.0],
        }
    )
    family = {
        "family": "basket",
        "by": "bill",
        "values": ["x"],
        "statistics": ["sum", "share", "rank", "max"],
        "distinct": ["x"],
    }
    found = features(rows, [family], event)
    assert found["bill.rows"].to_list() == [2, 2, 1, None]
    assert found["bill.x_sum"].to_list() == [4, 4, 5, None]
    assert found["bill.x_share"].to_list() == [0.25, 0.75, 1, None]
    assert found["bill.x_rank"].to_list() == [2, 1, 1, None]
    assert found["bill.distinct_x"].to_list() == [2, 2, 1, None]


def test_a_lookup_takes_the_newest_row_known_strictly_before(
    lines: pl.DataFrame, event: EventConfig, products: pl.DataFrame
) -> None:
    family = {
        "family": "lookup",
        "table": "products",
        "on": {"product": "code"},
        "columns": ["list_price"],
        "expressions": {"to_list": "price / products_list_price"},
        "known_from": "listed_at",
        "known_until": "ends_at",
        "age": True,
    }
    found = features(lines, [family], event, products=products)
    some = 0
    for line, feature in zip(lines.to_dicts(), found.to_dicts(), strict=True):
        known = [
            p
            for p in products.to_dicts()
            if p["code"] == line["product"]
            and p["listed_at"] < line["at"]
            and (p["ends_at"] is None or p["ends_at"] > line["at"])
        ]
        newest = max(known, key=lambda p: p["listed_at"], default=None)
        if newest is None:
            assert feature["products.list_price"] is None
            assert feature["products.age_hours"] is None
            continue
        some += 1
        hours = (line["at"] - newest["listed_at"]).total_seconds() / 3600
        assert feature["products.list_price"] == newest["list_price"]
        assert feature["products.age_hours"] == pytest.approx(hours)
        if line["price"] is not None:
            assert feature["to_list"] == pytest.approx(line["price"] / newest["list_price"])
    assert some > 50


def test_a_row_listed_at_the_instant_of_the_event_was_not_known() -> None:
    event = EventConfig(table="rows", key=("id",), time="at")
    day = dt.datetime(2010, 1, 1)
    rows = pl.DataFrame({"id": [1], "at": [day]}).cast({"at": pl.Datetime("ms")})
    listed = pl.DataFrame({"key": [1], "value": [5], "since": [day]})
    family = {
        "family": "lookup",
        "table": "list",
        "on": {"id": "key"},
        "columns": "value",
        "known_from": "since",
    }
    assert features(rows, [family], event, list=listed)["list.value"].to_list() == [None]
    earlier = listed.with_columns(pl.col("since") - dt.timedelta(microseconds=1))
    assert features(rows, [family], event, list=earlier)["list.value"].to_list() == [5]


def test_a_dimension_without_time_needs_unique_keys() -> None:
    family = {"family": "lookup", "table": "list", "on": {"id": "key"}, "columns": "value"}
    rows = pl.DataFrame({"id": [1, 2]})
    table = pl.DataFrame({"key": ["2", "3"], "value": [5, 6]})
    assert features(rows, [family], list=table)["list.value"].to_list() == [None, 5]
    with pytest.raises(DataError, match="rows more than keys"):
        features(rows, [family], list=pl.concat([table, table]))


@pytest.mark.parametrize(
    "expression",
    [
        "AVG(x)",
        "x - LAG(x) OVER (ORDER BY id)",
        "SUM(x) OVER (PARTITION BY id)",
        "x > (SELECT MAX(x) FROM self)",
        "COUNT(*)",
        "x +",
    ],
)
def test_an_expression_that_looks_beyond_its_row_is_refused(expression: str) -> None:
    with pytest.raises(ValidationError):
        FeaturesConfig.model_validate([{"family": "expressions", "expressions": {"e": expression}}])


def test_words_that_only_look_like_aggregates_are_allowed() -> None:
    rows = pl.DataFrame({"id": [1], "sum": [2], "t": ["count(x) over all"]})
    found = features(
        rows,
        [
            {
                "family": "expressions",
                "expressions": {"a": '"sum" + 1', "b": "t = 'count(x) over all'"},
            }
        ],
    )
    assert found.row(0) == (3, 1)


@pytest.mark.parametrize(
    "family",
    [
        {"family": "calendar"},
        {"family": "history", "entity": "id", "windows": ["1d"]},
        {"family": "novelty", "entity": "id", "of": "x", "windows": ["1d"]},
        {"family": "frequency", "columns": "id", "windows": ["1d"]},
        {"family": "basket", "by": "id"},
    ],
)
def test_events_without_a_time_have_no_past(family: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"no event\.time"):
        FeaturesConfig.model_validate([family]).check(TIMELESS)


def test_a_lookup_for_timed_events_must_say_when_its_rows_were_known(event: EventConfig) -> None:
    family = {"family": "lookup", "table": "list", "on": {"id": "key"}}
    with pytest.raises(ConfigError, match="known_from"):
        FeaturesConfig.model_validate([family]).check(event)


def test_two_features_of_one_name_are_refused() -> None:
    rows = pl.DataFrame({"id": [1], "batch_date": [dt.date(2010, 1, 1)]})
    with pytest.raises(ConfigError, match="more than one id"):
        features(rows, [{"family": "columns", "columns": ["id"]}])


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        features(pl.DataFrame({"id": [1]}), [{"family": "columns", "columns": ["nowhere"]}])


def test_rows_out_of_order_are_refused(lines: pl.DataFrame, event: EventConfig) -> None:
    with pytest.raises(DataError, match="out of order"):
        features(lines.reverse(), [{"family": "calendar"}], event)


def test_lookback_is_the_longest_window_and_delay() -> None:
    families = [
        {"family": "novelty", "entity": "a", "of": "b", "windows": ["20d"]},
        {"family": "risk", "entity": "a", "where": "x = 1", "delay": "7d", "windows": ["30d"]},
    ]
    assert FeaturesConfig.model_validate(families).lookback == dt.timedelta(days=37)
