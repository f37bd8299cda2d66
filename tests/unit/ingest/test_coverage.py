"""Which stretch a night reads."""

from __future__ import annotations

import datetime as dt

import pytest

from tasks.ingest.coverage import Stretch, covered, plan

DAY = dt.timedelta(days=1)


def at(day: float) -> dt.datetime:
    return dt.datetime(2010, 1, 1) + (day - 1) * DAY


def stretch(since: float | None, until: float) -> Stretch:
    return Stretch(None if since is None else at(since), at(until))


def planned(night: int, *before: Stretch, **options: float) -> Stretch:
    own = options.get("own")
    return plan(
        at(night),
        at(night + 1),
        options.get("overlap", 0) * DAY,
        before,
        None if own is None else Stretch(at(own), at(night + 1)),
        at(options["start"]) if "start" in options else None,
    )


def test_the_first_night_reads_from_the_beginning_or_the_start() -> None:
    assert planned(5) == stretch(None, 6)
    assert planned(5, start=3) == stretch(3, 6)


def test_a_night_reads_from_where_the_nights_before_came_to() -> None:
    assert planned(5, stretch(None, 5)) == stretch(5, 6)
    assert planned(5, stretch(None, 5), overlap=2) == stretch(3, 6)


def test_nights_that_were_never_run_are_read_too() -> None:
    assert planned(9, stretch(None, 5), overlap=1) == stretch(4, 10)
    assert planned(9, stretch(None, 5), stretch(7, 8)) == stretch(5, 10)


def test_a_night_before_others_reads_its_own_date_and_the_overlap() -> None:
    assert planned(5, stretch(None, 10), overlap=1) == stretch(4, 6)


def test_a_night_that_is_run_again_reads_what_it_read_before() -> None:
    assert planned(9, stretch(None, 10), own=4) == stretch(4, 10)


def test_no_overlap_reaches_before_the_start() -> None:
    assert planned(5, stretch(5, 5), start=5, overlap=3) == stretch(5, 6)


@pytest.mark.parametrize(
    ("stretches", "reached"),
    [
        ([], None),
        ([stretch(3, 4)], None),
        ([stretch(None, 4), stretch(4, 5)], 5),
        ([stretch(4, 5), stretch(None, 4)], 5),
        ([stretch(None, 4), stretch(5, 6)], 4),
        ([stretch(None, 4), stretch(2, 3), stretch(3.5, 6)], 6),
    ],
)
def test_what_is_covered_ends_at_the_first_gap(
    stretches: list[Stretch], reached: float | None
) -> None:
    assert covered(stretches, None) == (None if reached is None else at(reached))
