"""Features of the past: history, novelty, frequency and risk of entities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError
from tasks.features.arithmetic import divide
from tasks.features.codes import Bools, Floats
from tasks.features.past import Past
from tasks.features.past_config import FrequencyFamily, HistoryFamily, NoveltyFamily, RiskFamily
from tasks.features.statistics import statistics
from tasks.features.tally import POSITIVE, tallies
from tasks.features.timeline import Timeline
from tasks.features.window import Window


def history(family: HistoryFamily, timeline: Timeline) -> pl.DataFrame:
    """Counts, times since, distinct values, statistics of values and velocities."""
    (kept,) = tallies(family)
    before = timeline.past_of(family, kept)
    windows = before.windows(family.windows, family.delay, family.last)
    prefix = "+".join(family.entity) + "." + (f"{family.name}_" if family.name else "")
    features = [
        *statistics(family, timeline, before, windows),
        *(_velocities(windows[: len(family.windows)]) if family.velocity else ()),
    ]
    return named(before, ((f"{prefix}{name}", values) for name, values in features))


def novelty(family: NoveltyFamily, timeline: Timeline) -> pl.DataFrame:
    """1 where the entity had not met the value within the window, else 0."""
    parts = []
    for column, kept in zip(family.of, tallies(family), strict=True):
        before = timeline.past_of(family, kept)
        prefix = f"{'+'.join(family.entity)}.new_{column}"
        new = [
            (f"{prefix}_{window.name}", (window.count == 0).astype(np.float64))
            for window in before.windows(family.windows)
        ]
        parts.append(named(before, new))
    return pl.concat(parts, how="horizontal")


def frequency(family: FrequencyFamily, timeline: Timeline) -> pl.DataFrame:
    """Share of the window's rows that had the event's value; null over an empty window."""
    everyone = timeline.past(())
    everything = everyone.windows(family.windows)
    parts = []
    for column in family.columns:
        before = timeline.past((column,))
        shares = [
            (
                f"{column}.frequency_{window.name}",
                divide(window.count, before.align(everyone.restore(whole.count))),
            )
            for window, whole in zip(before.windows(family.windows), everything, strict=True)
        ]
        parts.append(named(before, shares))
    return pl.concat(parts, how="horizontal")


def risk(family: RiskFamily, timeline: Timeline) -> pl.DataFrame:
    """Share of positives among the entity's rows whose labels are known; 0 where there are none.

    Source: Le Borgne et al. 2022, Fraud Detection Handbook, chapter 3.
    """
    known, positive = _outcomes(family, timeline)
    (kept,) = tallies(family)
    before = timeline.past_of(family, kept)
    windows = before.windows(family.windows, _delay(family))
    counts = zip(*_counts(before, windows, known, positive), strict=True)
    rates = _base_rates(family, timeline, known, positive)
    prefix = "+".join(family.entity)
    features = []
    for window, (n, k), rate in zip(windows, counts, rates, strict=True):
        base = family.smoothing * before.align(rate)
        share = np.nan_to_num(divide(k + base, n + family.smoothing))
        features.append((f"{prefix}.risk_{window.name}", share))
    return named(before, features)


def named(before: Past, features: Iterable[tuple[str, Floats]]) -> pl.DataFrame:
    """The features as a table, missing where the event does not name its entity."""
    unnamed = np.flatnonzero(~before.named)
    made = {}
    for name, values in features:
        single = values.astype(np.float32)
        single[unnamed] = np.nan
        made[name] = before.restore(single)
    return pl.DataFrame(made)


def _outcomes(family: RiskFamily, timeline: Timeline) -> tuple[Bools | None, Bools]:
    """Which rows have an outcome, None for all of them; and which turned out positive."""
    if family.where is not None:
        return None, timeline.holds(family.where)
    if timeline.label is None:
        raise ConfigError(
            "the labels of past events, for a risk without `where`",
            found="none",
            where="features, family risk",
            do="Name a condition in `where`, with its `delay`.",
        )
    if timeline.label.dtype.is_float():
        raise ConfigError(
            "labels that turn out positive or not, for a risk without `where`",
            found="values",
            where="features, family risk",
            do="Take the family history with the label's column in `values` and its `delay`.",
        )
    known = timeline.label.is_not_null().to_numpy()
    return known, timeline.label.fill_null(0).to_numpy() == 1


def _delay(family: RiskFamily) -> dt.timedelta:
    if family.delay is None:
        raise ConfigError(
            "a `delay`",
            found="none",
            where="features, family risk",
            do="Name the time until a row's outcome is known.",
        )
    return family.delay


def _counts(
    before: Past, windows: Sequence[Window], known: Bools | None, positive: Bools
) -> tuple[list[Floats], list[Floats]]:
    """Rows with an outcome, and positives among them, in each window."""
    positives = before.count(positive, windows, POSITIVE)
    if known is None or known.all():
        return [window.count for window in windows], positives
    return before.count(known, windows), positives


def _base_rates(
    family: RiskFamily, timeline: Timeline, known: Bools | None, positive: Bools
) -> list[Floats]:
    """Share of positives among all rows, for the events as they came; 0 where not asked for."""
    if not family.smoothing:
        return [np.zeros(timeline.asking.height) for _ in family.windows]
    everything = timeline.past(())
    windows = everything.windows(family.windows, _delay(family))
    counts = _counts(everything, windows, known, positive)
    shares = (np.nan_to_num(divide(k, n)) for n, k in zip(*counts, strict=True))
    return [everything.restore(share) for share in shares]


def _velocities(windows: Sequence[Window]) -> Iterator[tuple[str, Floats]]:
    longest = max(windows, key=lambda window: window.span)
    for window in windows:
        if window.span < longest.span:
            rate = window.count * (longest.span / window.span)
            yield f"velocity_{window.name}", divide(rate, longest.count)
