"""Label events with what was known by the end of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import polars as pl

from tasks.core.batches import BATCH_DATE, in_order, last_instant
from tasks.core.errors import ConfigError, SchemaDriftError
from tasks.core.event import EVENT_ID, EVENT_TIME, EventConfig
from tasks.labels.config import (
    Disposition,
    FollowedBy,
    LabelClass,
    LabelColumn,
    LabelConfig,
    LabelValue,
    NoLabel,
    OwnColumn,
)
from tasks.labels.verdicts import VERDICT, check_verdicts, last_verdicts, text_of

LABEL, KNOWN_AT, LABEL_CLASS = "label", "known_at", "label_class"


def label(
    rows: pl.LazyFrame,
    config: LabelConfig,
    event: EventConfig,
    known_by: dt.date,
    also: Sequence[str] = (),
    verdicts: pl.LazyFrame | None = None,
    gaps: Collection[dt.date] = (),
) -> pl.DataFrame:
    """Label every event whose delay has passed by the end of a day.

    That no row answers an event is known only where every date that may hold one is there.

    Args:
        rows: the event table, all rows, with `batch_date`.
        config: where labels come from.
        event: what an event is.
        known_by: the last day whose rows may be used.
        also: columns of the events that are taken along.
        verdicts: the table of the reviewers, all rows, with `batch_date`; None where it has none.
        gaps: dates whose rows should be there and are not.

    Returns:
        `event_id`, `event_time`, `batch_date`, `label` (Float64 where values are configured, else
        Int8, null where no label is configured), `known_at`, `label_class` (String) where classes
        are configured, and the columns taken along, in the order of event time and id.

    Raises:
        ConfigError: labels by later rows of events that have no time.
        SchemaDriftError: a column the label needs is missing, or holds no numbers.
    """
    _check(rows, config, event)
    if isinstance(config, Disposition) and verdicts is not None:
        check_verdicts(verdicts, config, event)
    known, value = _known(rows, config, event, known_by, verdicts, gaps)
    values = _labels(value, config)
    told = {each.meta.output_name() for each in values}
    own = (EVENT_ID, EVENT_TIME, BATCH_DATE, LABEL, KNOWN_AT, *sorted(told - {LABEL}))
    _check_columns(rows, [column for column in also if column not in own], "training", event)
    return (
        known.with_columns(values)
        .select(list(dict.fromkeys((*own, *also))))
        .sort(EVENT_TIME, EVENT_ID)
        .collect()
    )


def _labels(value: pl.Expr, config: LabelConfig) -> list[pl.Expr]:
    """The label as a column, and the class beside it where classes are configured."""
    dtype = pl.Float64 if isinstance(config, LabelValue) else pl.Int8
    label = value.cast(dtype).alias(LABEL)
    if not isinstance(config, LabelClass):
        return [label]
    return [label, pl.col(config.column).cast(pl.String).alias(LABEL_CLASS)]


def _known(
    rows: pl.LazyFrame,
    config: LabelConfig,
    event: EventConfig,
    known_by: dt.date,
    verdicts: pl.LazyFrame | None,
    gaps: Collection[dt.date],
) -> tuple[pl.LazyFrame, pl.Expr]:
    """The events whose label is known by the end of a day, and the label."""
    end = dt.datetime.combine(known_by, dt.time()) + dt.timedelta(days=1)
    timed = rows.with_columns(
        event.id(), _time(event).alias(EVENT_TIME), _happened(event).alias("_at")
    ).filter(pl.col("_at") < end)
    events = _first_of_each(timed.filter(event.is_event()), event)
    known = events.with_columns((pl.col("_at") + config.delay).alias(KNOWN_AT)).filter(
        pl.col(KNOWN_AT) < end
    )
    return _valued(known, timed, events, config, event, verdicts, gaps)


def _valued(
    known: pl.LazyFrame,
    rows: pl.LazyFrame,
    events: pl.LazyFrame,
    config: LabelConfig,
    event: EventConfig,
    verdicts: pl.LazyFrame | None,
    gaps: Collection[dt.date],
) -> tuple[pl.LazyFrame, pl.Expr]:
    """The events whose label is known, of those old enough for it, and the label."""
    if isinstance(config, FollowedBy):
        # Among all events, known or not: an answer to a younger one is none to an older one.
        answered = _answered(rows, events, config).select(EVENT_ID).collect()[EVENT_ID]
        return known.filter(_is_whole(gaps)), pl.col(EVENT_ID).is_in(answered.implode())
    if isinstance(config, Disposition):
        return last_verdicts(known, verdicts, config, event), pl.col(VERDICT)
    if isinstance(config, NoLabel):
        return known, pl.lit(None, pl.Int8)
    value = _of_column(config)
    known = known.filter(pl.col(config.column).is_not_null())
    return known.filter(value.is_finite()) if isinstance(config, LabelValue) else known, value


def _first_of_each(events: pl.LazyFrame, event: EventConfig) -> pl.LazyFrame:
    """Of rows with one key the one that preparation keeps, whatever the order they come in."""
    again = pl.col(EVENT_ID).is_duplicated()
    repeated = in_order(events.filter(again), event).sort(BATCH_DATE, maintain_order=True)
    first = repeated.unique(EVENT_ID, keep="first", maintain_order=True)
    return pl.concat([events.filter(~again), first])


def _time(event: EventConfig) -> pl.Expr:
    return pl.col(event.time) if event.time else pl.lit(None, pl.Datetime("us"))


def _happened(event: EventConfig) -> pl.Expr:
    """An event without a time has happened when its batch date ends."""
    return pl.col(event.time).cast(pl.Datetime("us")) if event.time else last_instant()


def _is_whole(gaps: Collection[dt.date]) -> pl.Expr:
    """Whether no date is missing from an event to the last moment of an answer."""
    first, last = pl.col("_at").dt.date(), pl.col(KNOWN_AT).dt.date()
    missing = [pl.lit(gap).is_between(first, last) for gap in sorted(gaps)]
    return ~pl.any_horizontal(missing) if missing else pl.lit(True)


def _answered(rows: pl.LazyFrame, events: pl.LazyFrame, config: FollowedBy) -> pl.LazyFrame:
    """Ids of the events that a later row answers, one row for each answer."""
    size = [config.at_most] if config.at_most else []
    answers = (
        rows.filter(pl.sql_expr(config.where))
        .drop_nulls(list(config.same))
        .select(*config.same, answered_at="_at", size=pl.col(size).abs() if size else pl.lit(0))
        .with_row_index("answer")
    )
    pairs = (
        answers.join(
            events.select(EVENT_ID, *config.same, "_at", room=pl.col(size) if size else pl.lit(0)),
            on=list(config.same),
        )
        .filter(
            pl.col("_at") < pl.col("answered_at"),
            pl.col("answered_at") <= pl.col("_at") + config.within,
            pl.col("size") <= pl.col("room"),
        )
        .select("answer", EVENT_ID, "_at")
    )
    if config.match == "any":
        return pairs
    return pairs.sort("_at", EVENT_ID).group_by("answer").last()


def _of_column(config: OwnColumn) -> pl.Expr:
    """The column's number, or whether what it holds is positive."""
    if isinstance(config, LabelValue):
        return pl.col(config.column).cast(pl.Float64)
    if isinstance(config, LabelClass):
        return pl.col(config.column).cast(pl.String) != text_of(config.normal)
    assert isinstance(config, LabelColumn)
    listed = config.positive or config.negative
    found = pl.col(config.column).cast(pl.String).is_in([text_of(value) for value in listed])
    return found if config.positive else ~found


def _check(rows: pl.LazyFrame, config: LabelConfig, event: EventConfig) -> None:
    if isinstance(config, NoLabel | Disposition):
        return
    if isinstance(config, FollowedBy):
        needed = [*config.same, *([config.at_most] if config.at_most else [])]
        if event.time is None:
            raise ConfigError(
                "event.time, for labels by a later row",
                found="no event.time",
                where="label.kind: followed_by",
                do="Name the time column of the events, or label by a column.",
            )
    else:
        needed = [config.column]
    _check_columns(rows, needed, "label", event)
    if isinstance(config, LabelValue):
        found = rows.collect_schema()[config.column]
        if not found.is_numeric():
            raise SchemaDriftError(
                f"numbers in the column {config.column}, whose values are predicted",
                found=str(found),
                where=f"label, table {event.table}",
                do="Name a column of numbers, or label by {kind: class} or {kind: column}.",
            )


def _check_columns(
    rows: pl.LazyFrame, needed: Sequence[str], where: str, event: EventConfig
) -> None:
    columns = rows.collect_schema().names()
    missing = [column for column in needed if column not in columns]
    if missing:
        raise SchemaDriftError(
            f"the columns the {where} needs: {', '.join(missing)}",
            found=f"only {', '.join(columns)}",
            where=f"{where}, table {event.table}",
            do="Correct the names in the pipeline file, or restore the columns.",
        )
