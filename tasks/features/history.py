"""Features of the past: history, novelty, frequency and risk of entities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.core.config import format_duration
from tasks.features.config import FrequencyFamily, HistoryFamily, NoveltyFamily, RiskFamily
from tasks.features.past import Floats, Past, Window, codes, divide
from tasks.features.timeline import Timeline

_OF_WINDOWS = {"count", "since_last", "since_first"}


def history(family: HistoryFamily, timeline: Timeline) -> pl.DataFrame:
    """Counts, times since, distinct values, statistics of values and velocities."""
    before, windows = timeline.past(family.entity, family.where, family.windows, family.delay)
    features = [
        *_of_windows(family, before, windows),
        *_of_values(family, timeline, before, windows),
        *_distinct(family, timeline, before, windows),
        *(_velocities(windows) if family.velocity else ()),
    ]
    prefix = "+".join(family.entity) + "." + (f"{family.name}_" if family.name else "")
    return _frame(before, {f"{prefix}{name}": values for name, values in features})


def novelty(family: NoveltyFamily, timeline: Timeline) -> pl.DataFrame:
    """1 where the entity had not met the value within the window, else 0."""
    parts = []
    for column in family.of:
        before, windows = timeline.past((*family.entity, column), None, family.windows)
        prefix = f"{'+'.join(family.entity)}.new_{column}"
        new = {
            _named(prefix, window.span): (window.count == 0).astype(np.float64)
            for window in windows
        }
        parts.append(_frame(before, new))
    return pl.concat(parts, how="horizontal")


def frequency(family: FrequencyFamily, timeline: Timeline) -> pl.DataFrame:
    """Share of the window's rows that had the event's value; null over an empty window."""
    _, everything = timeline.past((), None, family.windows)
    parts = []
    for column in family.columns:
        before, same = timeline.past((column,), None, family.windows)
        shares = {
            _named(f"{column}.frequency", window.span): divide(window.count, whole.count)
            for window, whole in zip(same, everything, strict=True)
        }
        parts.append(_frame(before, shares))
    return pl.concat(parts, how="horizontal")


def risk(family: RiskFamily, timeline: Timeline) -> pl.DataFrame:
    """Share of positives among the entity's rows whose labels are known; 0 where there are none.

    Source: Le Borgne et al. 2022, Fraud Detection Handbook, chapter 3.
    """
    rows, windows = timeline.past(family.entity, None, family.windows, family.delay)
    _, positives = timeline.past(family.entity, family.where, family.windows, family.delay)
    rates = _base_rates(family, timeline)
    features = {}
    for window, positive, rate in zip(windows, positives, rates, strict=True):
        k = positive.count + family.smoothing * rate
        share = np.nan_to_num(divide(k, window.count + family.smoothing))
        features[_named(f"{'+'.join(family.entity)}.risk", window.span)] = share
    return _frame(rows, features)


def _base_rates(family: RiskFamily, timeline: Timeline) -> list[Floats]:
    """Share of positives among all rows, in each window; 0 where it is not asked for."""
    if not family.smoothing:
        return [np.zeros(int(timeline.wanted.sum())) for _ in family.windows]
    (_, rows), (_, positives) = (
        timeline.past((), where, family.windows, family.delay) for where in (None, family.where)
    )
    return [np.nan_to_num(divide(k.count, n.count)) for k, n in zip(positives, rows, strict=True)]


def _of_windows(
    family: HistoryFamily, before: Past, windows: list[Window]
) -> Iterator[tuple[str, Floats]]:
    for window in windows:
        for statistic in family.statistics:
            if statistic == "count":
                yield _named("count", window.span), window.count
            elif statistic in _OF_WINDOWS:
                hours = before.hours_since(window, first=statistic == "since_first")
                yield _named(f"hours_{statistic}", window.span), hours


def _of_values(
    family: HistoryFamily, timeline: Timeline, before: Past, windows: list[Window]
) -> Iterator[tuple[str, Floats]]:
    for name, expression in family.values.items():
        values = timeline.values(expression)
        own = values[timeline.wanted.to_numpy()]
        for statistic in family.statistics:
            if statistic in _OF_WINDOWS:
                continue
            for window, taken in zip(
                windows, _taken(statistic, before, values, own, windows), strict=True
            ):
                yield _named(f"{name}_{statistic}", window.span), taken


def _taken(
    statistic: str, before: Past, values: Floats, own: Floats, windows: list[Window]
) -> list[Floats]:
    match statistic:
        case "sum":
            return before.sum(values, windows)
        case "mean":
            return before.mean(values, windows)
        case "min" | "max":
            return before.extreme(values, windows, largest=statistic == "max")
        case "std":
            return before.std(values, windows)
        case "ratio":
            return [divide(own, mean) for mean in before.mean(values, windows)]
    means, spreads = before.mean(values, windows), before.std(values, windows)
    return [divide(own - m, s) for m, s in zip(means, spreads, strict=True)]


def _distinct(
    family: HistoryFamily, timeline: Timeline, before: Past, windows: list[Window]
) -> Iterator[tuple[str, Floats]]:
    for column in family.distinct:
        values, _ = codes(timeline.rows, timeline.rows.head(0), (column,))
        for window, counted in zip(windows, before.distinct(values, windows), strict=True):
            yield _named(f"distinct_{column}", window.span), counted


def _velocities(windows: list[Window]) -> Iterator[tuple[str, Floats]]:
    longest = max(windows, key=lambda window: window.span)
    for window in windows:
        if window.span < longest.span:
            rate = window.count * (longest.span / window.span)
            yield _named("velocity", window.span), divide(rate, longest.count)


def _named(name: str, span: dt.timedelta) -> str:
    return f"{name}_{format_duration(span)}"


def _frame(before: Past, features: dict[str, Floats]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            name: np.where(before.named, values, np.nan).astype(np.float32)
            for name, values in features.items()
        }
    )
