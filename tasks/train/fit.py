"""Fit the chosen model and the fallback beside it, calibrate both, measure both."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tasks.core.errors import ModelError
from tasks.models import baseline
from tasks.models.anomaly_config import IsolationConfig
from tasks.models.base import Conditions, Matrix, Rows, Vector
from tasks.models.bundle import Member
from tasks.models.classes import likeliest
from tasks.models.config import ModelConfig, XGBoostConfig
from tasks.models.evidence import Evidence
from tasks.models.launching import fit_model, memory_to_train
from tasks.models.metrics import best_f1_threshold, rank_rows
from tasks.models.records import Curve, Metric, PartCount
from tasks.train.calibrate import calibrate
from tasks.train.config import TrainingConfig
from tasks.train.draw import draw
from tasks.train.evaluate import Judged, measure, measure_segments, unrepeated
from tasks.train.rows import classes_of, of_known_class, positives, rows_of
from tasks.train.split import LABEL_CLASS, PART, PARTS

AS_USUAL = TrainingConfig()


@dataclass(frozen=True, slots=True)
class Divided:
    """Examples as matrices, by part.

    Args:
        rows: each part's rows.
        days: batch date of each row of each part as a whole number.
        marks: columns of the test part that measures are told by.
        classes: the class of each row of the test part; None where no classes are told apart.
    """

    rows: Mapping[str, Rows]
    days: Mapping[str, Vector]
    marks: Mapping[str, pl.Series] = field(default_factory=dict)
    classes: pl.Series | None = None

    def counts(self) -> tuple[PartCount, ...]:
        """Rows and positives of each part; of values their mean."""
        return tuple(
            PartCount(part, len(rows.labels), positives(rows), _mean(rows))
            for part, rows in self.rows.items()
        )

    def last(self, parts: Sequence[str]) -> dt.date:
        """The last batch date of some parts, of which one has a row."""
        return max(_date(self.days[part].max()) for part in parts if len(self.days[part]))

    def first(self, part: str) -> dt.date | None:
        """The first batch date of a part; None where it has no row."""
        days = self.days[part]
        return _date(days.min()) if len(days) else None


def divide(examples: pl.DataFrame, features: Sequence[str], marks: Sequence[str] = ()) -> Divided:
    """Take the matrices of each part from a table of examples, and columns of the test part."""
    by_part = {part: examples.filter(pl.col(PART) == part) for part in PARTS}
    told = by_part["test"][LABEL_CLASS] if LABEL_CLASS in examples else None
    if told is not None:
        by_part["stop"] = of_known_class(by_part["stop"], by_part["fit"])
    days = {
        part: table["batch_date"].cast(pl.Int32).cast(pl.Float64).to_numpy()
        for part, table in by_part.items()
    }
    rows = {part: rows_of(table, features) for part, table in by_part.items()}
    if told is not None:
        target = classes_of(by_part["fit"])
        rows |= {part: rows_of(by_part[part], features, target) for part in ("fit", "stop")}
    return Divided(rows, days, {name: by_part["test"][name] for name in marks}, told)


def _mean(rows: Rows) -> float | None:
    is_value = rows.target.kind == "value" and len(rows.labels)
    return float(rows.labels.mean(dtype=np.float64)) if is_value else None


def _date(day: float) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(day))


def usual_ranges(table: Matrix, features: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The 5th and 95th percentile of each feature that has a value at all."""
    known = {
        name: column[np.isfinite(column)] for name, column in zip(features, table.T, strict=True)
    }
    ends = {
        name: np.quantile(column, [0.05, 0.95]) for name, column in known.items() if len(column)
    }
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def baselines(divided: Divided, features: Sequence[str], members: Mapping[str, Member]) -> bytes:
    """What later nights are held against: each feature in all parts, scores in the test part.

    Args:
        divided: the examples.
        features: the columns' names.
        members: the scorers by their role in the bundle.
    """
    parts = divided.rows.values()
    nights = np.concatenate([divided.days[part] for part in divided.rows])
    columns = zip(features, np.vstack([part.table for part in parts]).T, strict=True)
    found = {name: baseline.fit(column, nights) for name, column in columns}
    for role, member in members.items():
        scores = member.scorer.score(divided.rows["test"].table)
        found[f"{baseline.SCORE}{role}"] = baseline.fit(scores, divided.days["test"])
    return baseline.save(found)


def fit_member(
    config: ModelConfig,
    divided: Divided,
    conditions: Conditions,
    training: TrainingConfig = AS_USUAL,
) -> Member:
    """Fit one model and calibrate it.

    Raises:
        ModelError: the training diverged, its scores are not finite, it tells no classes apart
            where there are some, or there was not the memory for it.
    """
    parts = divided.rows
    fitted = fit_model(config, parts["fit"], parts["stop"], conditions)
    rows = parts["calibrate"]
    with memory_to_train(config):
        # A model of the user's own may have no `outputs`: better found here than in the night.
        likeliest(fitted.scorer, parts["stop"].table[:1], parts["fit"].target.classes)
        calibrated = calibrate(fitted.scorer, rows, training.calibration, training.coverage)
    if not np.isfinite(calibrated.negatives).all():
        raise ModelError(
            "finite scores of the calibration part",
            found="NaN or infinity",
            where=f"model.kind {config.kind}",
            do="Look for extreme values in the features, or lower model.learning_rate.",
        )
    return Member(config, fitted.scorer, calibrated, fitted.history)


@dataclass(frozen=True, slots=True)
class Pair:
    """The chosen model and the fallback beside it.

    Args:
        model: None where its training failed; the fallback itself where that was chosen.
        fallback: XGBoost, or an isolation forest where there are no labels.
        failure: why there is no model; empty where there is one.
    """

    model: Member | None
    fallback: Member
    failure: str = ""

    @property
    def members(self) -> tuple[Member, ...]:
        """Each of them once, the model first."""
        if self.model is None or self.model is self.fallback:
            return (self.fallback,)
        return self.model, self.fallback


def fit_both(
    config: ModelConfig,
    divided: Divided,
    conditions: Conditions,
    training: TrainingConfig = AS_USUAL,
) -> Pair:
    """Fit the chosen model and the fallback.

    Raises:
        ModelError: the fallback cannot be fitted.
    """
    last: ModelConfig = XGBoostConfig(threads=config.threads)
    if divided.rows["fit"].target.kind == "none":
        last = IsolationConfig()
    if config.kind == last.kind:
        member = fit_member(config, divided, conditions, training)
        return Pair(member, member)
    fallback = fit_member(last, divided, Conditions(conditions.seed), training)
    try:
        return Pair(fit_member(config, divided, conditions, training), fallback)
    except ModelError as error:
        return Pair(None, fallback, str(error))


def with_evidence(member: Member, divided: Divided) -> Member:
    """The model with its scores of the test part, which justify what is decided by it."""
    test = divided.rows["test"]
    days = divided.days["test"].astype(np.int32)
    evidence = Evidence(member.scorer.score(test.table), test.labels.astype(np.float32), days)
    return dataclasses.replace(member, evidence=evidence)


def judge(
    members: Sequence[Member], divided: Divided, config: TrainingConfig, split: str = "test"
) -> tuple[tuple[Metric, ...], tuple[Curve, ...]]:
    """Measure models on the test part, and where asked again without its repeated rows."""
    judged = [_judge(member, divided, split) for member in members]
    if split == "test" and config.deduplicate == "also":
        earlier = np.vstack([divided.rows[part].table for part in PARTS if part != "test"])
        kept = unrepeated(divided.rows["test"].table, earlier)
        judged += [one.take(kept, "test_deduplicated") for one in judged if len(kept)]
    measured = tuple(
        metric
        for one in judged
        for metric in (*measure(one, config), *measure_segments(one, config))
    )
    curves = tuple(curve for one in judged for curve in draw(one))
    return measured, curves + tuple(_learning_curve(member) for member in members)


def _judge(member: Member, divided: Divided, split: str) -> Judged:
    test = divided.rows["test"]
    scores = member.scorer.score(test.table).astype(np.float64)
    chances = member.calibration.probability(scores)
    labels = test.labels.astype(np.float64)
    before = divided.rows["calibrate"]
    threshold = float("inf")
    if before.target.kind == "binary":
        ranking = rank_rows(before.labels, member.scorer.score(before.table))
        threshold = best_f1_threshold(ranking)
    return Judged(
        member.config.kind,
        split,
        labels,
        scores,
        chances,
        divided.days["test"],
        divided.marks,
        threshold,
        divided.classes,
        likeliest(member.scorer, test.table, divided.rows["fit"].target.classes),
        member.calibration.residuals,
    )


def _learning_curve(member: Member) -> Curve:
    epochs = member.history.epochs
    numbers = tuple(float(epoch.number) for epoch in epochs)
    return Curve(
        member.config.kind, "stop", "learning", numbers, tuple(e.stop_metric for e in epochs)
    )
