"""Which rule a column gets, and which rules are refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from conftest import Treat
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.prepare.config import PrepareConfig

ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "who": ["a", "b", None],
        "at": [dt.datetime(2010, 1, d) for d in (1, 2, 3)],
        "n": [1, None, 3],
        "x": [1.0, None, 3.0],
        "t": ["p", None, "p"],
        "b": [True, None, True],
        "d": [dt.date(2010, 1, 1), None, dt.date(2010, 1, 1)],
        "images": [[1, 2], None, [3, 4]],
    }
)


def test_every_type_of_column_has_a_rule_of_its_own_and_a_column_may_have_another(
    treat: Treat,
) -> None:
    missing = {"numeric": "median", "text": "mode", "boolean": "mode", "date": "mode"}
    filled, _ = treat(
        ROWS, missing=missing | {"columns": {"n": {"method": "constant", "value": 9}}}
    )
    assert filled.null_count().row(0, named=True) == {
        **dict.fromkeys(ROWS.columns, 0),
        "who": 1,
        "images": 1,
    }
    assert filled["n"].to_list() == [1, 9, 3]
    assert filled["d"][1] == dt.date(2010, 1, 1)
    assert filled.drop("x").schema == ROWS.drop("x").schema


def test_columns_of_arrays_pass_through(treat: Treat) -> None:
    rows = ROWS.with_columns(pixels=pl.Series([[1.0, 2.0]] * 3, dtype=pl.Array(pl.Float32, 2)))
    out, _ = treat(
        rows,
        outliers={"numeric": "iqr"},
        categories={"text": {"count": 1}},
        missing=dict.fromkeys(("numeric", "text", "boolean", "date"), "mode"),
        scaling={"numeric": "standard"},
    )
    columns = ["images", "pixels"]
    assert out.select(columns).equals(rows.select(columns))


def test_the_columns_that_tell_events_apart_are_left_by_defaults(treat: Treat) -> None:
    event = EventConfig(table="l", key=("id",), time="at", entities=("who",), where="n > 0")
    out, _ = treat(
        ROWS,
        event=event,
        outliers={"numeric": {"method": "quantile", "low": 0.4, "high": 0.6}},
        missing={"numeric": "mean", "text": {"method": "constant", "value": "?"}},
    )
    same = ["id", "who", "at", "n"]
    assert out.select(same).equals(ROWS.select(same))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"missing": {"columns": {"z": "mode"}}}, "a column of the event table"),
        ({"missing": {"columns": {"who": "mode"}}}, "keys, times and entities"),
        ({"missing": {"columns": {"t": "median"}}}, "a numeric column"),
        ({"missing": {"columns": {"t": {"method": "constant", "value": 1.5}}}}, "hold 1.5"),
        ({"missing": {"columns": {"n": {"method": "constant", "value": 2**70}}}}, f"hold {2**70}"),
        ({"missing": {"columns": {"b": {"method": "constant", "value": 1}}}}, "hold 1"),
        ({"missing": {"columns": {"d": {"method": "constant", "value": "soon"}}}}, "hold 'soon'"),
        ({"missing": {"columns": {"images": "drop"}}}, "a column of type numeric or text"),
        ({"missing": {"columns": {"d": {"method": "xgboost", "inputs": "x"}}}}, "numbers, texts"),
        ({"missing": {"columns": {"x": {"method": "xgboost", "inputs": "t"}}}}, "t: String"),
        ({"missing": {"columns": {"x": {"method": "xgboost", "inputs": "x"}}}}, "itself apart"),
        ({"outliers": {"columns": {"t": "iqr"}}}, "a column of type numeric"),
        ({"outliers": {"together": [{"columns": ["x", "t"]}]}}, "t: String"),
        ({"outliers": {"columns": {"m": "iqr"}}}, "a column of the event table"),
        ({"categories": {"columns": {"x": {"count": 2}}}}, "a column of type text"),
        ({"scaling": {"columns": {"t": "robust"}}}, "a column of type numeric"),
        ({"types": {"at": "str"}}, "keys, times and entities"),
    ],
)
def test_rules_that_fit_no_column_are_refused(
    treat: Treat, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        treat(ROWS, **keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"outliers": {"columns": {"x": "iqr"}}},
        {"missing": {"columns": {"x": "median"}}},
        {"types": {"x": "i32"}},
    ],
)
def test_a_column_that_decides_what_an_event_is_may_not_change(
    treat: Treat, keys: dict[str, Any]
) -> None:
    event = EventConfig(table="l", key=("id",), time="at", where="x > 0 AND t = 'p'")
    with pytest.raises(ConfigError, match=r"`event\.where` reads"):
        treat(ROWS, event=event, **keys)


def test_a_column_that_decides_what_an_event_is_may_be_marked_and_scaled(treat: Treat) -> None:
    event = EventConfig(table="l", key=("id",), time="at", where="x > 0")
    out, _ = treat(
        ROWS,
        event=event,
        outliers={"columns": {"x": {"method": "iqr", "action": "mark"}}},
        missing={"columns": {"x": {"method": "none", "indicator": True}}},
        scaling={"columns": {"x": "minmax"}},
    )
    assert out["x"].equals(ROWS["x"])
    assert out.columns[-3:] == ["x_outlier", "x_missing", "x_scaled"]
    assert out["x_scaled"].to_list() == [0, None, 1]


@pytest.mark.parametrize("method", ["backward", "linear"])
def test_filling_from_later_rows_is_refused_unless_they_are_known_ahead(method: str) -> None:
    rule = {"method": method, "by": "who", "within": "1d"}
    with pytest.raises(ValidationError, match="known_ahead: true"):
        PrepareConfig.model_validate({"missing": {"columns": {"x": rule}}})
    PrepareConfig.model_validate({"missing": {"columns": {"x": rule | {"known_ahead": True}}}})


def test_the_history_that_must_be_loaded_is_that_of_the_longest_fill() -> None:
    rule = {"by": "who", "within": "5d"}
    loaded = PrepareConfig.model_validate(
        {
            "missing": {
                "numeric": rule | {"method": "forward", "within": "2d"},
                "columns": {"x": rule | {"method": "linear", "known_ahead": True}},
            }
        }
    )
    assert loaded.reach_of_fills == dt.timedelta(days=5)
    assert loaded.lookback == dt.timedelta(days=5 + 7)
    assert PrepareConfig().with_lookback(dt.timedelta(hours=3)).lookback == dt.timedelta(days=1)
    assert PrepareConfig().with_lookback(dt.timedelta(0)).lookback == dt.timedelta(0)
    asked = PrepareConfig.model_validate({"repeats_within": "30d"})
    assert asked.with_lookback(dt.timedelta(0)).lookback == dt.timedelta(days=30)
