"""The record of a challenger's nights: none too early, none forgotten, none of other versions."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tasks.monitor.paired import differences, paired
from tasks.monitor.quality import Quality

DELAY = dt.timedelta(days=7)
NIGHT = dt.date(2011, 3, 1)
ONE = Quality(
    str(NIGHT), 9, 9, 2, 0.2, 0.5, 0.4, 3, 1, 0.3, 0.5, 1,
    score_source="champion", model_version="a", challenger_version="b",
    challenger_average_precision=0.75,
)  # fmt: skip


def night(days: int, **changes: object) -> Quality:
    return replace(ONE, batch_date=str(NIGHT + dt.timedelta(days=days)), **changes)


def test_a_night_counts_once_its_labels_are_due() -> None:
    assert paired([ONE], {}, NIGHT + dt.timedelta(days=6), DELAY) == {}
    record = paired([ONE], {}, NIGHT + DELAY, DELAY)
    assert differences(record, "b", "a").tolist() == [pytest.approx(0.25)]


def test_nights_that_are_no_longer_measured_stay_and_others_are_renewed() -> None:
    later = NIGHT + dt.timedelta(days=60)
    record = paired([ONE, night(1)], {}, later, DELAY)
    record = paired([night(1, average_precision=0.25), night(2)], record, later, DELAY)
    assert differences(record, "b", "a").tolist() == [0.25, 0.5, 0.25]


def test_a_pair_of_other_versions_and_a_night_without_one_do_not_count() -> None:
    later = NIGHT + dt.timedelta(days=60)
    nights = [ONE, night(1, model_version="c"), night(2, challenger_average_precision=None)]
    record = paired(nights, {}, later, DELAY)
    assert len(differences(record, "b", "a")) == 1
    assert len(differences(record, "b", "c")) == 1
    gone = paired([night(0, average_precision=None)], record, later, DELAY)
    assert len(differences(gone, "b", "a")) == 0
