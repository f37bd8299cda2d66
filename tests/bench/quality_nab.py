"""Series of the Numenta Anomaly Benchmark: a watch that learns from the start of each series.

    python -m tests.bench.quality_nab --data ../shared/data

Each point is scored from those before it. The threshold is the shipped default for every series:
so many nats beyond what nine tenths of the past did; it is not chosen by the benchmark's labels of
the series it judges. `--halves` tells what is left where threshold and rest are chosen on one half
of the series and judged on the other. Null and perfect alarms, and the benchmark's own windowed
Gaussian detector (published: 39.6), say whether the scoring is right.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tasks.models.surprise import Surprise, alarms
from tasks.models.surprise_config import SurpriseConfig
from tests.bench.nab_scoring import PROFILES, Series, normalised, points, read

Alarms = list[np.ndarray]
_GAUSS_POINTS, _GAUSS_STEP = 6400, 100
_THRESHOLDS, _RESTS = (6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 14.0), (0.1, 0.15, 0.2, 0.3)
_HALVINGS = 50


def watched(series: Series) -> np.ndarray:
    """The surprise of each point; 0 in probation."""
    watch = Surprise(series.values[: series.probation])
    scores = watch.extend(series.values[series.probation :])
    return np.concatenate([np.zeros(series.probation), scores])


def called(series: Series, scores: np.ndarray, threshold: float, rest: float) -> np.ndarray:
    return alarms(scores, threshold, rest * series.probation)


def gaussian(series: Series) -> np.ndarray:
    """The benchmark's windowed Gaussian: one minus the tail of the window's normal distribution."""
    scores, window, coming = np.zeros(len(series.values)), [series.values[0]], []
    mean, spread = window[0], 1e-6
    for place, value in enumerate(series.values[1:], start=1):
        scores[place] = 1 - math.erfc(abs(value - mean) / spread / 1.4142) / 2
        if len(window) < _GAUSS_POINTS:
            window.append(value)
        else:
            coming.append(value)
            if len(coming) < _GAUSS_STEP:
                continue
            window, coming = window[_GAUSS_STEP:] + coming, []
        mean, spread = np.mean(window), np.std(window) or 1e-6
    return scores


def total(every: Sequence[Series], found: Alarms, profile: str = "standard") -> float:
    windows = sum(len(series.windows) for series in every)
    sums = (points(series, one, profile) for series, one in zip(every, found, strict=True))
    return normalised(sum(sums), windows, profile)


def best_gaussian(every: Sequence[Series]) -> float:
    """At the threshold that suits it best, as the benchmark itself chooses it."""
    scores = [gaussian(series) for series in every]
    levels = (1 - 10.0**-power for power in np.arange(3, 16, 0.25))
    return max(total(every, [np.flatnonzero(s >= t) for s in scores]) for t in levels)


def halves(every: Sequence[Series], scores: Alarms) -> tuple[float, float]:
    """Mean and standard deviation of the score on halves that threshold and rest are not from."""
    settings = list(itertools.product(_THRESHOLDS, _RESTS))
    worth = np.array(
        [
            [points(s, called(s, one, *pair)) for s, one in zip(every, scores, strict=True)]
            for pair in settings
        ]
    )
    windows = np.array([len(series.windows) for series in every])
    generator, reached = np.random.default_rng(0), []
    for _ in range(_HALVINGS):
        own, other = np.array_split(generator.permutation(len(every)), 2)
        chosen = int(np.argmax(worth[:, own].sum(axis=1)))
        reached.append(normalised(float(worth[chosen, other].sum()), int(windows[other].sum())))
    return float(np.mean(reached)), float(np.std(reached))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with nab/")
    parser.add_argument("--halves", action="store_true", help="choose on one half, judge the other")
    arguments = parser.parse_args()
    every = list(read(arguments.data / "nab"))
    before = time.process_time()
    scores = [watched(series) for series in every]
    cpu = time.process_time() - before
    config = SurpriseConfig()
    found = [
        called(series, one, config.threshold, config.rest)
        for series, one in zip(every, scores, strict=True)
    ]
    checks: dict[str, Callable[[Series], np.ndarray]] = {
        "no alarm": lambda _: np.empty(0, np.int64),
        "first point of each window": lambda series: np.array([w[0] for w in series.windows]),
    }
    print(f"| alarms | {' | '.join(PROFILES)} |\n|---|{'---|' * len(PROFILES)}")
    for name, alarm in checks.items():
        _tell(name, every, [alarm(series) for series in every])
    print(f"| windowed Gaussian, best threshold | {best_gaussian(every):.1f} | | |")
    _tell(f"surprise, threshold {config.threshold:g}, rest {config.rest:g}", every, found)
    seen = sum(len(series.values) - series.probation for series in every)
    print(f"\n{seen:,} points scored in {cpu / 60:.1f} CPU minutes")
    if arguments.halves:
        mean, spread = halves(every, scores)
        print(f"chosen on one half, judged on the other: {mean:.1f} ± {spread:.1f}")
    print("\n| series | windows | found | false alarms | standard |\n|---|---|---|---|---|")
    for folder, members in itertools.groupby(
        zip(every, found, strict=True), key=lambda pair: pair[0].name.split("/")[0]
    ):
        _tell_folder(folder, list(members))


def _tell(name: str, every: Sequence[Series], found: Alarms) -> None:
    cells = (f"{total(every, found, profile):.1f}" for profile in PROFILES)
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _tell_folder(folder: str, members: Sequence[tuple[Series, np.ndarray]]) -> None:
    windows = [(one, w) for series, one in members for w in series.windows]
    hits = sum(bool(((one >= a) & (one <= b)).any()) for one, (a, b) in windows)
    wrong = sum(
        not any(a <= place <= b for a, b in series.windows)
        for series, one in members
        for place in one
    )
    score = total([s for s, _ in members], [f for _, f in members]) if windows else float("nan")
    print(f"| {folder} | {len(windows)} | {hits} | {wrong} | {score:.1f} |")


if __name__ == "__main__":
    main()
