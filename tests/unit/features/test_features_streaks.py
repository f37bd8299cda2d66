"""Streaks against a reference that walks back from each event."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.event import EventConfig
from tests.unit.features.reference import DAY, Row, assert_equal, every, expected, features

FAMILY: Row = {
    "family": "streaks",
    "entity": "customer",
    "windows": ["3d", "30d"],
    "conditions": {"cheap": "price < 5"},
    "unchanged": ["note"],
}


def streak(now: Row, past: list[Row]) -> int:
    length = 0
    for row in reversed(past):
        if row["price"] is None or row["price"] >= 5:
            break
        length += 1
    return length


def run(now: Row, past: list[Row]) -> list[Row]:
    """The last rows with the last one's note."""
    for place in range(len(past) - 1, -1, -1):
        if past[place]["note"] != past[-1]["note"]:
            return past[place + 1 :]
    return past


def hours_unchanged(now: Row, past: list[Row]) -> float | None:
    unbroken = run(now, past)
    if len(unbroken) == len(past):
        return None
    return float((now["at"] - unbroken[0]["at"]).total_seconds() / 3600)


@pytest.mark.parametrize(("suffix", "days"), [("3d", 3), ("30d", 30)])
def test_streaks_equal_the_reference(
    lines: pl.DataFrame, event: EventConfig, suffix: str, days: int
) -> None:
    found = features(lines, event, [FAMILY])
    measures = {
        "cheap_streak": streak,
        "note_run": lambda now, past: len(run(now, past)),
        "note_hours_unchanged": hours_unchanged,
        "note_changes": lambda now, past: now["note"] != past[-1]["note"] if past else None,
    }
    for name, measure in measures.items():
        reference = expected(lines, ["customer"], days * DAY, every, measure)
        assert_equal(found[f"customer.{name}_{suffix}"], reference)
    assert found["customer.cheap_streak_30d"].max() > 2  # type: ignore[operator]


def test_a_streak_within_its_window_needs_no_more_history(
    lines: pl.DataFrame, event: EventConfig
) -> None:
    late = pl.col("at") >= lines["at"].max() - 5 * DAY  # type: ignore[operator]
    near = lines.filter(pl.col("at") >= lines["at"].max() - 8 * DAY)  # type: ignore[operator]
    family = FAMILY | {"windows": ["3d"]}
    whole = features(lines, event, [family], lines.select(late).to_series())
    part = features(near, event, [family], near.select(late).to_series())
    assert whole.equals(part, null_equal=True)
