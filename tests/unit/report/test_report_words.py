from __future__ import annotations

import pytest

from tasks.report import words
from tasks.report.config import SeverityConfig


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1200.0, "1,200"),
        (-3.0, "-3"),
        (0.0, "0"),
        (0.10000000149011612, "0.1"),
        (1234.56, "1,235"),
        (0.08312, "0.0831"),
        (0.0000412, "4.1e-05"),
        (float("nan"), "—"),
        (float("inf"), "∞"),
        (float("-inf"), "-∞"),
        (None, "—"),
    ],
)
def test_numbers_are_short(value, told) -> None:
    assert words.number(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0261, "2.6%"), (0.0, "0.0%"), (0.00004, "<0.1%"), (1.0, "100.0%"), (None, "—")],
)
def test_shares_are_percent_and_never_hide_something_as_nothing(value, told) -> None:
    assert words.share(value) == told


def test_a_reason_sets_the_value_against_its_usual_range() -> None:
    usual = {"quantity": (1.0, 48.0)}
    assert words.reason("quantity", 1200.0, usual) == "quantity 1,200 is above its usual 1 to 48"
    assert words.reason("quantity", -5.0, usual) == "quantity -5 is below its usual 1 to 48"
    assert words.reason("quantity", 12.0, usual) == "quantity 12 is within its usual 1 to 48"
    assert words.reason("unit_price", 2.5, usual) == "unit price 2.5"
    assert words.reason("quantity", None, usual) == "quantity is missing"


def test_reasons_are_told_in_their_order_with_their_contributions() -> None:
    reasons = [
        {"feature": "quantity", "value": 1200.0, "contribution": 0.834},
        {"feature": "unit_price", "value": None, "contribution": -0.1},
    ]
    assert (
        words.reasons_text(reasons, {}) == "quantity 1,200 (+0.83); unit price is missing (-0.10)"
    )
    assert words.reasons_text([], {}) == ""


@pytest.mark.parametrize(
    ("probability", "step"), [(0.8, "critical"), (0.79, "high"), (0.2, "medium"), (0.01, "low")]
)
def test_severity_begins_at_its_step(probability, step) -> None:
    assert words.severity(probability, SeverityConfig()) == step


def test_severity_steps_must_fall() -> None:
    with pytest.raises(ValueError, match="critical >= high >= medium"):
        SeverityConfig(critical=0.1)


def test_days_counts_and_checks_are_words() -> None:
    assert words.day("2010-07-05") == "Monday 5 July 2010"
    assert words.count(1, "alert") == "1 alert"
    assert words.count(1512, "event") == "1,512 events"
    assert (
        words.expectation("expect_column_values_to_not_be_null") == "column values to not be null"
    )
