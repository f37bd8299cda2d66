"""What alerts drawn by lot tell of those that nobody saw."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tasks.monitor.exploration import Exploration, explore
from tasks.monitor.realised import realised

DAY = dt.date(2011, 3, 1)


def night(day: dt.date, queues: str, lots: float) -> pl.DataFrame:
    """Events by rank: r shown by rule, e by lot, - not at all."""
    count, names = len(queues), {"r": "rule", "e": "explore", "-": None}
    return pl.DataFrame(
        {
            "event_id": [f"{day}-{i}" for i in range(count)],
            "batch_date": [day] * count,
            "rank": range(1, count + 1),
            "score": np.linspace(1, 0, count),
            "fallback_score": np.linspace(1, 0, count),
            "probability": np.linspace(0.9, 0.1, count),
            "queue": [names[q] for q in queues],
            "propensity": [1.0 if q == "r" else lots for q in queues],
            "decision": ["pass" if q == "-" else "alert" for q in queues],
        },
        schema_overrides={"queue": pl.String},
    )


def verdicts(**labels: int) -> pl.DataFrame:
    ids = [f"{DAY}-{name.removeprefix('e')}" for name in labels]
    return pl.DataFrame({"event_id": ids, "label": list(labels.values())})


def found_in(scores: pl.DataFrame, labels: pl.DataFrame) -> Exploration:
    found = explore(scores, labels)
    assert found is not None
    return found


def test_lots_are_counted_beside_what_the_events_in_their_places_promised() -> None:
    found = found_in(night(DAY, "rr-e--e--", 2 / 7), verdicts(e0=1, e1=0, e3=1))
    assert (found.nights, found.alerts, found.lots, found.known, found.hits) == (1, 4, 2, 1, 1)
    assert found.given_up == pytest.approx(0.7 + 0.5)
    assert found.others == 5
    assert found.missed is not None
    value, low, high = found.missed
    assert (value, high) == (5, 5)
    assert 0 < low < 5


def test_the_plain_ranking_is_judged_by_chances() -> None:
    """Of its four events two were shown surely and one by lot: that one stands for seven halves."""
    found = found_in(night(DAY, "rr-e--e--", 2 / 7), verdicts(e0=1, e1=0, e3=1))
    assert found.plain.precision == pytest.approx((1 + 3.5) / (1 + 1 + 3.5))
    assert found.plain.covered == 1


def test_nights_without_lots_are_left_out() -> None:
    other = night(DAY + dt.timedelta(days=1), "rr-------", 0.0)
    assert explore(other, verdicts(e0=1)) is None
    both = pl.concat([night(DAY, "rr-e--e--", 2 / 7), other])
    assert found_in(both, verdicts(e0=1)).alerts == 4


def test_without_a_verdict_on_a_lot_nothing_is_said_of_the_others() -> None:
    found = found_in(night(DAY, "rr-e--e--", 2 / 7), verdicts(e0=1))
    assert found.missed is None
    assert "that nobody saw" not in found.sentence


def test_lots_estimate_what_was_missed_without_bias() -> None:
    generator = np.random.default_rng(3)
    tables, labels, truth = [], [], 0
    for number in range(60):
        day = DAY + dt.timedelta(days=number)
        drawn = generator.choice(np.arange(10, 200), 10, replace=False)
        queues = ["r"] * 10 + ["-"] * 190
        for place in drawn:
            queues[place] = "e"
        tables.append(night(day, "".join(queues), 10 / 190))
        positive = generator.random(200) < 0.2
        truth += int(sum(positive[i] for i in range(200) if queues[i] == "-"))
        shown = tables[-1].with_columns(label=pl.Series(positive.astype(int)))
        labels.append(shown.filter(decision="alert").select("event_id", "label"))
    found = found_in(pl.concat(tables), pl.concat(labels))
    assert found.missed is not None
    value, low, high = found.missed
    assert low < truth < high
    assert value == pytest.approx(truth, rel=0.2)


def test_verdicts_on_alerts_tell_precision_and_no_recall() -> None:
    found = realised(night(DAY, "rr-e--", 0.25), verdicts(e0=1, e1=0, e3=0), is_reviewed=True)
    (one,) = found.nights
    assert (one.precision, one.recall, one.average_precision) == (pytest.approx(1 / 3), None, None)
    assert one.status == "realised"
    assert found.overall.base_rate is None
    assert found.exploration is not None
    fewer = realised(night(DAY, "rr-e--", 0.25), verdicts(e0=1), is_reviewed=True)
    assert fewer.nights[0].status == "partial"
