"""Training: window → labels → split → prepare → features → select → train → register."""

from __future__ import annotations

import dataclasses
import datetime as dt

from prefect import flow

from flows import afterwards, clock, delta
from flows.beside import Rows
from flows.compute import computing
from flows.costs import Costs, counting
from flows.cross_validation import cross_validate
from flows.examples import Making
from flows.flow_runs import due_date, run_name
from flows.material import Material, gather, label_examples, reference
from flows.options import TrainingOptions
from flows.pipeline import Pipeline, load
from flows.promotion import champion_beside, serving, standing
from flows.put_up import put_up_training
from flows.training_report import (
    Outcome,
    Training,
    keep_reports,
    publish_trained,
    publish_unselected,
    suspicions,
)
from tasks.core.artifacts import Examples, Labels, Ref
from tasks.core.commit import open_run
from tasks.core.ledger import check_balance
from tasks.core.results import Selection
from tasks.core.run import Run
from tasks.models.aliases import BATCH
from tasks.models.config import reads_layouts
from tasks.select.task import select
from tasks.train.task import divide_events, divide_folds, register, tune_model
from tasks.train.task import train as fit
from tasks.train.tune import Tuned

AS_WRITTEN = TrainingOptions()


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
    material = gather(loaded, date or due_date(loaded.config.timezone))
    with (
        counting() as costs,
        open_run(loaded.store, loaded.name, BATCH, clock.attempt_name()) as run,
    ):
        keep_reports(run)
        with computing(loaded, run) as computed:
            training = _train(run, computed, material, costs)
    told = afterwards.follow_training(loaded, training.trained.reference.known_by)
    trained = dataclasses.replace(training, warnings=(*training.warnings, *told))
    shown = put_up_training(loaded, trained)
    return dataclasses.replace(trained, warnings=(*trained.warnings, *shown))


def _train(run: Run, pipeline: Pipeline, material: Material, costs: Costs) -> Training:
    config, secrets = pipeline.config, pipeline.secrets
    training, delay, whole = config.training, config.label.delay, reads_layouts(config.model)
    labels = label_examples(run, pipeline, material)
    divided = divide_events(run, training, labels, material.dates, delay)
    folds, without = divide_folds(run, training, divided, delay)
    champion = champion_beside(run, pipeline, _all_rows(pipeline, material, labels))
    making = Making(run, pipeline, material, labels)
    sample = making.whole(divided)
    examples, names = sample.joined.table, sample.built.names
    selection = select(run, config.selection, examples, names, whole, delay)
    known_as = reference(pipeline, material)
    if not selection.features:
        publish_unselected(run, pipeline, selection, known_as)
    tuned = _tuned(run, pipeline, examples, selection, known_as.run_id)
    learned, begins = sample.learned, serving(run, pipeline)
    trained = fit(
        run, tuned.model, training, examples, selection, learned, known_as, begins, secrets
    )
    found = standing(run, pipeline, trained, examples, champion)
    register(run, training, trained, found)
    metrics, failed = cross_validate(making, sample, tuned.model, folds, known_as.run_id)
    measured = (*trained.metrics, *metrics)
    noticed = (*suspicions(selection), *without, *failed)
    told = dataclasses.replace(trained, metrics=measured, trials=tuned.trials)
    check_balance(sample.ledger)
    treated = sample.prepared.treated
    outcome = Outcome(told, selection, treated, sample.ledger, found, noticed)
    report = publish_trained(run, pipeline, outcome, costs)
    return Training(told, selection, examples.rows, material.past.gaps, report, found, noticed)


def _all_rows(pipeline: Pipeline, material: Material, labels: Ref[Labels]) -> Rows:
    """What the features of every example are made from."""
    config = pipeline.config
    events = material.past.events.between(material.first - config.lookback, material.last)
    asked = labels if config.features.reads_labels else None
    return Rows(events, material.past, material.dimensions, asked, material.dates)


def _tuned(
    run: Run, pipeline: Pipeline, examples: Ref[Examples], selection: Selection, run_id: str
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
        run_id,
        pipeline.executor,
    )
