"""Measure a model on the test part: figures with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.models import metrics
from tasks.models.base import Matrix, Vector
from tasks.models.records import Metric
from tasks.models.residuals import Residuals
from tasks.train.cards import card_precision
from tasks.train.class_figures import ClassFigures
from tasks.train.config import TrainingConfig
from tasks.train.value_figures import ValueFigures

SEGMENT_ROWS = 50  # fewer tell nothing of a segment
SEGMENTS_OF_A_COLUMN = 20
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Test rows with a model's verdicts, (n_rows,) each.

    Args:
        model: the kind of model.
        split: the name of the part, as in `Metric`.
        labels: 0 or 1, or true values; NaN where there are none, and nothing is measured.
        scores: raw scores.
        probabilities: calibrated.
        days: the batch date of each row as a whole number.
        marks: columns that measures are told by (`TrainingConfig.marks`).
        threshold: the score from which on F1 was highest on the calibration part.
        classes: names of the rows' classes; None where no classes are told apart.
        called: names of the classes that the model took them for.
        residuals: what the model's values missed by before; None where scores are no values.
    """

    model: str
    split: str
    labels: Vector
    scores: Vector
    probabilities: Vector
    days: Vector
    marks: Mapping[str, pl.Series] = field(default_factory=dict)
    threshold: float = float("inf")
    classes: pl.Series | None = None
    called: pl.Series | None = None
    residuals: Residuals | None = None

    def take(self, rows: Positions, split: str) -> Judged:
        """The rows at the given positions, under another name."""
        return Judged(
            self.model,
            split,
            self.labels[rows],
            self.scores[rows],
            self.probabilities[rows],
            self.days[rows],
            {name: mark.gather(rows) for name, mark in self.marks.items()},
            self.threshold,
            None if self.classes is None else self.classes.gather(rows),
            None if self.called is None else self.called.gather(rows),
            self.residuals,
        )

    @property
    def of_classes(self) -> ClassFigures | None:
        """The figures of classes; None where none are told apart."""
        if self.classes is None or self.called is None:
            return None
        return ClassFigures.of(self.classes, self.called)

    @property
    def of_values(self) -> ValueFigures | None:
        """The figures of predicted values; None where scores are no values."""
        if self.residuals is None:
            return None
        return ValueFigures(self.labels, self.scores, self.residuals)

    def of_budget(self, per_day: int | None) -> ValueFigures | None:
        """The same, with those of a daily budget."""
        found = self.of_values
        if found is None or per_day is None:
            return found
        called = in_budget(self.scores, self.days, per_day)
        return replace(found, called=called, per_day=per_day)


def measure(judged: Judged, config: TrainingConfig) -> Iterator[Metric]:
    """Every measure of the test rows, each with its bootstrap interval."""
    if np.isnan(judged.labels).all():
        return
    figures = judged.of_budget(config.alerts_per_day) or _Figures(judged, config)
    values, intervals = figures.at(None), {}
    if config.bootstrap_rounds:

        def resampled(weights: Vector) -> Vector:
            return np.array(list(figures.at(weights).values()))

        found = metrics.bootstrap_all(
            resampled, len(judged.labels), config.bootstrap_rounds, config.seed
        )
        intervals = dict(zip(values, found, strict=True))
    yield from _told(judged, values, intervals)
    if config.cards is not None and config.alerts_per_day is not None:
        yield from _of_cards(judged, config.cards, config.alerts_per_day, config)


def measure_segments(judged: Judged, config: TrainingConfig) -> Iterator[Metric]:
    """The same of the rows of each common value of the columns that segments are asked by."""
    for column in config.segments:
        mark = judged.marks[column].cast(pl.String).fill_null("missing").alias(column)
        counts = mark.value_counts(name="rows").sort("rows", column, descending=[True, False])
        common = counts.filter(pl.col("rows") >= SEGMENT_ROWS).head(SEGMENTS_OF_A_COLUMN)
        for value in common[column]:
            rows = np.flatnonzero((mark == value).to_numpy())
            yield from measure(judged.take(rows, f"{judged.split}, {column} = {value}"), config)


def average(measured: Sequence[Metric], split: str) -> Iterator[Metric]:
    """The mean of each measure over several splits, without an interval."""
    for model, name in dict.fromkeys((each.model, each.metric) for each in measured):
        same = [each for each in measured if (each.model, each.metric) == (model, name)]
        mean = sum(each.value for each in same) / len(same)
        yield Metric(model, split, name, mean, None, None, sum(each.rows for each in same))


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


class _Figures:
    """Every measure of a part, by weights of its rows; what does not depend on them is kept."""

    def __init__(self, judged: Judged, config: TrainingConfig) -> None:
        self.judged, self.config = judged, config
        self.ranking = metrics.rank_rows(judged.labels, judged.scores)
        self.of_classes = judged.of_classes
        self.calls = {
            "": (judged.probabilities >= 0.5).astype(np.float64),
            "_at_best_f1": (judged.scores >= judged.threshold).astype(np.float64),
        }
        per_day = config.alerts_per_day
        if per_day is not None:
            self.calls[f"_at_{per_day}_a_day"] = in_budget(judged.scores, judged.days, per_day)

    def at(self, weights: Vector | None) -> dict[str, float]:
        """The measures by name, of rows as often as the weights say; NaN where not defined."""
        labels, chances = self.judged.labels, self.judged.probabilities
        true, false = self.ranking.cumulate(weights)
        found = {
            "average_precision": metrics.average_precision_of(true, false),
            "roc_auc": metrics.roc_auc_of(true, false),
            "base_rate": float(np.average(labels, weights=weights)),
            "brier": metrics.brier(labels, chances, weights),
            "log_loss": metrics.log_loss(labels, chances, weights),
            "calibration_error": metrics.calibration_error(labels, chances, weights),
        }
        for rate in self.config.false_alarm_rates:
            name = f"recall_at_false_alarm_rate_{rate:g}"
            found[name] = metrics.recall_at_false_alarms(true, false, rate)
        for suffix, calls in self.calls.items():
            decided = metrics.decision_metrics(labels, calls, weights)
            names = decided if not suffix else ("precision", "recall", "f1")
            found |= {name + suffix: decided[name] for name in names}
        per_day = self.config.alerts_per_day
        if per_day is not None:
            found[f"precision_of_first_{per_day}"] = metrics.precision_of_first(
                true, false, per_day
            )
        return found | (self.of_classes.at(weights) if self.of_classes else {})


def _of_cards(
    judged: Judged, column: str, per_day: int, config: TrainingConfig
) -> Iterator[Metric]:
    """Card precision of the budget, its interval by resampling days."""
    shares = card_precision(
        judged.scores, judged.labels, judged.days, judged.marks[column], per_day
    )
    name = f"card_precision_at_{per_day}_a_day"
    intervals = {}
    if config.bootstrap_rounds:
        drawn = metrics.bootstrap(
            lambda weights: float(np.average(shares, weights=weights)),
            len(shares),
            config.bootstrap_rounds,
            config.seed,
        )
        intervals[name] = np.array(drawn)
    yield from _told(judged, {name: float(shares.mean())}, intervals)


def _told(
    judged: Judged, values: Mapping[str, float], intervals: Mapping[str, Vector]
) -> Iterator[Metric]:
    """The records of the measures that are defined."""
    for name, value in values.items():
        if np.isnan(value):
            continue
        low, high = intervals.get(name, np.full(2, np.nan))
        known = not np.isnan(low)
        yield Metric(
            judged.model,
            judged.split,
            name,
            value,
            float(low) if known else None,
            float(high) if known else None,
            len(judged.labels),
        )
