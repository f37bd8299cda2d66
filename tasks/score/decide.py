"""Rank a night's events and decide which ones people should see."""

from __future__ import annotations

import polars as pl

from tasks.core.event import EVENT_ID
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    FalseDiscoveryDecision,
)

ALERT = "alert"
PASS = "pass"
BY_RULE = "rule"


def decide(scored: pl.DataFrame, decision: DecisionConfig) -> pl.DataFrame:
    """Add `rank`, `decision`, `queue`, `propensity` and `expected_loss`.

    Args:
        scored: one row per event with `event_id`, `batch_date`, `score`, `probability` and
            `q_value`.
        decision: the rule.

    Returns:
        The rows in the order they came; rank 1 is the highest score of its date, ties by id.
    """
    place = pl.struct(-pl.col("score"), EVENT_ID).rank("ordinal").over("batch_date")
    ranked = scored.with_columns(rank=place.cast(pl.Int32))
    called = ranked.with_columns(_called=is_alert(decision))
    loss = pl.lit(None, pl.Float64)
    if decision.missed is not None:
        loss = pl.col("probability") * decision.missed
    return called.with_columns(
        decision=pl.when("_called").then(pl.lit(ALERT)).otherwise(pl.lit(PASS)),
        queue=pl.when("_called").then(pl.lit(BY_RULE)),
        propensity=pl.col("_called").cast(pl.Float64),
        expected_loss=loss,
    ).drop("_called")


def is_alert(decision: DecisionConfig) -> pl.Expr:
    """Whether a ranked row is an alert."""
    if isinstance(decision, BudgetDecision):
        return pl.col("rank") <= decision.per_day
    if isinstance(decision, CostDecision):
        return pl.col("probability") * decision.missed > decision.review
    if isinstance(decision, FalseDiscoveryDecision):
        return pl.col("q_value") <= decision.level
    return pl.col("probability") >= decision.probability


def rule_in_words(decision: DecisionConfig) -> str:
    """The rule as a person would say it."""
    if isinstance(decision, BudgetDecision):
        return f"at most {decision.per_day:,} alerts a day"
    if isinstance(decision, CostDecision):
        return f"where a miss at {decision.missed:g} outweighs a look at {decision.review:g}"
    if isinstance(decision, FalseDiscoveryDecision):
        return f"as many as keep false alarms to {100 * decision.level:g}% of them"
    return f"from a probability of {decision.probability:g} on"
