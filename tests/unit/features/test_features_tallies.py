"""Stretches of dates and the tallies of them; what cannot be tallied is refused with the reason."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.features.config import FeaturesConfig
from tasks.features.stretches import Edges, roots

START = dt.date(2020, 2, 20)
NOON = dt.datetime(2020, 2, 20, 12)
HOUR = dt.timedelta(hours=1)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


@settings(max_examples=200, deadline=None)
@given(first=st.integers(0, 400), days=st.integers(1, 500))
def test_a_range_of_dates_is_a_few_stretches_one_after_another(first: int, days: int) -> None:
    found = list(roots(day(first), day(first + days - 1)))
    assert found[0].first == day(first)
    assert found[-1].last == day(first + days - 1)
    assert all(one.last + dt.timedelta(days=1) == other.first for one, other in pairwise(found))
    assert len(found) <= 2 * days.bit_length()
    for stretch in found:
        assert stretch.first.toordinal() % stretch.days == 0
        if stretch.days > 1:
            one, other = stretch.halves
            assert (one.first, other.last) == (stretch.first, stretch.last)
            assert one.last + dt.timedelta(days=1) == other.first


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.integers(-60, 60), min_size=1, max_size=4),
    asked=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    before=st.lists(st.integers(0, 50), min_size=1, max_size=3),
)
def test_where_no_edge_parts_rows_every_event_has_all_of_them_on_one_side(
    rows: list[int], asked: list[int], before: list[int]
) -> None:
    first, last = NOON + min(rows) * HOUR, NOON + max(rows) * HOUR
    edges = Edges(
        (NOON + min(asked) * HOUR, NOON + max(asked) * HOUR), frozenset(b * HOUR for b in before)
    )
    assert not edges.part(None)
    if not edges.part((first, last)):
        for edge in before:
            assert (
                len({row < event - edge for row in (min(rows), max(rows)) for event in asked}) == 1
            )


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ({"statistics": ["median"], "values": ["x"]}, "median"),
        ({"statistics": ["mean", "p90"], "values": ["x"]}, "p90"),
        ({"last": [3]}, "last 3"),
        ({"distinct": ["shop"]}, "distinct shop"),
        ({"family": "risk"}, "labels"),
        ({"family": "risk", "where": "x > 0", "delay": "1d", "smoothing": 2}, "smoothing"),
    ],
)
def test_what_needs_the_rows_one_by_one_has_no_state(family: dict[str, Any], reason: str) -> None:
    asked = {"family": "history", "entity": "card", "windows": ["30d"], **family}
    FeaturesConfig.model_validate([asked])
    with pytest.raises(ValidationError, match=f"no `state`.*{reason}"):
        FeaturesConfig.model_validate([{**asked, "state": True}])
