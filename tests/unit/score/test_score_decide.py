"""Ranks and decisions."""

import datetime as dt

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    FalseDiscoveryDecision,
    ThresholdDecision,
    TriageDecision,
)
from tasks.score.decide import decide

DAY = dt.date(2011, 3, 1)
SCORED = pl.DataFrame(
    {
        "event_id": ["b", "a", "d", "c", "e"],
        "batch_date": [DAY] * 4 + [DAY + dt.timedelta(days=1)],
        "score": [2.0, 2.0, 5.0, -1.0, 0.0],
        "probability": [0.4, 0.4, 0.9, 0.0, 0.1],
        "q_value": [0.2, 0.2, 0.02, 1.0, 0.1],
    }
)


def alerts(decision: DecisionConfig) -> list[str]:
    return decide(SCORED, decision).filter(decision="alert")["event_id"].sort().to_list()


def test_rank_one_is_the_highest_of_its_date_and_ties_go_by_id() -> None:
    found = decide(SCORED, BudgetDecision(per_day=1))
    assert found["rank"].to_list() == [3, 2, 1, 4, 1]
    assert found["rank"].dtype == pl.Int32
    assert found["event_id"].to_list() == SCORED["event_id"].to_list()


def test_ranks_do_not_depend_on_the_order_of_the_rows() -> None:
    one, other = (decide(t, BudgetDecision(per_day=2)) for t in (SCORED, SCORED.reverse()))
    assert one.sort("event_id").equals(other.sort("event_id"))


def test_a_budget_is_spent_on_each_date() -> None:
    assert alerts(BudgetDecision(per_day=2)) == ["a", "d", "e"]


def test_a_threshold_is_reached_from_equality_on() -> None:
    assert alerts(ThresholdDecision(probability=0.4)) == ["a", "b", "d"]


def test_costs_decide_where_looking_is_cheaper_than_missing() -> None:
    assert alerts(CostDecision(review=5, missed=12)) == ["d"]
    assert alerts(CostDecision(review=5, missed=13)) == ["a", "b", "d"]


def test_a_false_discovery_rate_is_reached_from_equality_on() -> None:
    assert alerts(FalseDiscoveryDecision(level=0.1)) == ["d", "e"]
    assert alerts(FalseDiscoveryDecision(level=0.2)) == ["a", "b", "d", "e"]


def test_an_alert_has_its_queue_its_propensity_and_where_costs_are_known_its_loss() -> None:
    told = decide(SCORED, ThresholdDecision(probability=0.4, missed=10))
    assert told["queue"].to_list() == ["rule", "rule", "rule", None, None]
    assert told["propensity"].to_list() == [1, 1, 1, 0, 0]
    assert told["expected_loss"].to_list() == [4, 4, 9, 0, 1]
    assert decide(SCORED, ThresholdDecision(probability=0.4))["expected_loss"].null_count() == 5


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "budget", "per_day": 0},
        {"kind": "threshold", "probability": 2},
        {"kind": "luck"},
        {"kind": "fdr", "level": 1},
    ],
)
def test_rules_that_make_no_sense_are_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DecisionConfig).validate_python(content)


def test_a_triage_lifts_the_unusual_draws_lots_and_writes_chances() -> None:
    night = pl.DataFrame(
        {
            "event_id": [f"{i:03}" for i in range(100)],
            "batch_date": [DAY] * 100,
            "score": [100.0 - i for i in range(100)],
            "probability": [0.5 - i / 250 for i in range(100)],
            "q_value": [1.0] * 100,
            "novelty": [float(i == 90) for i in range(100)],
        }
    )
    rule = TriageDecision(per_day=10, novelty=0.5, explore=0.2)
    found = decide(night, rule)
    assert "novelty" not in found.columns
    shown = found.filter(decision="alert")
    assert shown["queue"].to_list() == ["rule"] * 7 + shown["queue"].to_list()[7:]
    assert shown.filter(queue="rule")["event_id"].to_list() == [
        *(f"{i:03}" for i in range(7)),
        "090",
    ]
    assert shown.filter(queue="explore").height == 2
    assert found["propensity"].sum() == pytest.approx(10)
    again = decide(night.reverse(), rule)
    assert again.sort("event_id").equals(found.sort("event_id"))
    next_day = decide(night.with_columns(batch_date=DAY + dt.timedelta(days=1)), rule)
    assert next_day["queue"].to_list() != found["queue"].to_list()


def test_a_triage_without_chances_or_events_is_still_a_rule() -> None:
    rule = TriageDecision(per_day=2, explore=0)
    unknown = SCORED.with_columns(probability=pl.lit(None, pl.Float64))
    assert decide(unknown, rule).filter(decision="alert")["event_id"].to_list() == ["a", "d", "e"]
    assert decide(SCORED.head(0), rule).height == 0
