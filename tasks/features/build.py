"""Compute the features of every family, in the pipeline's order."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.event import EVENT_TIME, EventConfig
from tasks.features import basket, history, lookup, row
from tasks.features.config import (
    BasketFamily,
    CalendarFamily,
    CategoriesFamily,
    ColumnsFamily,
    ExpressionsFamily,
    Family,
    FeaturesConfig,
    FrequencyFamily,
    HistoryFamily,
    LookupFamily,
    NoveltyFamily,
    PairsFamily,
    RiskFamily,
    TextFamily,
)
from tasks.features.timeline import Timeline


def build(
    config: FeaturesConfig,
    event: EventConfig,
    rows: pl.DataFrame,
    wanted: pl.Series,
    dimensions: Mapping[str, pl.LazyFrame],
) -> pl.DataFrame:
    """Compute all features of the wanted rows.

    Args:
        config: the families.
        event: what an event is.
        rows: the prepared table, sorted by event time.
        wanted: which rows get features, one boolean a row.
        dimensions: the tables that lookups read.

    Returns:
        (n_wanted, n_features) Float32, null where a feature is not defined; in the order of
        rows and of families.

    Raises:
        ConfigError: two families give a feature the same name, or a column is not there.
        DataError: the rows are not in the order of time.
    """
    config.check(event)
    timeline = Timeline(rows, event, wanted, dimensions)
    timeline.check_order()
    try:
        parts = [_features(family, timeline) for family in config.root]
    except (pl.exceptions.ColumnNotFoundError, pl.exceptions.SchemaError) as error:
        raise ConfigError(
            "features of columns that the prepared table has, of types they can be taken of",
            found=str(error).splitlines()[0],
            where="features",
            do="Correct the names in the pipeline file.",
        ) from error
    names = [name for part in parts for name in part.columns]
    names += [column.meta.output_name() for column in identity(event)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            "features with names of their own, other than the event's key, time and entities",
            found=f"more than one {', '.join(twice)}",
            where="features",
            do="Remove the repetition, or use `expressions` or `name` to call it otherwise.",
        )
    return pl.concat(parts, how="horizontal").select(pl.all().cast(pl.Float32).fill_nan(None))


def identity(event: EventConfig) -> list[pl.Expr]:
    """What tells an event from another: id, key, time, entities, batch date."""
    time = pl.col(event.time) if event.time else pl.lit(None, pl.Datetime("us"))
    others = [column for column in event.entities if column not in event.key]
    return [
        event.id(),
        *map(pl.col, event.key),
        time.alias(EVENT_TIME),
        *map(pl.col, others),
        pl.col("batch_date"),
    ]


def _features(family: Family, timeline: Timeline) -> pl.DataFrame:
    """A family's features of the wanted rows, those that look back computed over all rows."""
    rows, wanted = timeline.rows, timeline.wanted
    match family:
        case ColumnsFamily():
            return rows.filter(wanted).select(row.columns(family))
        case ExpressionsFamily():
            return rows.filter(wanted).select(row.expressions(family))
        case PairsFamily():
            return rows.filter(wanted).select(row.pairs(family))
        case CalendarFamily():
            return rows.filter(wanted).select(row.calendar(family, timeline.event.time or ""))
        case TextFamily():
            return rows.filter(wanted).select(row.text(family))
        case CategoriesFamily():
            return rows.filter(wanted).select(row.categories(family))
        case FrequencyFamily():
            return history.frequency(family, timeline)
        case HistoryFamily():
            return history.history(family, timeline)
        case NoveltyFamily():
            return history.novelty(family, timeline)
        case RiskFamily():
            return history.risk(family, timeline)
        case BasketFamily():
            return rows.select(basket.basket(family, timeline.time)).filter(wanted)
        case LookupFamily():
            return lookup.lookup(family, timeline)
