"""Bootstrapping a suite: it passes where it came from, and says nothing of single rows."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.bootstrap import bootstrap
from expectations.check import check
from expectations.profile import profile
from expectations.suite import Expectation
from expectations.suite_file import load_suite

ROWS = 2000
_DICE = random.Random(0)
SHOP = pl.LazyFrame(
    {
        "order_id": [f"o{n:05}" for n in _DICE.sample(range(99999), ROWS)],
        "sequence": [10.0 + n for n in range(ROWS)],
        "customer_no": [_DICE.randrange(300) for _ in range(ROWS)],
        "country": [_DICE.choice(["France", "Spain", "Italy"]) for _ in range(ROWS - 1)]
        + ["Canaryland"],
        "rating": [_DICE.choice([1, 2, 3, None]) for _ in range(ROWS)],
        "price": [_DICE.lognormvariate(2, 1) for _ in range(ROWS - 1)] + [987654.321],
        "change": [_DICE.gauss(0, 1) for _ in range(ROWS - 1)] + [None],
        "remark": [f"said {_DICE.random()}"[: 5 + n % 9] for n in range(ROWS)],
        "paid": [_DICE.random() < 0.5 for _ in range(ROWS)],
        "at": [dt.datetime(2010, 1, 4) + dt.timedelta(seconds=n) for n in range(ROWS)],
        "void": pl.Series([None] * ROWS, dtype=pl.Int64),
    }
)


def proposed(frame: pl.LazyFrame) -> tuple[Expectation, ...]:
    text, _ = bootstrap([frame])
    return load_suite(text, "first.yaml", {}).expectations


def about(column: str) -> dict[str, dict[str, Any]]:
    return {e.type: dict(e.arguments) for e in proposed(SHOP) if e.columns == (column,)}


def test_columns_are_told_by_what_they_are_good_for() -> None:
    assert {c.name: c.role for c in profile(SHOP).columns} == {
        "order_id": "id",
        "sequence": "ordered",
        "customer_no": "id",
        "country": "category",
        "rating": "category",
        "price": "number",
        "change": "number",
        "remark": "text",
        "paid": "flag",
        "at": "time",
        "void": "empty",
    }


@pytest.mark.parametrize("column", ["order_id", "sequence", "customer_no", "at", "paid"])
def test_ids_and_monotonic_columns_get_no_range_set_or_baseline(column: str) -> None:
    assert set(about(column)) <= {
        "expect_column_type_to_be",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_unique",
    }


def test_categories_get_their_values_and_a_baseline() -> None:
    found = about("country")
    members = found["expect_column_values_to_be_in_set"]
    assert members["value_set"] == ["France", "Italy", "Spain"]
    assert members["mostly"] < 1
    partition = found["expect_column_kl_divergence_to_be_less_than"]["partition_object"]
    assert sum(partition["weights"]) == pytest.approx(1, abs=1e-9)


def test_a_category_that_looks_like_a_parameter_is_none() -> None:
    frame = pl.LazyFrame({"coin": ["$batch_date", "$$", "$", "no", "1"] * 300})
    (members,) = (e for e in proposed(frame) if e.type == "expect_column_values_to_be_in_set")
    assert members.arguments["value_set"] == ["$", "$$", "$batch_date", "1", "no"]


def test_numbers_get_a_range_with_room_and_a_baseline() -> None:
    found = about("price")
    assert found["expect_column_values_to_be_between"]["max_value"] < 1000
    bins = found["expect_column_kl_divergence_to_be_less_than"]["partition_object"]["bins"]
    assert len(bins) == 11


def test_nullness_is_taken_as_it_is() -> None:
    assert "mostly" not in about("price")["expect_column_values_to_not_be_null"]
    assert about("rating")["expect_column_values_to_not_be_null"]["mostly"] < 0.76
    assert "expect_column_values_to_not_be_null" not in about("void")


def test_the_key_is_unique_and_its_gaps_are_held_back() -> None:
    text, table = bootstrap([SHOP])
    assert table.key == ("order_id",)
    holding = [e for e in load_suite(text, "f", {}).expectations if e.on_failure == "quarantine"]
    assert [e.columns for e in holding] == [("order_id",)]


def test_a_key_may_need_several_columns() -> None:
    lines = pl.LazyFrame(
        {
            "amount": [0.5] * 40,
            "position": [n % 4 for n in range(40)],
            "invoice_no": [f"i{n // 4 * 7 % 10}" for n in range(40)],
        }
    )
    assert profile(lines).key == ("position", "invoice_no")


def test_no_value_of_a_single_row_stands_in_the_suite() -> None:
    text, _ = bootstrap([SHOP])
    assert "Canaryland" not in text
    assert "987654" not in text
    assert "o0" not in text


def test_the_same_data_give_the_same_suite() -> None:
    assert bootstrap([SHOP])[0] == bootstrap([SHOP])[0]


@pytest.mark.parametrize("rows", [0, 1, 7, ROWS])
def test_it_passes_on_the_data_it_came_from(rows: int) -> None:
    frame = SHOP.head(rows)
    text, _ = bootstrap([frame])
    assert all(r.success for r in check(frame, load_suite(text, "first.yaml", {})))


def test_it_passes_on_every_batch_it_came_from() -> None:
    batches = [
        SHOP.head(1200),
        SHOP.tail(1200).with_columns(
            country=pl.lit("Spain"),
            price=pl.col("price") * 1.3,
            rating=pl.lit(None, dtype=pl.Int64),
        ),
    ]
    text, _ = bootstrap(batches)
    suite = load_suite(text, "first.yaml", {})
    assert [r for batch in batches for r in check(batch, suite) if not r.success] == []
    drift = [
        e for e in suite.expectations if e.columns == ("price",) and "threshold" in e.arguments
    ]
    assert drift


def test_a_batch_that_differs_widens_the_tolerance() -> None:
    alike = pl.LazyFrame({"word": ["a"] * 90 + [None] * 10})
    gappy = pl.LazyFrame({"word": ["a"] * 40 + [None] * 60})
    (presence,) = (
        e
        for e in load_suite(bootstrap([alike, gappy])[0], "f", {}).expectations
        if e.type == "expect_column_values_to_not_be_null"
    )
    assert presence.arguments["mostly"] == 0.38


_FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "number": st.none() | _FLOATS,
                "count": st.none() | st.integers(-(2**31), 2**31 - 1),
                "word": st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
                "day": st.none() | st.dates(),
                "flag": st.none() | st.booleans(),
            }
        ),
        max_size=30,
    )
)
def test_it_passes_on_any_data_it_came_from(rows: list[dict[str, object]]) -> None:
    schema = {
        "number": pl.Float64(),
        "count": pl.Int32(),
        "word": pl.String(),
        "day": pl.Date(),
        "flag": pl.Boolean(),
    }
    frame = pl.LazyFrame(rows, schema=schema, orient="row")
    text, _ = bootstrap([frame])
    results = check(frame, load_suite(text, "first.yaml", {}))
    assert [r for r in results if not r.success] == []
