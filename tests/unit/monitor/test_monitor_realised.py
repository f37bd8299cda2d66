"""What scores were worth once labels arrived."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from tasks.monitor.quality import settled_hits
from tasks.monitor.realised import realised

DAYS = [dt.date(2011, 3, 1), dt.date(2011, 3, 2)]


def scores() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_id": [f"{d}{i}" for d in "ab" for i in range(4)],
            "batch_date": [day for day in DAYS for _ in range(4)],
            "rank": [1, 2, 3, 4] * 2,
            "score": [4.0, 3, 2, 1] * 2,
            "fallback_score": [1.0, 2, 3, 4] * 2,
            "decision": ["alert", "alert", "pass", "pass"] * 2,
        }
    )


def labels(known: dict[str, int]) -> pl.DataFrame:
    return pl.DataFrame({"event_id": list(known), "label": list(known.values())})


def test_only_events_whose_label_is_known_are_judged() -> None:
    found = realised(scores(), labels({"a0": 1, "a1": 0, "a3": 1, "b2": 0}))
    first, second = found.nights
    assert (first.scored, first.known, first.positives) == (4, 3, 2)
    assert (first.alerts, first.hits, first.precision, first.recall) == (2, 1, 0.5, 0.5)
    assert first.base_rate == pytest.approx(2 / 3)
    assert first.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert (second.known, second.positives, second.alerts) == (1, 0, 0)
    assert (second.average_precision, second.precision, second.recall) == (None, None, None)
    assert (found.overall.known, found.overall.hits) == (4, 1)


def test_an_empty_label_does_not_keep_a_night_from_being_counted() -> None:
    rows = scores().with_columns(probability=pl.lit(0.5))
    nights = realised(rows, labels({"a0": 1, "a2": 0, "b0": 0, "b1": 0})).nights
    assert nights[0].status == "partial"  # of its alerts a0 and a1, nobody knows the second
    delay = dt.timedelta(hours=30)
    counted = [settled_hits(nights, DAYS[0] + dt.timedelta(days=i), delay) for i in range(5)]
    assert counted == [(0, 0), (0, 0), (1, 0.5), (1, 1.5), (1, 1.5)]


def test_of_verdicts_a_night_is_counted_once_each_alert_has_one() -> None:
    rows = scores().with_columns(probability=pl.lit(0.5))
    nights = realised(rows, labels({"a0": 1, "b0": 1, "b1": 0}), is_reviewed=True).nights
    late = DAYS[0] + dt.timedelta(days=90)
    assert settled_hits(nights, late, dt.timedelta(days=1)) == (1, 1.0)


def test_xgboost_gets_as_many_alerts_on_the_same_events() -> None:
    found = realised(scores(), labels({f"a{i}": int(i >= 2) for i in range(4)}))
    assert (found.nights[0].hits, found.nights[0].fallback_hits) == (0, 2)
    assert found.nights[0].fallback_average_precision == 1.0


def test_nothing_known_gives_nothing() -> None:
    empty = pl.DataFrame(schema={"event_id": pl.String, "label": pl.Int8})
    overall = realised(scores(), empty).overall
    assert (overall.scored, overall.known, overall.base_rate) == (8, 0, None)
    assert overall.interval is None


def test_a_missing_fallback_is_not_judged() -> None:
    without = scores().with_columns(fallback_score=pl.lit(None, pl.Float64))
    found = realised(without, labels({"a0": 1, "a1": 0}))
    assert found.nights[0].fallback_average_precision is None
    assert (found.nights[0].hits, found.nights[0].fallback_hits) == (1, 0)


def test_the_overall_figure_is_scikit_learns_with_an_interval_around_it() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 500)
    marks = generator.normal(size=500) + truth
    table = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(500)],
            "batch_date": [DAYS[0]] * 500,
            "rank": np.argsort(np.argsort(-marks)) + 1,
            "score": marks,
            "fallback_score": -marks,
            "decision": ["pass"] * 500,
        }
    )
    overall = realised(table, labels(dict(zip(map(str, range(500)), truth, strict=True)))).overall
    assert overall.average_precision == pytest.approx(average_precision_score(truth, marks))
    assert overall.interval[0] < overall.average_precision < overall.interval[1]
    assert overall.fallback_interval[1] < overall.interval[0]
