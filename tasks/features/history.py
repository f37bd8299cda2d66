"""Features of the past: history, novelty, frequency and risk of entities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import polars as pl

from tasks.core.config import format_duration
from tasks.features.config import FrequencyFamily, HistoryFamily, NoveltyFamily, RiskFamily
from tasks.features.past import Past, distinct, every_row
from tasks.features.timeline import Timeline


def history(family: HistoryFamily, time: str) -> Iterator[pl.Expr]:
    """Counts, statistics of values, times since, over each window."""
    past = Past(time, family.entity, family.delay)
    taken = _taken(family, time)
    prefix = _prefix(family)
    for window in family.windows:
        suffix = format_duration(window)
        for statistic in family.statistics:
            if statistic == "count":
                yield past.count(taken, window).alias(f"{prefix}count_{suffix}")
            elif statistic in {"since_last", "since_first"}:
                hours = past.hours_since(taken, window, first=statistic == "since_first")
                yield hours.alias(f"{prefix}hours_{statistic}_{suffix}")
            else:
                for name, expression in family.values.items():
                    feature = _of_values(past, statistic, pl.sql_expr(expression), taken, window)
                    yield feature.alias(f"{prefix}{name}_{statistic}_{suffix}")
    if family.velocity:
        yield from _velocities(past, taken, family.windows, prefix)


def distinct_values(family: HistoryFamily, timeline: Timeline) -> Iterator[pl.Series]:
    """Distinct values of columns over each window, one Series for all rows each."""
    past = Past(timeline.time, family.entity)
    for column in family.distinct:
        for window in family.windows:
            name = f"{_prefix(family)}distinct_{column}_{format_duration(window)}"
            yield distinct(
                timeline.rows, past, column, _taken(family, timeline.time), window
            ).alias(name)


def novelty(family: NoveltyFamily, time: str) -> Iterator[pl.Expr]:
    """1 where the entity had not met the value within the window, else 0."""
    for column in family.of:
        past = Past(time, (*family.entity, column))
        for window in family.windows:
            new = past.count(every_row(time), window) == 0
            yield new.alias(f"{'+'.join(family.entity)}.new_{column}_{format_duration(window)}")


def frequency(family: FrequencyFamily, time: str) -> Iterator[pl.Expr]:
    """Share of the window's rows that had the row's value; null over an empty window."""
    for window in family.windows:
        whole = Past(time).count(every_row(time), window)
        for column in family.columns:
            same = Past(time, (column,)).count(every_row(time), window)
            share = same / pl.when(whole > 0).then(whole)
            yield share.alias(f"{column}.frequency_{format_duration(window)}")


def risk(family: RiskFamily, time: str) -> Iterator[pl.Expr]:
    """Share of positives among the entity's rows whose labels are known; 0 where there are none.

    Source: Le Borgne et al. 2022, Fraud Detection Handbook, chapter 3.
    """
    past, everyone = Past(time, family.entity, family.delay), Past(time, (), family.delay)
    positive = pl.sql_expr(family.where).fill_null(False)
    prefix = "+".join(family.entity)
    for window in family.windows:
        rows, positives = (past.count(x, window) for x in (every_row(time), positive))
        if family.smoothing:
            all_rows, all_positives = (
                everyone.count(x, window) for x in (every_row(time), positive)
            )
            base = all_positives / pl.when(all_rows > 0).then(all_rows)
            positives = positives + family.smoothing * base.fill_null(0.0)
            rows = rows + family.smoothing
        share = pl.when(rows > 0).then(positives / rows).otherwise(0.0)
        yield past.known(share).alias(f"{prefix}.risk_{format_duration(window)}")


def _of_values(
    past: Past, statistic: str, value: pl.Expr, taken: pl.Expr, window: dt.timedelta
) -> pl.Expr:
    past_value = pl.when(taken).then(value)
    if statistic == "ratio":
        mean = past.mean(past_value, window)
        return value / pl.when(mean != 0).then(mean)
    if statistic == "zscore":
        spread = past.std(past_value, window)
        return (value - past.mean(past_value, window)) / pl.when(spread > 0).then(spread)
    measure = {
        "sum": past.sum,
        "mean": past.mean,
        "std": past.std,
        "min": past.min,
        "max": past.max,
    }[statistic]
    return measure(past_value, window)


def _velocities(
    past: Past, taken: pl.Expr, windows: tuple[dt.timedelta, ...], prefix: str
) -> Iterator[pl.Expr]:
    longest = max(windows)
    usual = past.count(taken, longest)
    for window in windows:
        if window < longest:
            rate = past.count(taken, window) * (longest / window)
            velocity = rate / pl.when(usual > 0).then(usual)
            yield velocity.alias(f"{prefix}velocity_{format_duration(window)}")


def _taken(family: HistoryFamily, time: str) -> pl.Expr:
    if family.where is None:
        return every_row(time)
    return pl.sql_expr(family.where).fill_null(False)


def _prefix(family: HistoryFamily) -> str:
    return "+".join(family.entity) + "." + (f"{family.name}_" if family.name else "")
