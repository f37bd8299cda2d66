"""Examples: features joined with what is known of their events."""

from __future__ import annotations

import polars as pl

from tasks.core.event import EVENT_ID
from tasks.core.treatments import SET_ASIDE
from tasks.train.split import EMBARGO, PART, check_labels

UNKNOWN = "label not known"
_FIT = "fit"
_REASON = "_reason"


def join(
    features: pl.LazyFrame, parts: pl.LazyFrame, set_aside: pl.LazyFrame | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Join features with parts, and leave out what is neither fitted on nor judges.

    Args:
        features: one row per event with `event_id`.
        parts: `event_id`, `label`, `part` and the columns of splits, of the labelled events.
        set_aside: `event_id` and why its row is not fitted on, null where it is; or None.

    Returns:
        The examples in the order of the features, and how many events were left out, by reason.

    Raises:
        DataError: a part is left without one of the classes, or values.
    """
    there = set(features.collect_schema()) - {EVENT_ID}
    known = parts.drop(there, strict=False)
    rows = features.join(known, on=EVENT_ID, how="left", maintain_order="left")
    if set_aside is None:
        rows = rows.with_columns(pl.lit(None, pl.String).alias(SET_ASIDE))
    else:
        told = set_aside.unique(EVENT_ID, keep="first", maintain_order=True)
        rows = rows.join(told, on=EVENT_ID, how="left", maintain_order="left")
    reason = (
        pl.when(pl.col(PART).is_null())
        .then(pl.lit(UNKNOWN))
        .when(pl.col(PART) == EMBARGO)
        .then(pl.lit(EMBARGO))
        .when(pl.col(PART) == _FIT)
        .then(pl.col(SET_ASIDE))
    )
    whole = rows.with_columns(reason.alias(_REASON)).collect()
    counts = whole[_REASON].drop_nulls().value_counts()
    examples = whole.filter(pl.col(_REASON).is_null()).drop(_REASON, SET_ASIDE)
    check_labels(examples)
    return examples, dict(sorted(counts.iter_rows()))
