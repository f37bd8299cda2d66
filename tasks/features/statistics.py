"""The statistics of values in windows of the past, by the names a pipeline file gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.features.arithmetic import divide
from tasks.features.codes import Floats, codes
from tasks.features.past import Past, Values
from tasks.features.past_config import OF_OWN_VALUE, OF_WINDOWS, PastFamily
from tasks.features.ranked import distinct, extreme, quantile
from tasks.features.timeline import Timeline
from tasks.features.window import Window

Named = tuple[str, Floats]


def statistics(
    family: PastFamily, timeline: Timeline, before: Past, windows: Sequence[Window]
) -> Iterator[Named]:
    """Counts, times since, statistics of values and distinct values, each with its name."""
    for window in windows:
        for statistic in family.statistics:
            if statistic == "count":
                yield f"count_{window.name}", window.count
            elif statistic in OF_WINDOWS:
                hours = before.hours_since(window, first=statistic == "since_first")
                yield f"hours_{statistic}_{window.name}", hours
    for name, expression in family.values.items():
        values = Values(name, timeline.values(expression))
        for statistic in family.statistics:
            if statistic not in OF_WINDOWS:
                measures = _measure(statistic, timeline, before, values, windows)
                for window, taken in zip(windows, measures, strict=True):
                    yield f"{name}_{statistic}_{window.name}", taken
    timed = [window for window in windows if not window.name.startswith("last")]
    for column in family.distinct:
        numbers, _ = codes(timeline.rows, timeline.rows.head(0), (column,))
        for window, counted in zip(timed, distinct(before, numbers, timed), strict=True):
            yield f"distinct_{column}_{window.name}", counted


def measure(
    statistic: str, before: Past, values: Values, windows: Sequence[Window]
) -> list[Floats]:
    """One statistic of the rows in each window."""
    match statistic:
        case "sum":
            return before.sum(values, windows)
        case "mean":
            return before.mean(values, windows)
        case "min" | "max":
            return extreme(before, values, windows, largest=statistic == "max")
        case "std":
            return before.std(values, windows)
        case "median":
            return quantile(before, values.rows, 0.5, windows)
    return quantile(before, values.rows, int(statistic[1:]) / 100, windows)


def _measure(
    statistic: str, timeline: Timeline, before: Past, values: Values, windows: Sequence[Window]
) -> list[Floats]:
    if statistic not in OF_OWN_VALUE:
        return measure(statistic, before, values, windows)
    means = before.mean(values, windows)
    own = before.align(values.rows[timeline.wanted.to_numpy()])
    if statistic == "ratio":
        return [divide(own, mean) for mean in means]
    spreads = before.std(values, windows)
    return [divide(own - mean, spread) for mean, spread in zip(means, spreads, strict=True)]
