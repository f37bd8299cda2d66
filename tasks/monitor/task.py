"""The monitoring stage."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.artifacts import Labels, Ref, Scores
from tasks.core.commit import Run
from tasks.core.store import Store
from tasks.monitor.realised import Realised, realised
from tasks.task import stage


@stage("realise")
def realise(
    reader: Store | Run, scores: Sequence[Ref[Scores]], labels: Sequence[Ref[Labels]]
) -> Realised:
    """Measure the scores of past nights against the labels known by now.

    Args:
        reader: a store, or a run that may have just written the labels.
        scores: the scores of one or more nights.
        labels: one or more tables of labels; of several for an event the last one counts.
    """
    known = pl.concat([reader.scan(ref).select("event_id", "label") for ref in labels])
    nights = pl.concat([reader.scan(ref) for ref in scores], how="diagonal_relaxed")
    columns = ("event_id", "batch_date", "rank", "score", "fallback_score", "decision")
    return realised(
        nights.select(columns).collect(),
        known.unique("event_id", keep="last", maintain_order=True).collect(),
    )
