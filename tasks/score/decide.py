"""Rank a night's events and decide which ones people should see."""

from __future__ import annotations

import polars as pl

from tasks.core.event import EVENT_ID
from tasks.score.config import BudgetDecision, CostDecision, DecisionConfig

ALERT = "alert"
PASS = "pass"


def decide(scored: pl.DataFrame, decision: DecisionConfig) -> pl.DataFrame:
    """Add `rank` and `decision`.

    Args:
        scored: one row per event with `event_id`, `batch_date`, `score` and `probability`.
        decision: the rule.

    Returns:
        The rows in the order they came; rank 1 is the highest score of its date, ties by id.
    """
    place = pl.struct(-pl.col("score"), EVENT_ID).rank("ordinal").over("batch_date")
    called = pl.when(is_alert(decision)).then(pl.lit(ALERT)).otherwise(pl.lit(PASS))
    return scored.with_columns(rank=place.cast(pl.Int32)).with_columns(decision=called)


def is_alert(decision: DecisionConfig) -> pl.Expr:
    """Whether a ranked row is an alert."""
    if isinstance(decision, BudgetDecision):
        return pl.col("rank") <= decision.per_day
    if isinstance(decision, CostDecision):
        return pl.col("probability") * decision.missed > decision.review
    return pl.col("probability") >= decision.probability


def rule_in_words(decision: DecisionConfig) -> str:
    """The rule as a person would say it."""
    if isinstance(decision, BudgetDecision):
        return f"at most {decision.per_day:,} alerts a day"
    if isinstance(decision, CostDecision):
        return f"where a miss at {decision.missed:g} outweighs a look at {decision.review:g}"
    return f"from a probability of {decision.probability:g} on"
