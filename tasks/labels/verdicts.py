"""What reviewers said of events: the last verdict on each that was there in time."""

from __future__ import annotations

import polars as pl

from tasks.core.batches import last_instant
from tasks.core.errors import SchemaDriftError
from tasks.core.event import EVENT_ID, EventConfig
from tasks.labels.config import Disposition

VERDICT = "_verdict"
_SAID_AT = "_said_at"


def last_verdicts(
    events: pl.LazyFrame,
    verdicts: pl.LazyFrame | None,
    config: Disposition,
    event: EventConfig,
) -> pl.LazyFrame:
    """The events that somebody looked at, with what they said.

    Args:
        events: with `event_id` and `known_at`.
        verdicts: the reviewers' rows, with `batch_date`; None where there are none.
        config: what the columns mean.
        event: what an event is.

    Returns:
        The events with a verdict said by `known_at`, and `_verdict` (Boolean) of the last of them;
        of those of one moment a positive one counts.
    """
    if verdicts is None:
        return events.with_columns(pl.lit(None, pl.Boolean).alias(VERDICT)).head(0)
    positive = [text_of(value) for value in config.positive]
    said = verdicts.drop_nulls(config.verdict).select(
        _id(config, event),
        _said_at(config).alias(_SAID_AT),
        pl.col(config.verdict).cast(pl.String).is_in(positive).alias(VERDICT),
    )
    in_time = (
        events.select(EVENT_ID, "known_at")
        .join(said, on=EVENT_ID)
        .filter(pl.col(_SAID_AT) <= pl.col("known_at"))
    )
    last = in_time.sort(_SAID_AT, VERDICT).group_by(EVENT_ID).agg(pl.col(VERDICT).last())
    return events.join(last, on=EVENT_ID)


def check_verdicts(verdicts: pl.LazyFrame, config: Disposition, event: EventConfig) -> None:
    """See that the table of verdicts has the columns it is read by.

    Raises:
        SchemaDriftError: one is missing.
    """
    columns = verdicts.collect_schema().names()
    needed = [*(config.on or event.key), config.verdict, *([config.time] if config.time else [])]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise SchemaDriftError(
            f"the columns of verdicts: {', '.join(missing)}",
            found=f"only {', '.join(columns)}",
            where=f"label, table {config.table}",
            do="Correct label.on, label.verdict or label.time, or restore the columns.",
        )


def text_of(value: str | int | bool) -> str:
    """A value of a pipeline file as Polars casts such a value to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _id(config: Disposition, event: EventConfig) -> pl.Expr:
    return event.model_copy(update={"key": config.on or event.key}).id()


def _said_at(config: Disposition) -> pl.Expr:
    """A verdict without a time was surely there when its date ended."""
    if config.time:
        return pl.col(config.time).cast(pl.Datetime("us"))
    return last_instant()
