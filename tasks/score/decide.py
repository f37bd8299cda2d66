"""Rank a night's events and decide which ones people should see."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core.event import EVENT_ID
from tasks.core.keys import digest
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    FalseDiscoveryDecision,
    ThresholdDecision,
    TriageDecision,
)
from tasks.score.triage import BY_RULE, Slots, draw

ALERT = "alert"
PASS = "pass"
_ENDS = {"predicted": "score", "low": "interval_low", "high": "interval_high"}
_ENDS_IN_WORDS = {
    "predicted": "predicted value",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
}
DECIDED = ("decision", "queue", "propensity", "expected_loss")


def decide(scored: pl.DataFrame, decision: DecisionConfig) -> pl.DataFrame:
    """Add `rank`, `decision`, `queue`, `propensity` and `expected_loss`.

    Args:
        scored: one row per event with `event_id`, `batch_date`, `score`, `probability`,
            `q_value`, `interval_low` and `interval_high`; with `novelty` too, where a triage is to
            look for what is unusual.
        decision: the rule.

    Returns:
        The rows in the order they came, without `novelty`; rank 1 is the highest score of its
        date, ties by id. The lots of a triage are the same whenever they are drawn for the same
        events of a date.
    """
    place = pl.struct(-pl.col("score"), EVENT_ID).rank("ordinal").over("batch_date")
    ranked = scored.with_columns(rank=place.cast(pl.Int32))
    loss = pl.lit(None, pl.Float64)
    if decision.missed is not None:
        loss = pl.col("probability") * decision.missed
    if isinstance(decision, TriageDecision):
        queued = _with_slots(ranked, decision)
    else:
        called = _is_alert(decision)
        queued = ranked.with_columns(
            queue=pl.when(called).then(pl.lit(BY_RULE)), propensity=called.cast(pl.Float64)
        )
    is_shown = pl.col("queue").is_not_null()
    return queued.with_columns(
        pl.when(is_shown).then(pl.lit(ALERT)).otherwise(pl.lit(PASS)).alias("decision"),
        expected_loss=loss,
    ).select(*ranked.drop("novelty", strict=False).columns, *DECIDED)


def _with_slots(ranked: pl.DataFrame, decision: TriageDecision) -> pl.DataFrame:
    """Fill each date's slots, its events by rank: of equal chances the higher score goes first."""
    events = ranked.with_row_index("_position")
    parts = [
        night.select("_position").with_columns(
            queue=pl.Series(slots.queue).replace("", None), propensity=pl.Series(slots.propensity)
        )
        for (day,), night in events.sort("rank").group_by("batch_date", maintain_order=True)
        for slots in [_slots(night, decision, str(day))]
    ]
    nothing = pl.DataFrame(
        schema={"_position": pl.UInt32, "queue": pl.String, "propensity": pl.Float64}
    )
    filled = pl.concat([nothing, *parts])
    return events.join(filled, on="_position", how="left", maintain_order="left").drop("_position")


def _slots(night: pl.DataFrame, decision: TriageDecision, day: str) -> Slots:
    """Without a probability to go by an event counts as one that the model thinks nothing of."""
    unusual = night["novelty"].to_numpy() if "novelty" in night else np.zeros(night.height)
    chances = night["probability"].fill_null(0.0).to_numpy()
    seed = int(digest({"lots of": day})[:16], 16)
    return draw(decision, chances, unusual, np.random.default_rng(seed))


def _is_alert(decision: DecisionConfig) -> pl.Expr:
    """Whether a ranked row is an alert, by a rule without lots."""
    if isinstance(decision, BudgetDecision):
        return pl.col("rank") <= decision.per_day
    if isinstance(decision, CostDecision):
        return pl.col("probability") * decision.missed > decision.review
    if isinstance(decision, FalseDiscoveryDecision):
        return pl.col("q_value") <= decision.level
    assert isinstance(decision, ThresholdDecision)
    if decision.value is not None:
        return (pl.col(_ENDS[decision.at]) >= decision.value).fill_null(False)
    return pl.col("probability") >= decision.probability


def rule_in_words(decision: DecisionConfig) -> str:
    """The rule as a person would say it."""
    if isinstance(decision, BudgetDecision):
        return f"at most {decision.per_day:,} alerts a day"
    if isinstance(decision, TriageDecision):
        return (
            f"at most {decision.per_day:,} alerts a day, {100 * decision.explore:g}% of them by "
            f"lot, with up to {decision.novelty:g} added to a probability for novelty"
        )
    if isinstance(decision, CostDecision):
        return f"where a miss at {decision.missed:g} outweighs a look at {decision.review:g}"
    if isinstance(decision, FalseDiscoveryDecision):
        return f"as many as keep false alarms to {100 * decision.level:g}% of them"
    if decision.value is not None:
        return f"where the {_ENDS_IN_WORDS[decision.at]} is {decision.value:,g} or more"
    return f"from a probability of {decision.probability:g} on"
