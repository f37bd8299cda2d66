"""The scoring of the Numenta Anomaly Benchmark, for one threshold on the scores of every series.

Source: Lavin & Ahmad 2015, arXiv:1510.03336; the benchmark's own `sweeper.py` is what counts where
the paper says less.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PROFILES = {
    "standard": (1.0, 1.0, 0.11),
    "reward_low_FP_rate": (1.0, 1.0, 0.22),
    "reward_low_FN_rate": (1.0, 2.0, 0.11),
}
_PROBATION, _MOST_PROBATION = 0.15, 750


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the benchmark.

    Args:
        name: folder and file.
        times: ISO timestamps (n_points,).
        values: (n_points,).
        windows: first and last position of each labelled anomaly.
    """

    name: str
    times: tuple[str, ...]
    values: np.ndarray
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Points at the start that are not scored: what a detector may learn from."""
        return min(math.floor(_PROBATION * len(self.values)), _MOST_PROBATION)


def read(folder: Path) -> Iterator[Series]:
    """Every series, in the order of their names."""
    labels = json.loads((folder / "labels/combined_windows.json").read_text())
    for name, windows in sorted(labels.items()):
        with (folder / "data" / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        times = tuple(row["timestamp"] for row in rows)
        places = {time: place for place, time in reversed(list(enumerate(times)))}
        found = tuple((places[a[:19]], places[b[:19]]) for a, b in windows)
        yield Series(name, times, np.array([float(row["value"]) for row in rows]), found)


def points(series: Series, alarms: np.ndarray, profile: str = "standard") -> float:
    """What the alarms on one series are worth.

    The earliest alarm in a window earns up to 1, less towards its end; a window without any costs;
    every alarm outside costs, little just after a window. What lies in probation is not counted.

    Args:
        series: the series.
        alarms: positions of the alarms.
        profile: whose weights.
    """
    hit, missed, wrong = PROFILES[profile]
    counted = sorted(place for place in alarms if place >= series.probation)
    total = 0.0
    for first, last in series.windows:
        if last < series.probation:
            continue
        inside = [place for place in counted if first <= place <= last]
        width = last - first + 1
        worth = (_sigmoid(-(last - place + 1) / width) for place in inside)
        total += max((hit * each / _sigmoid(-1.0) for each in worth), default=-missed)
    for place in counted:
        if not any(first <= place <= last for first, last in series.windows):
            total += wrong * _sigmoid(_past(series.windows, place))
    return total


def normalised(total: float, windows: int, profile: str = "standard") -> float:
    """A sum of points on the scale from no alarm at all, 0, to a perfect detector, 100."""
    hit, missed, _ = PROFILES[profile]
    return 100 * (total + missed * windows) / ((hit + missed) * windows)


def _past(windows: Sequence[tuple[int, int]], place: int) -> float:
    """How far after the last window a place is, in widths of that window; 3 where there is none."""
    before = [(first, last) for first, last in windows if last < place]
    if not before:
        return 3.0
    first, last = before[-1]
    return (place - last) / (last - first)


def _sigmoid(position: float) -> float:
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1
