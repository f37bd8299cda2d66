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
        The rows by batch date and rank; rank 1 is the highest score of its date, ties by id.
    """
    ordered = scored.sort(
        "batch_date", "score", EVENT_ID, descending=[False, True, False], nulls_last=True
    )
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("batch_date")
    called = pl.when(is_alert(decision)).then(pl.lit(ALERT)).otherwise(pl.lit(PASS))
    return ordered.with_columns(rank=rank).with_columns(decision=called)


def is_alert(decision: DecisionConfig) -> pl.Expr:
    """Whether a ranked row is an alert."""
    if isinstance(decision, BudgetDecision):
        return pl.col("rank") <= decision.per_day
    if isinstance(decision, CostDecision):
        return pl.col("probability") * decision.missed > decision.review
    return pl.col("probability") >= decision.probability
