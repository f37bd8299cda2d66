"""Measure a model on the test part: figures with intervals, and curves to look at."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.models import metrics
from tasks.models.base import Matrix, Vector
from tasks.models.records import Curve, Metric
from tasks.train.config import TrainingConfig

CURVE_POINTS = 200
CALIBRATION_BINS = 10
PROBABILITY_EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
Positions = npt.NDArray[np.int64]
Measure = Callable[[Vector | None], float]


@dataclass(frozen=True, slots=True)
class Judged:
    """Test rows with a model's verdicts, (n_rows,) each.

    Args:
        model: the kind of model.
        split: the name of the part, as in `Metric`.
        labels: 0 or 1; NaN where there are none, and nothing is measured.
        scores: raw scores.
        probabilities: calibrated.
        days: the batch date of each row as a whole number.
    """

    model: str
    split: str
    labels: Vector
    scores: Vector
    probabilities: Vector
    days: Vector

    def take(self, rows: Positions, split: str) -> Judged:
        """The rows at the given positions, under another name."""
        columns = (self.labels, self.scores, self.probabilities, self.days)
        return Judged(self.model, split, *(column[rows] for column in columns))


def measure(judged: Judged, config: TrainingConfig) -> Iterator[Metric]:
    """Every measure of the test rows, each with its bootstrap interval."""
    if np.isnan(judged.labels).all():
        return
    rows = len(judged.labels)
    for name, value_of in _measures(judged, config.alerts_per_day).items():
        value = value_of(None)
        if np.isnan(value):
            continue
        low, high = (
            metrics.bootstrap(value_of, rows, config.bootstrap_rounds, config.seed)
            if config.bootstrap_rounds
            else (np.nan, np.nan)
        )
        known = not np.isnan(low)
        yield Metric(
            judged.model,
            judged.split,
            name,
            value,
            low if known else None,
            high if known else None,
            rows,
        )


def average(measured: Sequence[Metric], split: str) -> Iterator[Metric]:
    """The mean of each measure over several splits, without an interval."""
    for model, name in dict.fromkeys((each.model, each.metric) for each in measured):
        same = [each for each in measured if (each.model, each.metric) == (model, name)]
        mean = sum(each.value for each in same) / len(same)
        yield Metric(model, split, name, mean, None, None, sum(each.rows for each in same))


def draw(judged: Judged) -> Iterator[Curve]:
    """The curves of the test rows, and how their probabilities are spread."""
    if np.isnan(judged.labels).all():
        return
    true, false = metrics.rank_rows(judged.labels, judged.scores).cumulate()
    if not true[-1] or not false[-1]:
        return
    recall, alarms = true / true[-1], false / false[-1]
    yield _curve(judged, "precision_recall", recall, true / (true + false))
    yield _curve(judged, "roc", np.append(0, alarms), np.append(0, recall))
    order = np.argsort(judged.probabilities, kind="stable")
    bins = np.array_split(order, min(CALIBRATION_BINS, len(order)))
    expected = np.array([judged.probabilities[rows].mean() for rows in bins])
    happened = np.array([judged.labels[rows].mean() for rows in bins])
    yield _curve(judged, "calibration", expected, happened)
    counts, _ = np.histogram(judged.probabilities, PROBABILITY_EDGES)
    spread = tuple(float(count) for count in counts)
    yield Curve(judged.model, judged.split, "probabilities", PROBABILITY_EDGES, spread)


def unrepeated(test: Matrix, earlier: Matrix) -> Positions:
    """Positions of test rows whose features repeat no earlier row and no test row before them."""
    columns = [f"f{j}" for j in range(test.shape[1])]
    table = pl.DataFrame(np.vstack([earlier, test]), schema=columns, orient="row")
    first = table.with_row_index("row").unique(columns, keep="first", maintain_order=True)["row"]
    positions: Positions = first.to_numpy().astype(np.int64) - len(earlier)
    return positions[positions >= 0]


def in_budget(scores: Vector, days: Vector, per_day: int) -> Vector:
    """1 for the highest scores of each day up to the budget, else 0."""
    order = np.lexsort((np.arange(len(scores)), -scores, days))
    _, starts, counts = np.unique(days[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(starts, counts)
    alerts = np.zeros(len(scores))
    alerts[order[place < per_day]] = 1
    return alerts


def _measures(judged: Judged, per_day: int | None) -> dict[str, Measure]:
    ranking = metrics.rank_rows(judged.labels, judged.scores)
    labels, chances = judged.labels, judged.probabilities
    measures: dict[str, Measure] = {
        "average_precision": lambda weights: metrics.average_precision(ranking, weights),
        "roc_auc": lambda weights: metrics.roc_auc(ranking, weights),
        "base_rate": lambda weights: float(np.average(labels, weights=weights)),
        "brier": lambda weights: metrics.brier(labels, chances, weights),
        "log_loss": lambda weights: metrics.log_loss(labels, chances, weights),
    }
    decisions = {"": (chances >= 0.5).astype(np.float64)}
    if per_day is not None:
        decisions[f"_at_{per_day}_a_day"] = in_budget(judged.scores, judged.days, per_day)
    for suffix, alerts in decisions.items():
        names = ("accuracy", "precision", "recall", "false_alarm_rate")
        for name in names if not suffix else ("precision", "recall"):
            measures[name + suffix] = functools.partial(_decided, labels, alerts, name)
    return measures


def _decided(labels: Vector, alerts: Vector, name: str, weights: Vector | None) -> float:
    return metrics.decision_metrics(labels, alerts, weights)[name]


def _curve(judged: Judged, kind: str, x: Vector, y: Vector) -> Curve:
    points = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).round().astype(np.int64))
    return Curve(
        judged.model,
        judged.split,
        kind,
        tuple(float(v) for v in x[points]),
        tuple(float(v) for v in y[points]),
    )
