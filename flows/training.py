"""Training: window → prepare → features → labels → split → select → train → register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prefect import flow
from tasks.select.task import select

from flows import clock
from flows.costs import Costs, counting
from flows.landing import Window, landed, window
from flows.pipeline import Pipeline, load
from flows.publishing import keep_reports, publish_trained, versions
from tasks.core.artifacts import Built, Preparation, Ref, Selection, Valid
from tasks.core.commit import Run, open_run
from tasks.core.errors import DataError
from tasks.core.keys import code_digest, run_id
from tasks.features.task import build_features
from tasks.labels.task import label_events
from tasks.models.aliases import BATCH
from tasks.models.records import Trained, TrainingReference
from tasks.prepare.task import fit_preparation, prepare
from tasks.train.config import TimeSplit
from tasks.train.task import register, split_examples
from tasks.train.task import train as fit


@dataclass(frozen=True, slots=True)
class Span:
    """The dates of a training.

    Args:
        first: first batch date of the examples.
        last: their last: the latest whose labels are all known.
        known_by: the date by whose end everything was known.
    """

    first: dt.date
    last: dt.date
    known_by: dt.date


@dataclass(frozen=True, slots=True)
class Training:
    """What became of a training."""

    trained: Trained
    selection: Selection
    rows: int
    gaps: tuple[str, ...]
    report: str

    def to_dict(self) -> dict[str, Any]:
        """What a program reads of it."""
        return {
            "version": self.trained.version,
            "run_id": self.trained.reference.run_id,
            "first_date": self.trained.reference.first_date,
            "last_date": self.trained.reference.last_date,
            "known_by": self.trained.reference.known_by,
            "examples": self.rows,
            "features": list(self.selection.features),
            "metrics": [asdict(metric) for metric in self.trained.metrics],
            "failure": self.trained.failure,
            "gaps": list(self.gaps),
            "report": self.report,
        }


@flow(name="train", flow_run_name="{pipeline}")
def train(pipeline: str, date: dt.date | None = None) -> Training:
    """Train a model on what was known by the end of a date, and make it the champion.

    Args:
        pipeline: name or file of the pipeline.
        date: the date; empty means the day before the run.
    """
    loaded = load(pipeline)
    loaded.check_secrets()
    span = _span(loaded, date or clock.last_night(loaded.config.timezone))
    events = window(loaded, span.first - loaded.config.features.lookback, span.known_by)
    if not events.between(span.first, span.last):
        raise DataError(
            f"events from {span.first} to {span.last}, whose labels are known by {span.known_by}",
            found="none",
            where=f"pipeline {loaded.name}, table {loaded.config.event.table}",
            do="Train by a later date, or bring the files of these dates.",
        )
    dimensions = landed(loaded, span.known_by, loaded.config.features.tables)
    with (
        counting() as costs,
        open_run(loaded.store, loaded.name, BATCH, clock.attempt_name()) as run,
    ):
        keep_reports(run)
        return _train(run, loaded, span, events, dimensions, costs)


def _train(
    run: Run,
    pipeline: Pipeline,
    span: Span,
    events: Window,
    dimensions: dict[str, Ref[Valid]],
    costs: Costs,
) -> Training:
    config = pipeline.config
    preparation, built = _features(run, pipeline, span, events, dimensions)
    labels = label_events(
        run, config.label, config.event, events.between(span.first, span.known_by), span.known_by
    )
    examples = split_examples(run, config.training, built.table, labels)
    selection = select(run, config.selection, examples, built.names)
    inputs = {ref.uri: ref.sha256 for ref in (*events.tables.values(), *dimensions.values())}
    reference = _reference(pipeline, span, inputs)
    trained = fit(run, config.model, config.training, examples, selection, preparation, reference)
    register(run, config.training, trained)
    report = publish_trained(run, pipeline, trained, selection, built, costs)
    gaps = tuple(f"{day}: {reason}" for day, reason in events.gaps.items())
    return Training(trained, selection, examples.rows, gaps, report)


def _features(
    run: Run,
    pipeline: Pipeline,
    span: Span,
    events: Window,
    dimensions: dict[str, Ref[Valid]],
) -> tuple[Preparation, Built]:
    config = pipeline.config
    preparation = fit_preparation(
        run,
        config.prepare,
        config.event,
        _fitted_on(pipeline, events.between(span.first, span.last)),
    )
    past = events.between(span.first - config.features.lookback, span.last)
    prepared = prepare(run, config.prepare, preparation, config.event, past)
    built = build_features(
        run,
        config.features,
        config.event,
        prepared.table,
        dimensions,
        (span.first, span.last),
    )
    return preparation, built


def _span(pipeline: Pipeline, known_by: dt.date) -> Span:
    """Examples end where labels are still open; they begin one training window before that."""
    last = known_by - pipeline.config.label.delay
    return Span(last - pipeline.config.training.window + dt.timedelta(days=1), last, known_by)


def _fitted_on(pipeline: Pipeline, tables: Sequence[Ref[Valid]]) -> Sequence[Ref[Valid]]:
    """The dates whose rows the model is fitted on: fences and fills must not see the later ones."""
    split = pipeline.config.training.split
    if not isinstance(split, TimeSplit):
        return tables
    share = 1 - split.stop - split.calibrate - split.test
    return tables[: max(1, int(len(tables) * share))]


def _reference(pipeline: Pipeline, span: Span, inputs: dict[str, str]) -> TrainingReference:
    parts = {"config": pipeline.digest, "code": code_digest(), "inputs": inputs}
    return TrainingReference(
        first_date=str(span.first),
        last_date=str(span.last),
        known_by=str(span.known_by),
        run_id=run_id(pipeline.name, str(span.known_by), parts),
        seed=pipeline.config.training.seed,
        config_digest=pipeline.digest,
        code_digest=code_digest(),
        code_version=versions()["lamplighter"],
        inputs=inputs,
    )
