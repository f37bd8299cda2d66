"""The share of positives of a category, from labels known before the row's block of time.

A leave-one-out or k-fold encoding would put labels of the future, or of a row's neighbours in
time, into the features of training rows. Here a row of training time reads what a night of its
date would have read: the rates as of the last boundary between blocks before it.

Source: Micci-Barreca 2001, doi:10.1145/507533.507538 (the smoothing).
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.treatments import FeatureState
from tasks.features.learned_config import TargetRateFamily
from tasks.features.timeline import Timeline

_DATE = "batch_date"
_DAY = dt.timedelta(days=1)
_EPOCH = dt.date(1970, 1, 1)


def learn(family: TargetRateFamily, timeline: Timeline) -> FeatureState:
    """Rates as of each boundary between blocks of training time, and on until all are known.

    Raises:
        ConfigError: there are no labels, or their delay is not known.
    """
    if timeline.label is None or family.delay is None:
        raise ConfigError(
            "labels with their delay",
            found="none",
            where="features, family target_rate",
            do="Name the label of the pipeline.",
        )
    label = timeline.label.filter(timeline.wanted).alias("label")
    seen = timeline.asking.select(_DATE, *map(_text, family.columns)).with_columns(label)
    numbers: dict[str, tuple[float, ...]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    boundaries = _boundaries(seen[_DATE], family.blocks, family.delay)
    numbers["boundaries"] = tuple(float((day - _EPOCH).days) for day in boundaries)
    for place, boundary in enumerate(boundaries):
        # Of a row the label is known once its date has ended and the delay has passed.
        known_at = pl.col(_DATE).cast(pl.Datetime("us")) + _DAY + family.delay
        midnight = dt.datetime.combine(boundary, dt.time())
        known = seen.filter(known_at <= midnight).drop_nulls("label")
        base = known["label"].mean()
        numbers[f"{place}"] = () if not isinstance(base, float) else (base,)
        for column in family.columns:
            rates = _rates(family, known, column, base if isinstance(base, float) else 0.0)
            texts[f"{place}:{column}"] = tuple(rates[column].to_list())
            numbers[f"{place}:{column}"] = tuple(rates["rate"].to_list())
    return FeatureState(family.key, numbers, texts)


def apply(family: TargetRateFamily, rows: pl.DataFrame, learned: FeatureState) -> pl.DataFrame:
    """The rate of each row's category as of the last boundary not after its date."""
    days = rows[_DATE].cast(pl.Date).cast(pl.Int32).to_numpy()
    places = np.searchsorted(np.array(learned.numbers["boundaries"]), days, side="right") - 1
    made = {}
    for column in family.columns:
        texts = rows.select(_text(column)).to_series()
        rates = np.full(len(rows), np.nan, np.float32)
        for place in np.unique(places[places >= 0]).tolist():
            base = learned.numbers[f"{place}"]
            if base:
                at = np.flatnonzero(places == place)
                known = dict(
                    zip(
                        learned.texts[f"{place}:{column}"],
                        learned.numbers[f"{place}:{column}"],
                        strict=True,
                    )
                )
                found = texts[at].replace_strict(known, default=base[0], return_dtype=pl.Float64)
                rates[at] = found.to_numpy()
        made[f"{column}.target_rate"] = rates
    return pl.DataFrame(made)


def _boundaries(dates: pl.Series, blocks: int, delay: dt.timedelta) -> list[dt.date]:
    """The first date of each block but the first, then on until every label is known."""
    days: list[dt.date] = dates.unique().sort().to_list()
    starts = {len(days) * block // blocks for block in range(1, blocks)} - {0}
    end, length = days[-1] + _DAY, max((days[-1] - days[0]).days // blocks, 1)
    until_known = -(-delay // _DAY)
    after = {*range(0, until_known, length), until_known}
    return [*(days[start] for start in sorted(starts)), *(end + d * _DAY for d in sorted(after))]


def _rates(family: TargetRateFamily, known: pl.DataFrame, column: str, base: float) -> pl.DataFrame:
    counted = known.group_by(column).agg(
        rows=pl.len(), positives=pl.col("label").cast(pl.Float64).sum()
    )
    rate = (pl.col("positives") + family.smoothing * base) / (pl.col("rows") + family.smoothing)
    most = counted.sort("rows", column, descending=[True, False]).head(family.most)
    return most.sort(column).select(column, rate=rate)


def _text(column: str) -> pl.Expr:
    """The category as text; a missing one is a category as well."""
    return pl.col(column).cast(pl.String).fill_null("").alias(column)
