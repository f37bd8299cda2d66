"""How many of a night's alerts would be false: q-values, and whether they can find anything."""

from __future__ import annotations

import numpy as np

from tasks.models.base import Vector


def q_values(p_values: Vector) -> Vector:
    """The smallest false-discovery rate at which each event would be an alert.

    Alerts on all events with q <= level are false in a share of at most level, on average over
    nights, where p-values of ordinary events are conformal ones against the same calibration rows.

    Args:
        p_values: (n_events,), of one night.

    Returns:
        (n_events,), in the order of the events; never below the p-value.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; Bates et al. 2023,
    doi:10.1214/22-AOS2244 (conformal p-values are positively dependent, so the rate holds).

    Example:
        >>> q_values(np.array([0.01, 0.9, 0.04, 0.03])).round(3).tolist()
        [0.04, 0.9, 0.053, 0.053]
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    rates = p_values[order] * (count / np.arange(1, count + 1))
    lowest = np.minimum.accumulate(rates[::-1])[::-1]
    found = np.empty(count)
    found[order] = np.minimum(lowest, 1.0)
    return found


def lack_of_power(negatives: int, events: int, positives: float, level: float) -> str:
    """Why q-values can find nothing tonight; empty where they can.

    The smallest p-value is 1 / (negatives + 1). As many events as there are positives reach the
    level only if that is at most level * positives / events.

    Args:
        negatives: ordinary rows of the calibration part.
        events: events of the night.
        positives: expected among them.
        level: the false-discovery rate asked for.
    """
    needed = events / (level * max(positives, 1.0))
    if negatives + 1 >= needed:
        return ""
    return (
        f"q-values have no power: with {negatives:,} ordinary calibration rows the smallest "
        f"p-value is {1 / (negatives + 1):.2g}; finding {max(positives, 1.0):.0f} of {events:,} "
        f"events at a false-discovery rate of {level:g} needs {int(np.ceil(needed)):,} rows"
    )
