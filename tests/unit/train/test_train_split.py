"""Which rows may be fitted on, and which may only judge."""

import datetime as dt
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.train.config import RandomSplit, TimeSplit
from tasks.train.split import assign_parts

ORDER = ["fit", "stop", "calibrate", "test"]
DELAY = dt.timedelta(hours=30)
START = dt.datetime(2011, 1, 1)


def examples(hours: list[int], labels: list[int] | None = None) -> pl.DataFrame:
    labels = labels or [i % 2 for i in range(len(hours))]
    return pl.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(hours))],
            "event_time": [START + dt.timedelta(hours=h) for h in hours],
            "label": pl.Series(labels, dtype=pl.Int8),
        }
    )


@given(st.lists(st.integers(0, 40), min_size=60, max_size=200), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_no_later_part_holds_an_earlier_row(hours: list[int], embargo: int) -> None:
    split = TimeSplit(embargo=dt.timedelta(hours=embargo))
    try:
        divided = assign_parts(examples(hours), split, 0)
    except DataError:
        return
    assert divided.height == len(hours)
    spans = divided.group_by("part").agg(
        first=pl.col("event_time").min(), last=pl.col("event_time").max()
    )
    spans = {row["part"]: row for row in spans.to_dicts()}
    for earlier, later in pairwise(ORDER):
        assert spans[earlier]["last"] < spans[later]["first"]
    barred = spans["test"]["first"] - dt.timedelta(hours=embargo)
    for part in ORDER[:3]:
        assert spans[part]["last"] < max(barred, spans["fit"]["first"]) or not embargo


def test_the_parts_have_their_shares_of_distinct_times() -> None:
    counts = dict(
        assign_parts(examples(list(range(100))), TimeSplit(), 0)["part"].value_counts().rows()
    )
    assert counts == {"fit": 56, "stop": 12, "calibrate": 12, "test": 20}


@pytest.mark.parametrize("embargo", [None, DELAY])
def test_the_parts_share_what_the_embargo_leaves(embargo: dt.timedelta | None) -> None:
    """Unless one is given it is as long as labels take: what was not known then is not learned."""
    split = TimeSplit(embargo=embargo)
    divided = assign_parts(examples(list(range(130))), split, 0, DELAY)
    counts = dict(divided["part"].value_counts().rows())
    assert counts == {"fit": 56, "stop": 12, "calibrate": 12, "embargo": 30, "test": 20}
    with pytest.raises(
        DataError, match=r"12 positive of 12, of 130 in all, 30 of them within .*embargo"
    ):
        assign_parts(examples(list(range(130)), [1, 0] * 28 + [1] * 74), split, 0, DELAY)


def test_an_embargo_longer_than_the_window_is_named() -> None:
    with pytest.raises(DataError, match=r"of 0, of 90 in all, 89 of them within .*embargo"):
        assign_parts(examples(list(range(90))), TimeSplit(), 0, dt.timedelta(days=5))


def test_a_time_split_without_times_says_what_to_do() -> None:
    timeless = examples(list(range(10))).with_columns(event_time=pl.lit(None, pl.Datetime("us")))
    with pytest.raises(DataError, match="split at random"):
        assign_parts(timeless, TimeSplit(), 0)


def test_a_part_without_a_positive_says_what_to_do() -> None:
    labels = [1] * 50 + [0] * 50
    with pytest.raises(DataError, match=r"0 positive of 12") as caught:
        assign_parts(examples(list(range(100)), labels), TimeSplit(), 0)
    assert "Lengthen training.window" in str(caught.value)


def test_no_examples_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="0 positive of 0"):
        assign_parts(examples([]), TimeSplit(), 0)


def test_a_random_split_is_stratified() -> None:
    labels = [int(i < 100) for i in range(1000)]
    divided = assign_parts(examples([0] * 1000, labels), RandomSplit(), 3)
    counts = divided.group_by("part").agg(pl.len(), positives=pl.col("label").sum())
    found = {row["part"]: (row["len"], row["positives"]) for row in counts.to_dicts()}
    for part, share in {"fit": 0.56, "stop": 0.12, "calibrate": 0.12, "test": 0.2}.items():
        assert found[part] == pytest.approx((1000 * share, 100 * share), abs=2)


def test_a_random_part_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = examples([0] * 300)
    parts = [
        dict(assign_parts(frame, RandomSplit(), 3).select("event_id", "part").rows())
        for frame in (rows, rows.reverse())
    ]
    assert parts[0] == parts[1]


def test_another_seed_divides_otherwise() -> None:
    rows = examples([0] * 300)
    one, other = (assign_parts(rows, RandomSplit(), seed)["part"].to_list() for seed in (1, 2))
    assert one != other


def test_shares_that_leave_nothing_to_fit_on_are_refused() -> None:
    with pytest.raises(ValidationError, match="less than a tenth"):
        TimeSplit(stop=0.3, calibrate=0.3, test=0.4)


def test_without_labels_each_part_needs_rows_alone() -> None:
    hours = list(range(100))
    unknown = examples(hours).with_columns(label=pl.lit(None, pl.Int8))
    for split in (TimeSplit(), RandomSplit()):
        divided = assign_parts(unknown, split, 0)
        assert set(divided["part"]) == {"fit", "stop", "calibrate", "test"}
    with pytest.raises(DataError, match="part"):
        assign_parts(unknown.head(2), TimeSplit(), 0)
