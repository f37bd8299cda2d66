"""Compute the features of every family, in the pipeline's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.event import EVENT_TIME, EventConfig
from tasks.core.sql import widened
from tasks.core.treatments import FeatureState
from tasks.features import (
    arrival,
    basket,
    buckets,
    events,
    history,
    holiday,
    lookup,
    own,
    row,
    sequence,
)
from tasks.features.config import FeaturesConfig
from tasks.features.learned import apply, learning
from tasks.features.learned_config import LearnedFamily
from tasks.features.streaks import streaks
from tasks.features.timeline import Timeline

Builder = Callable[[Any, Timeline], pl.DataFrame]


def _of_row(expressions: Callable[[Any], Iterable[pl.Expr]]) -> Builder:
    return lambda family, timeline: timeline.asking.select(expressions(family))


FAMILIES: Mapping[str, Builder] = {
    "columns": _of_row(row.columns),
    "expressions": lambda f, t: widened(t.asking, f.expressions.values()).select(
        row.expressions(f)
    ),
    "pairs": _of_row(row.pairs),
    "calendar": lambda f, t: t.asking.select(row.calendar(f, t.event.time or "")),
    "holidays": lambda f, t: holiday.holidays(f, t.asking, t.event.time or ""),
    "text": _of_row(row.text),
    "ngrams": lambda f, t: buckets.ngrams(f, t.asking),
    "categories": _of_row(row.categories),
    "bins": _of_row(row.bins),
    "crosses": lambda f, t: buckets.crosses(f, t.asking),
    "pixels": _of_row(sequence.pixels),
    "frequency": history.frequency,
    "history": history.history,
    "novelty": history.novelty,
    "risk": history.risk,
    "streaks": streaks,
    "sequence": sequence.sequence,
    "series": sequence.series,
    "basket": basket.basket,
    "lookup": lookup.lookup,
    "events": events.events,
    "own": own.own,
}


def build(
    config: FeaturesConfig,
    event: EventConfig,
    rows: pl.DataFrame,
    wanted: pl.Series,
    dimensions: Mapping[str, pl.LazyFrame],
) -> pl.DataFrame:
    """Compute all features of the wanted rows of a table; see `build_on`."""
    return build_on(config, Timeline(rows, event, wanted, dimensions))


def build_on(
    config: FeaturesConfig, timeline: Timeline, states: Sequence[FeatureState] = ()
) -> pl.DataFrame:
    """Compute all features of the wanted rows.

    Args:
        config: the families.
        timeline: the rows and what else features are computed from.
        states: what training learned, for the families that learn.

    Returns:
        (n_wanted, n_features) Float32, null where a feature is not defined; in the order of
        rows and of families.

    Raises:
        ConfigError: two families give a feature the same name, or a column is not there.
        DataError: the rows are not in the order of time.
    """
    return with_learned(config, timeline, build_plain(config, timeline), states)


def with_learned(
    config: FeaturesConfig,
    timeline: Timeline,
    plain: pl.DataFrame,
    states: Sequence[FeatureState],
) -> pl.DataFrame:
    """The features of the families that learn nothing, and beside them those of the others."""
    parts = [plain, *(apply(f, timeline, plain, states) for f in learning(config))]
    return join(parts, timeline.event)


def build_plain(config: FeaturesConfig, timeline: Timeline) -> pl.DataFrame:
    """The features of the families that learn nothing; see `build_on`."""
    return join(build_each(config, timeline), timeline.event)


def build_each(config: FeaturesConfig, timeline: Timeline) -> list[pl.DataFrame]:
    """The features of each family that learns nothing; see `build_on`."""
    config.check(timeline.event)
    timeline.check_order()
    stretches = list(arrival.as_arrived(config, timeline))
    built = [_build_stretch(config, seen) for _, seen in stretches]
    if len(built) == 1:
        return built[0]
    order = np.argsort(np.concatenate([places for places, _ in stretches]))
    return [pl.concat(parts)[order] for parts in zip(*built, strict=True)]


def _build_stretch(config: FeaturesConfig, timeline: Timeline) -> list[pl.DataFrame]:
    """The features of each family of events that may all see the same rows."""
    try:
        parts = [
            FAMILIES[family.family](family, timeline)
            for family in config.root
            if not isinstance(family, LearnedFamily)
        ]
    except (pl.exceptions.ColumnNotFoundError, pl.exceptions.SchemaError) as error:
        raise ConfigError(
            "features of columns that the prepared table has, of types they can be taken of",
            found=str(error).splitlines()[0],
            where="features",
            do="Correct the names in the pipeline file.",
        ) from error
    single = pl.all().cast(pl.Float32)
    return [part.select(pl.when(single.is_finite()).then(single)) for part in parts]


def join(parts: Sequence[pl.DataFrame], event: EventConfig) -> pl.DataFrame:
    """Families beside each other.

    Raises:
        ConfigError: two of them give a feature the same name.
    """
    _check_names((name for part in parts for name in part.columns), event)
    return pl.concat(parts, how="horizontal") if parts else pl.DataFrame()


def _check_names(features: Iterable[str], event: EventConfig) -> None:
    names = [*features, *(column.meta.output_name() for column in identity(event))]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            "features with names of their own, other than the event's key, time and entities",
            found=f"more than one {', '.join(twice)}",
            where="features",
            do="Remove the repetition, or use `expressions` or `name` to call it otherwise.",
        )


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
