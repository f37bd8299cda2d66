"""What lots cost and found where reviewers see only alerts, and how other rules would have done."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.event import EVENT_ID
from tasks.core.intervals import wilson
from tasks.models.base import Vector

EXPLORE = "explore"


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What a rule would have brought, by the reviews of another.

    Args:
        precision: share of positives among the events it would have shown; NaN where none of them
            could have been reviewed.
        hits: positives among them that were reviewed.
        covered: share of its events that had a chance to be reviewed; the others count as they
            would if they were like these.
    """

    precision: float
    hits: int
    covered: float


@dataclass(frozen=True, slots=True)
class Exploration:
    """The alerts of nights that were drawn by lot.

    Args:
        nights: nights with lots.
        alerts: alerts of these nights.
        lots: of these, drawn by lot.
        known: lots with a verdict.
        hits: positives among them.
        given_up: positives that the events next in rank promised, whose places the lots took.
        others: events that were not shown.
        missed: positives among these, as the lots tell, with a 95% interval.
        plain: how the plain ranking would have done with as many alerts.
    """

    nights: int
    alerts: int
    lots: int
    known: int
    hits: int
    given_up: float
    others: int
    missed: tuple[float, float, float] | None
    plain: OffPolicy

    @property
    def sentence(self) -> str:
        """What exploration cost and found, in words."""
        told = (
            f"In {self.nights:,} nights {self.lots:,} of {self.alerts:,} alerts were drawn by lot; "
            f"{self.known:,} have a verdict, {self.hits:,} of them positive. The events whose "
            f"places they took promised {self.given_up:.1f} positives."
        )
        if self.missed:
            value, low, high = self.missed
            told += (
                f" By the lots {value:,.0f} [{low:,.0f}, {high:,.0f}] of the {self.others:,} "
                "events that nobody saw are positive."
            )
        if math.isfinite(self.plain.precision):
            told += (
                f" The plain ranking would have reached a precision of {self.plain.precision:.3f}, "
                f"by the {100 * self.plain.covered:.0f}% of its events that could be reviewed."
            )
        return told


def explore(scores: pl.DataFrame, labels: pl.DataFrame) -> Exploration | None:
    """Measure the lots of nights by the verdicts known so far.

    Args:
        scores: rows of the scores table, of one or more batch dates.
        labels: `event_id` and `label`; events without a row have no verdict.

    Returns:
        None where no alert was drawn by lot.
    """
    drawn = pl.col("queue") == EXPLORE
    lots = drawn.fill_null(False).sum().over("batch_date")
    nights = scores.with_columns(_lots=lots).filter(pl.col("_lots") > 0)
    if nights.is_empty():
        return None
    known = labels.select(EVENT_ID, pl.col("label").cast(pl.Float64))
    joined = nights.join(known, on=EVENT_ID, how="left").sort("batch_date", "rank")
    is_alert = pl.col("decision") == "alert"
    joined = joined.with_columns(
        _plain=pl.col("rank") <= is_alert.sum().over("batch_date"),
        _next=~is_alert & ((~is_alert).cum_sum().over("batch_date") <= pl.col("_lots")),
    )
    shown = joined.filter(drawn)
    verdicts = shown["label"].drop_nulls()
    others = joined.filter(~is_alert).height
    return Exploration(
        nights=joined["batch_date"].n_unique(),
        alerts=joined.filter(is_alert).height,
        lots=shown.height,
        known=len(verdicts),
        hits=int(verdicts.sum()),
        given_up=float(joined.filter("_next")["probability"].fill_null(0.0).sum()),
        others=others,
        missed=_share_of(others, int(verdicts.sum()), len(verdicts)),
        plain=off_policy(
            joined["propensity"].fill_null(0.0).to_numpy(),
            joined["label"].fill_null(float("nan")).to_numpy(),
            joined["_plain"].to_numpy(),
        ),
    )


def off_policy(propensity: Vector, outcomes: Vector, wanted: npt.NDArray[np.bool_]) -> OffPolicy:
    """Judge a rule by the reviews that another one made.

    Args:
        propensity: chance of each event to be shown, before lots were drawn (n_events,).
        outcomes: 1 or 0 for each event that was reviewed, NaN for the others (n_events,).
        wanted: the events that the rule would have shown (n_events,).

    Source: Horvitz & Thompson 1952, doi:10.1080/01621459.1952.10483446; Swaminathan & Joachims
    2015 (self-normalised estimator).
    """
    known = wanted & np.isfinite(outcomes) & (propensity > 0)
    weights, found = 1 / propensity[known], outcomes[known]
    asked, covered = int(wanted.sum()), int((wanted & (propensity > 0)).sum())
    return OffPolicy(
        precision=float(weights @ found / weights.sum()) if known.any() else float("nan"),
        hits=int(found.sum()),
        covered=covered / asked if asked else float("nan"),
    )


def _share_of(total: int, hits: int, known: int) -> tuple[float, float, float] | None:
    """So many of a total as a sample of it has, with a 95% interval; None without a sample."""
    if not known:
        return None
    low, high = wilson(hits / known, known)
    return total * hits / known, total * low, total * high
