"""Why alerts changed: parts that add up to the whole, whatever was exchanged."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.calibration import Calibration
from tasks.monitor.changes import PARTS, Cut, Night, attribute, compare

FOUR = ("data", "features", "model", "threshold")
NEGATIVES = np.linspace(-5, 2, 200)


def calibration(slope: float = 1.0) -> Calibration:
    return Calibration("platt", np.empty(0), np.array([slope, 0.0]), NEGATIVES * slope)


def world(seed: int, rows: int, shift: float = 0.0) -> pl.DataFrame:
    scores = np.random.default_rng(seed).normal(shift - 2, 1.5, rows).round(1)
    chances = calibration().probability(scores)
    ids = [f"{seed}-{i:04d}" for i in range(rows)]
    return pl.DataFrame({"event_id": ids, "score": scores, "probability": chances})


def in_budget(scored: pl.DataFrame, budget: int) -> pl.DataFrame:
    place = pl.struct(-pl.col("score"), "event_id").rank("ordinal")
    return scored.with_columns(is_alert=place <= budget)


@settings(deadline=None)
@given(
    rows=st.lists(st.integers(0, 60), min_size=8, max_size=8),
    budgets=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    slope=st.sampled_from([1.0, 0.5, 3.0]),
    missing=st.sets(st.integers(1, 6), max_size=6),
    changed=st.sets(st.sampled_from(FOUR)),
)
def test_the_parts_add_up_to_the_whole(rows, budgets, slope, missing, changed) -> None:
    states = [(d, f, m) for d in (False, True) for f in (False, True) for m in (False, True)]
    last = (("data" in changed), ("features" in changed), ("model" in changed))
    worlds = {
        state: world(n, rows[n], n / 4)
        for n, state in enumerate(states)
        if n not in missing or state in ((False,) * 3, last)
    }
    nights = tuple(
        Night(str(n), Cut.of(in_budget(worlds[state], budgets[n])), calibration(s), "m")
        for n, (state, s) in enumerate((((False,) * 3, 1.0), (last, slope)))
    )
    for measure, parts, before, after in compare(worlds, nights, sorted(changed)):
        assert sum(parts.values()) == pytest.approx(after - before, abs=1e-9)
        assert set(parts) <= set(PARTS)
        assert set(parts) - {"together"} <= changed
        if measure == "alerts" and "threshold" in changed and changed & {"data", "model"}:
            assert after == min(budgets[1], worlds[last].height)


def test_the_cut_of_a_night_gives_its_alerts_back_whatever_the_ties() -> None:
    scored = in_budget(world(3, 200), 17)
    again = Cut.of(scored).alerts(scored)
    assert again["event_id"].to_list() == scored.filter("is_alert")["event_id"].to_list()
    assert Cut.of(in_budget(scored, 0)).alerts(scored).is_empty()
    assert Cut.of(in_budget(scored, 200)).alerts(scored).height == 200


def test_more_suspicious_data_raise_the_cut_of_a_budget_by_as_much() -> None:
    """The example of the documentation: forty alerts on both nights."""
    worlds = {(False, False, False): world(0, 1500), (True, False, False): world(1, 1500, 0.5)}
    nights = tuple(
        Night(str(n), Cut.of(in_budget(worlds[(bool(n), False, False)], 40)), calibration(), "m")
        for n in range(2)
    )
    found = {m: (p, a - b) for m, p, b, a in compare(worlds, nights, ["data", "threshold"])}
    parts, whole = found["alerts"]
    assert whole == 0
    assert parts["data"] == -parts["threshold"] > 15
    hits, gained = found["expected_hits"]
    assert hits["data"] > gained > 0 > hits["threshold"]


def test_each_thing_that_changes_alone_is_all_of_it() -> None:
    for part in FOUR:
        found = attribute(lambda state, part=part: 7.0 if part in state else 3.0, FOUR)
        assert found == pytest.approx({each: 4.0 if each == part else 0.0 for each in FOUR})


def test_what_two_do_together_is_shared() -> None:
    found = attribute(lambda s: 6.0 if {"data", "model"} <= s else 0.0, ("data", "model"))
    assert found == {"data": 3.0, "model": 3.0}


def test_a_model_that_cannot_read_the_old_features_changes_after_them() -> None:
    def value(state):
        return None if "model" in state and "features" not in state else float(len(state))

    assert attribute(value, FOUR) == pytest.approx(dict.fromkeys(FOUR, 1.0))


def test_what_cannot_be_told_apart_is_told_together() -> None:
    def value(state):
        return None if ("model" in state) != ("features" in state) else float(len(state))

    found = attribute(value, FOUR)
    assert found == pytest.approx({"together": 2.0, "data": 1.0, "threshold": 1.0})
    gone = attribute(lambda s: {0: 5.0, 4: 9.0}.get(len(s)), FOUR)
    assert gone == {"together": 4.0}


def test_a_cut_is_translated_by_the_share_of_negatives_above_it() -> None:
    moved = Cut(1.0, "a").translated(calibration(), calibration(2.0))
    assert moved.score == pytest.approx(2.0)
    beyond = Cut(5.0, "a").translated(calibration(), calibration(2.0))
    assert beyond.score == pytest.approx(4.0 + 3.0)
    for kept in (Cut(probability=0.3), Cut(), Cut(-math.inf)):
        assert kept.translated(calibration(), calibration(2.0)) == kept
