"""Training: window → labels → split → prepare → features → select → train → register."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from prefect import flow

from flows import afterwards, clock, delta
from flows.beside import Rows
from flows.compute import computing
from flows.costs import Costs, counting
from flows.flow_runs import due_date, run_name
from flows.history import History, history, inputs
from flows.landing import landed
from flows.options import TrainingOptions
from flows.pipeline import Pipeline, load
from flows.preparing import prepare_on
from flows.promotion import champion_beside, serving, standing
from flows.training_report import (
    Outcome,
    Training,
    keep_reports,
    publish_trained,
    publish_unselected,
)
from tasks.core.artifacts import Examples, Labels, Ref, Valid
from tasks.core.commit import open_run
from tasks.core.config import whole_days
from tasks.core.errors import DataError
from tasks.core.keys import code_digest, run_id
from tasks.core.ledger import check_balance
from tasks.core.results import Built, Divided, PreparedTable, Selection
from tasks.core.run import Run
from tasks.core.treatments import FeatureState, Learned
from tasks.core.versions import versions
from tasks.features.inputs import Inputs
from tasks.features.task import build_features, learn_features
from tasks.labels.config import OwnColumn
from tasks.labels.task import label_events
from tasks.models.aliases import BATCH
from tasks.models.config import ModelConfig, reads_layouts
from tasks.models.records import Metric, TrainingReference
from tasks.prepare.task import fit_preparation
from tasks.select.task import select
from tasks.train.task import (
    divide_events,
    fold_examples,
    join_examples,
    measure_folds,
    register,
    tune_model,
)
from tasks.train.task import train as fit
from tasks.train.tune import Tuned

AS_WRITTEN = TrainingOptions()


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
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each table, by URI."""
        dimensions = {ref.uri: ref.sha256 for ref in self.dimensions.values()}
        return self.past.inputs | dimensions


@flow(name="train", flow_run_name=run_name)
def train(
    pipeline: str, date: dt.date | None = None, options: TrainingOptions = AS_WRITTEN
) -> Training:
    """Train a model on what was known by the end of a date; it serves if it is the better one.

    Args:
        pipeline: name or file of the pipeline.
        date: the date; empty means the day before the run was due.
        options: what this run does otherwise than the pipeline file says.
    """
    loaded = options.applied(load(pipeline))
    loaded.check_secrets()
    delta.check(loaded)
    material = _material(loaded, date or due_date(loaded.config.timezone))
    with (
        counting() as costs,
        open_run(loaded.store, loaded.name, BATCH, clock.attempt_name()) as run,
    ):
        keep_reports(run)
        with computing(loaded, run) as computed:
            training = _train(run, computed, material, costs)
    told = afterwards.follow_training(loaded, training.trained.reference.known_by)
    return dataclasses.replace(training, warnings=(*training.warnings, *told))


def _train(run: Run, pipeline: Pipeline, material: Material, costs: Costs) -> Training:
    config = pipeline.config
    labels = _labels(run, pipeline, material)
    dates = material.first, material.last
    divided = divide_events(run, config.training, labels, dates, config.label.delay)
    champion = champion_beside(run, pipeline, _all_rows(pipeline, material, labels))
    learned, prepared, built = _features(run, pipeline, material, labels, divided)
    joined = join_examples(run, config.event, built.table, divided, prepared.table)
    examples = joined.table
    whole, delay = reads_layouts(config.model), config.label.delay
    selection = select(run, config.selection, examples, built.names, whole, delay)
    reference = _reference(pipeline, material)
    if not selection.features:
        publish_unselected(run, pipeline, selection, reference)
    folds, without = fold_examples(run, config.training, examples, config.label.delay)
    tuned = _tuned(run, pipeline, examples, selection, reference)
    begins = serving(run, pipeline)
    trained = fit(
        run,
        tuned.model,
        config.training,
        examples,
        selection,
        learned,
        reference,
        begins,
        pipeline.secrets,
    )
    found = standing(run, pipeline, trained, examples, champion)
    register(run, config.training, trained, found)
    metrics, failed = _measured_on_folds(run, pipeline, tuned.model, folds, built, reference.run_id)
    measured, left_out = (*trained.metrics, *metrics), (*without, *failed)
    told = dataclasses.replace(trained, metrics=measured, trials=tuned.trials)
    ledger = (*prepared.ledger, *built.ledger, *joined.ledger)
    check_balance(ledger)
    report = publish_trained(
        run, pipeline, Outcome(told, selection, prepared.treated, ledger, found, left_out), costs
    )
    return Training(told, selection, examples.rows, material.past.gaps, report, found, left_out)


def _all_rows(pipeline: Pipeline, material: Material, labels: Ref[Labels]) -> Rows:
    """What the features of every example are made from."""
    config, dates = pipeline.config, (material.first, material.last)
    events = material.past.events.between(material.first - config.lookback, material.last)
    asked = labels if config.features.reads_labels else None
    return Rows(events, material.past, material.dimensions, asked, dates)


def _labels(run: Run, pipeline: Pipeline, material: Material) -> Ref[Labels]:
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


def _features(
    run: Run, pipeline: Pipeline, material: Material, labels: Ref[Labels], divided: Divided
) -> tuple[Learned, PreparedTable, Built]:
    config, dates = pipeline.config, (material.first, material.last)
    events = material.past.events
    seen = events.between(*dates)
    label = config.label.column if isinstance(config.label, OwnColumn) else None
    learned = fit_preparation(run, config.preparation, config.event, seen, divided, label)
    past = events.between(material.first - config.lookback, material.last)
    prepared, reached = prepare_on(run, pipeline, learned, past, dates)
    asked = labels if config.features.reads_labels else None
    read = inputs(pipeline, reached, material.past, material.dimensions, asked)
    states = _states(run, pipeline, dataclasses.replace(read, labels=labels), dates, divided)
    built = build_features(
        run, config.features, config.event, read, dates, states, pipeline.executor
    )
    record = dataclasses.replace(learned.record, features=states)
    return dataclasses.replace(learned, record=record), prepared, built


def _states(
    run: Run,
    pipeline: Pipeline,
    read: Inputs,
    dates: tuple[dt.date, dt.date],
    divided: Divided,
) -> tuple[FeatureState, ...]:
    """What families of features learn from the events the model is fitted on."""
    config = pipeline.config
    if not config.features.learns:
        return ()
    executor = pipeline.executor
    return learn_features(run, config.features, config.event, read, dates, divided, executor)


def _tuned(
    run: Run,
    pipeline: Pipeline,
    examples: Ref[Examples],
    selection: Selection,
    reference: TrainingReference,
) -> Tuned:
    config = pipeline.config
    return tune_model(
        run,
        config.tuning,
        config.model,
        config.training,
        examples,
        selection.features,
        config.label.delay,
        reference.run_id,
        pipeline.executor,
    )


def _measured_on_folds(
    run: Run,
    pipeline: Pipeline,
    model: ModelConfig,
    folds: Mapping[int, Ref[Examples]],
    built: Built,
    run_id: str,
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """The model's measures on folds, each with a selection of its own; none where none is asked.

    A fold in which no feature beats chance is measured on all candidates.
    """
    config = pipeline.config
    whole, delay = reads_layouts(config.model), config.label.delay
    selected = {
        number: (
            fold,
            select(run, config.selection, fold, built.names, whole, delay).features or built.names,
        )
        for number, fold in folds.items()
    }
    if not selected:
        return (), ()
    return measure_folds(run, model, config.training, selected, run_id, pipeline.secrets)


def _material(pipeline: Pipeline, known_by: dt.date) -> Material:
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


def _reference(pipeline: Pipeline, material: Material) -> TrainingReference:
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
