"""A second event table, past labels, holidays, hashed texts, bins and crosses."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.features.build import build_on
from tasks.features.config import FeaturesConfig
from tasks.features.timeline import Timeline
from tests.unit.features.reference import DAY, Row, assert_equal, every, expected, features

TIMELESS = EventConfig(table="rows", key=("id",))
LOGINS: Row = {
    "family": "events",
    "table": "logins",
    "on": {"customer": "who"},
    "time": "when",
    "windows": ["2d", "20d"],
    "last": [2],
    "statistics": ["count", "mean", "since_last", "p90"],
    "values": {"score": "score"},
    "distinct": ["device"],
}


def test_a_second_event_table_is_aggregated_strictly_before_the_event(
    lines: pl.DataFrame, event: EventConfig, logins: pl.DataFrame
) -> None:
    found = features(lines, event, [LOGINS], logins=logins)
    past_of_all = sorted(logins.to_dicts(), key=lambda row: row["when"])
    some = 0
    for now, feature in zip(
        lines.filter(event.is_event()).to_dicts(), found.to_dicts(), strict=True
    ):
        past = [
            row
            for row in past_of_all
            if row["who"] == now["customer"] and now["at"] - 20 * DAY <= row["when"] < now["at"]
        ]
        if now["customer"] is None:
            assert feature["logins.count_20d"] is None
            continue
        assert feature["logins.count_20d"] == len(past)
        assert feature["logins.count_last2"] == min(len(past), 2)
        assert feature["logins.distinct_device_20d"] == len({row["device"] for row in past})
        if past:
            some += 1
            scores = [row["score"] for row in past]
            assert feature["logins.score_mean_20d"] == pytest.approx(np.mean(scores), rel=1e-5)
            assert feature["logins.score_p90_20d"] == pytest.approx(np.quantile(scores, 0.9))
            since = (now["at"] - past[-1]["when"]).total_seconds() / 3600
            assert feature["logins.hours_since_last_20d"] == pytest.approx(since)
    assert some > 50


def test_a_row_loaded_twice_counts_once_by_its_key(
    lines: pl.DataFrame, event: EventConfig, logins: pl.DataFrame
) -> None:
    keyed = LOGINS | {"key": "number"}
    twice = pl.concat([logins, logins.head(100)]).sample(fraction=1, shuffle=True, seed=1)
    once = features(lines, event, [keyed], logins=logins)
    assert once.equals(features(lines, event, [keyed], logins=twice), null_equal=True)


def test_a_column_that_the_second_table_lacks_is_named(
    lines: pl.DataFrame, event: EventConfig, logins: pl.DataFrame
) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        features(lines, event, [LOGINS | {"time": "nowhere"}], logins=logins)
    with pytest.raises(ConfigError, match="no such table"):
        features(lines, event, [LOGINS])


def test_the_events_themselves_have_no_value_in_the_second_table() -> None:
    with pytest.raises(ValidationError, match="value of the event itself"):
        FeaturesConfig.model_validate([LOGINS | {"statistics": ["ratio"]}])


def test_the_risk_of_the_label_is_one_line_and_counts_known_labels_only(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    is_event = lines.select(event.is_event()).to_series()
    label = lines.select(pl.when(is_event & (pl.col("line") != 2)).then("fraud")).to_series()
    line = {"family": "risk", "entity": "product", "windows": ["7d"]}
    config = FeaturesConfig.model_validate([line]).with_label_delay(3 * DAY)
    assert config.lookback == 10 * DAY
    assert config.reads_labels
    found = build_on(config, Timeline(lines, event, is_event, {}, label))

    def share(now: Row, past: list[Row]) -> float:
        return sum(row["fraud"] for row in past) / len(past) if past else 0.0

    def labelled(row: Row) -> bool:
        return bool(row["quantity"] > 0 and not row["invoice"].startswith("C") and row["line"] != 2)

    reference = expected(lines, ["product"], 7 * DAY, labelled, share, delay=3 * DAY)
    assert_equal(found["product.risk_7d"], reference)
    assert found["product.risk_7d"].max() > 0  # type: ignore[operator]
    with pytest.raises(ConfigError, match="labels of past events"):
        build_on(config, Timeline(lines, event, is_event, {}))


def test_delayed_rows_have_spreads_and_quantiles_as_well(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    family = {
        "family": "history",
        "entity": "customer",
        "windows": ["9d"],
        "delay": "2d",
        "statistics": ["median"],
        "values": ["price"],
    }
    found = features(lines, event, [family])

    def median(now: Row, past: list[Row]) -> float | None:
        known = [row["price"] for row in past if row["price"] is not None]
        return float(np.median(known)) if known else None

    reference = expected(lines, ["customer"], 9 * DAY, every, median, delay=2 * DAY)
    assert_equal(found["customer.price_median_9d"], reference)
    with pytest.raises(ValidationError, match="since_last"):
        FeaturesConfig.model_validate([family | {"statistics": ["since_last"], "values": {}}])


def test_holidays_of_a_country_and_of_the_file() -> None:
    days = [dt.date(2010, 12, 24), dt.date(2010, 12, 25), dt.date(2010, 7, 5), None]
    rows = pl.DataFrame({"id": range(4), "day": days})
    family = {
        "family": "holidays",
        "country": "GB",
        "subdivision": "ENG",
        "dates": ["2010-07-04"],
        "column": "day",
    }
    found = features(rows, TIMELESS, [family])
    assert found["day.holiday"].to_list() == [0, 1, 0, None]
    assert found["day.days_to_holiday"].to_list() == [1, 1, 14, None]
    assert found["day.days_since_holiday"].to_list() == [14, 14, 1, None]
    with pytest.raises(ConfigError, match="XX"):
        features(rows, TIMELESS, [family | {"country": "XX", "subdivision": None}])


def test_holidays_depend_on_the_day_alone() -> None:
    family = {"family": "holidays", "country": "GB", "column": "day"}
    rows = pl.DataFrame({"id": [1, 2], "day": [dt.date(2010, 12, 30), dt.date(2016, 5, 1)]})
    alone = features(rows.head(1), TIMELESS, [family])
    assert features(rows, TIMELESS, [family]).head(1).equals(alone)


def test_ngrams_count_the_pieces_of_a_text_in_buckets_that_stay() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3, 4], "t": ["abcabc", "ABC", "ab", None]})
    found = features(rows, TIMELESS, [{"family": "ngrams", "columns": "t", "buckets": 64}])
    assert found.columns[::63] == ["t.3gram_00", "t.3gram_63"]
    assert found.sum_horizontal(ignore_nulls=False).to_list() == [4, 1, 0, None]
    # crc32("abc") is 891568578 on every machine.
    assert found["t.3gram_02"].to_list()[:2] == [2, 1]
    words = {"family": "ngrams", "columns": "t", "of": "words", "n": 1, "buckets": 2}
    assert features(rows, TIMELESS, [words]).sum_horizontal().to_list()[:3] == [1, 1, 1]


def test_bins_count_the_edges_a_number_is_not_below() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3, 4], "x": [-1.0, 0.0, 10.5, None]})
    found = features(rows, TIMELESS, [{"family": "bins", "edges": {"x": [0, 10]}}])
    assert found["x.bin"].to_list() == [0, 1, 2, None]
    with pytest.raises(ValidationError, match="above the one before"):
        FeaturesConfig.model_validate([{"family": "bins", "edges": {"x": [1, 1]}}])


def test_crosses_are_products_and_one_bucket_for_each_combination() -> None:
    rows = pl.DataFrame(
        {"id": [1, 2, 3, 4], "x": [2, 3, 4, None], "a": ["p", "p", "q", None], "b": [1, 1, 1, 2]}
    )
    family = {
        "family": "crosses",
        "products": [["x", "b"]],
        "hashed": [["a", "b"]],
        "buckets": 8,
    }
    found = features(rows, TIMELESS, [family])
    assert found["x_times_b"].to_list() == [2, 3, 4, None]
    hashed = found.select(pl.col("^a.b.hash.*$"))
    assert hashed.width == 8
    assert hashed.sum_horizontal().to_list() == [1, 1, 1, 1]
    assert hashed.row(0) == hashed.row(1) != hashed.row(2)
