"""The training stages: split, train, register."""

from __future__ import annotations

import polars as pl

from tasks.core.artifacts import Examples, Features, Labels, Preparation, Ref, Selection
from tasks.core.commit import Run
from tasks.core.event import EVENT_ID
from tasks.core.store import table_uri
from tasks.models.aliases import Aliases
from tasks.models.bundle import Facts, FittedModel, save, version_of
from tasks.models.config import ModelConfig
from tasks.models.records import Trained, TrainingReference
from tasks.task import stage
from tasks.train.config import TrainingConfig
from tasks.train.fit import divide, fit_both, judge, usual_ranges
from tasks.train.register import promote
from tasks.train.split import LABEL, PART, assign_parts


@stage("split")
def split_examples(
    run: Run, config: TrainingConfig, features: Ref[Features], labels: Ref[Labels]
) -> Ref[Examples]:
    """Join features with labels and say which part each row belongs to."""
    known = run.scan(labels).select(EVENT_ID, pl.col(LABEL).cast(pl.Int8))
    examples = run.scan(features).join(known, on=EVENT_ID, how="inner").collect()
    divided = assign_parts(examples, config.split, config.seed)
    uri = table_uri("examples", run.pipeline, "examples", run.batch)
    return run.write_table(Examples, divided, uri)


@stage("train")
def train(
    run: Run,
    model: ModelConfig,
    config: TrainingConfig,
    examples: Ref[Examples],
    selection: Selection,
    preparation: Preparation,
    reference: TrainingReference,
) -> Trained:
    """Fit, calibrate and measure the model and its fallback, and write them as one bundle."""
    features = selection.features
    table = run.scan(examples).select(*features, LABEL, PART, "batch_date").collect()
    divided = divide(table, features)
    chosen, fallback, failure = fit_both(model, divided, config.seed)
    members = [fallback] if chosen is None or chosen is fallback else [chosen, fallback]
    metrics, curves = judge(members, divided, config)
    facts = Facts(
        pipeline=run.pipeline,
        features=features,
        preparation=preparation,
        selection=selection,
        reference=reference,
        parts=divided.counts(),
        metrics=metrics,
        curves=curves,
        usual=usual_ranges(divided.rows["fit"].table, features),
        failure=failure,
    )
    manifest, files = save(run, FittedModel(facts, chosen, fallback))
    return Trained(
        model=manifest,
        files=files,
        version=version_of(manifest),
        reference=reference,
        parts=facts.parts,
        metrics=metrics,
        curves=curves,
        history=members[0].history,
        failure=failure,
    )


@stage("register")
def register(run: Run, config: TrainingConfig, trained: Trained) -> Aliases:
    """Make the new version the champion; it serves from the moment the run commits."""
    return promote(run, trained, config.keep_versions)
