"""What a training may use: the window of dates whose labels are known, and what lies before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from flows.history import History, history
from flows.landing import landed
from flows.pipeline import Pipeline
from tasks.core.artifacts import Labels, Ref, Valid
from tasks.core.config import whole_days
from tasks.core.errors import DataError
from tasks.core.keys import code_digest, run_id
from tasks.core.run import Run
from tasks.core.versions import versions
from tasks.labels.task import label_events
from tasks.models.records import TrainingReference


@dataclass(frozen=True, slots=True)
class Material:
    """What a training may use.

    Args:
        first: first batch date of the examples.
        last: their last: the latest whose labels are all known.
        known_by: the date by whose end everything was known.
        past: the event tables, from the first example's history to `known_by`.
        dimensions: the dimension tables as they were on `known_by`.
    """

    first: dt.date
    last: dt.date
    known_by: dt.date
    past: History
    dimensions: Mapping[str, Ref[Valid]]

    @property
    def dates(self) -> tuple[dt.date, dt.date]:
        """The first and the last batch date of the examples."""
        return self.first, self.last

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each table, by URI."""
        dimensions = {ref.uri: ref.sha256 for ref in self.dimensions.values()}
        return self.past.inputs | dimensions


def gather(pipeline: Pipeline, known_by: dt.date) -> Material:
    """Examples end where labels are still open; they begin one training window before that."""
    config = pipeline.config
    last = known_by - config.label.delay
    first = last - config.training.window + dt.timedelta(days=1)
    past = history(pipeline, first, known_by)
    if not past.events.between(first, last):
        raise DataError(
            f"events from {first} to {last}, whose labels are known by {known_by}",
            found="none"
            + "".join(f"; {day}: {why}" for day, why in [*past.events.gaps.items()][-1:]),
            where=f"pipeline {pipeline.name}, table {config.event.table}",
            do="Train by a later date, or bring the files of these dates.",
        )
    dimensions = landed(pipeline, known_by, config.features.tables)
    return Material(first, last, known_by, past, dimensions)


def label_examples(run: Run, pipeline: Pipeline, material: Material) -> Ref[Labels]:
    """The labels of the examples; of their history as well, where features take past labels."""
    config, first = pipeline.config, material.first
    if config.features.reads_labels:
        first -= whole_days(config.features.lookback)
    answers = material.past.events.between(first, material.known_by)
    also = config.training.columns
    said = material.past.verdicts
    verdicts = tuple(said.tables.values()) if said else ()
    known_by, gaps = material.known_by, material.past.events.gaps
    return label_events(run, config.label, config.event, answers, known_by, also, verdicts, gaps)


def reference(pipeline: Pipeline, material: Material) -> TrainingReference:
    """What a training on this material is known by."""
    parts = {"config": pipeline.digest, "code": code_digest(), "inputs": material.inputs}
    return TrainingReference(
        first_date=str(material.first),
        last_date=str(material.last),
        known_by=str(material.known_by),
        run_id=run_id(pipeline.name, str(material.known_by), parts),
        seed=pipeline.config.training.seed,
        config_digest=pipeline.digest,
        code_digest=code_digest(),
        code_version=versions()["lamplighter"],
        inputs=material.inputs,
    )
