"""Precision of a daily review of cards, customers or whatever takes part in events."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.models.base import Vector


def card_precision(
    scores: Vector, labels: Vector, days: Vector, cards: pl.Series, per_day: int
) -> Vector:
    """Each day's share of compromised cards among those with the highest score.

    A card stands once a day, by its highest score; one that was found is not reviewed again.

    Args:
        scores: (n_rows,).
        labels: (n_rows,), 1 where the card is compromised.
        days: (n_rows,).
        cards: (n_rows,), what names the card.
        per_day: cards reviewed a day; on a day with fewer, the rest count as missed.

    Returns:
        (n_days,), in the order of the days.

    Source: Le Borgne et al. 2022, Reproducible Machine Learning for Credit Card Fraud Detection,
    chapter 4.
    """
    rows = pl.DataFrame({"card": cards, "score": scores, "label": labels, "day": days})
    daily = rows.group_by("day", "card").agg(pl.col("score", "label").max()).sort("day")
    found = pl.Series("card", [], dtype=cards.dtype)
    shares = []
    for _, cards_of_day in daily.group_by("day", maintain_order=True):
        reviewed = (
            cards_of_day.join(found.to_frame(), on="card", how="anti")
            .sort("score", "card", descending=[True, False])
            .head(per_day)
        )
        hits = reviewed.filter(pl.col("label") == 1)["card"]
        shares.append(len(hits) / per_day)
        found = found.append(hits)
    return np.array(shares)
