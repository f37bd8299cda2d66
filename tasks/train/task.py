"""The training stages: divide, join, train, cross-validate, register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import polars as pl
from pydantic import SecretStr

from tasks.core.artifacts import Examples, Features, Labels, Model, Parts, Prepared, Ref, Scores
from tasks.core.batches import BATCH_DATE
from tasks.core.errors import DataError, LamplighterError, ModelError
from tasks.core.event import EVENT_ID, EVENT_TIME, EventConfig
from tasks.core.executor import IN_TURN, Executor
from tasks.core.keys import digest_bytes
from tasks.core.results import Divided, Joined, LedgerLine, Selection
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.core.treatments import SET_ASIDE, Learned, Stored
from tasks.models.aliases import Aliases
from tasks.models.base import Conditions
from tasks.models.bundle import BASELINE, Facts, FittedModel, open_bundle, save, version_of
from tasks.models.comparison import Comparison, compare, compare_values
from tasks.models.config import ModelConfig
from tasks.models.records import Metric, Trained, TrainingReference
from tasks.task import stage
from tasks.train.checkpoint import Shelf, checkpoint_of
from tasks.train.config import TimeSplit, TrainingConfig
from tasks.train.evaluate import average
from tasks.train.fit import Divided as DividedRows
from tasks.train.fit import (
    baselines,
    divide,
    fit_both,
    fit_member,
    judge,
    usual_ranges,
    with_evidence,
)
from tasks.train.folds import FIT, TEST, assign_folds
from tasks.train.join import join
from tasks.train.private import budget
from tasks.train.register import AT_ONCE, Standing, enter
from tasks.train.rows import rows_of
from tasks.train.split import LABEL, LABEL_CLASS, PART, assign_parts, assign_within, check_labels
from tasks.train.tune import Tuned, tune
from tasks.train.tune_config import TuningConfig
from tasks.train.tune_folds import Tuning
from tasks.train.warm import warmer

_OWN = (EVENT_ID, EVENT_TIME, LABEL)
NO_SECRETS: Mapping[str, SecretStr] = MappingProxyType({})


@stage("split")
def divide_events(
    run: Run,
    config: TrainingConfig,
    labels: Ref[Labels],
    dates: tuple[dt.date, dt.date],
    delay: dt.timedelta,
) -> Divided:
    """Say which part each labelled event belongs to, before anything is learned from any.

    Only events whose batch date lies within `dates`, both included, are divided; `delay` is how
    long after its event a label is known.
    """
    table = run.scan(labels)
    columns = list(dict.fromkeys((*_OWN, *_classes(table), *config.columns)))
    within = pl.col(BATCH_DATE).is_between(*dates)
    known = table.filter(within).select(columns).collect()
    divided = assign_parts(known, config.split, config.seed, delay)
    uri = table_uri("parts", run.pipeline, "parts", run.batch)
    parts = run.write_table(Parts, divided, uri)
    if not isinstance(config.split, TimeSplit):
        return Divided(parts)
    after = divided.filter(pl.col(PART) != FIT)[EVENT_TIME].min()
    return Divided(parts, after if isinstance(after, dt.datetime) else None)


@stage("examples")
def join_examples(
    run: Run,
    event: EventConfig,
    features: Ref[Features],
    divided: Divided,
    prepared: Ref[Prepared],
) -> Joined:
    """Join features with labels and parts; what a rule set aside is not fitted on.

    Only the part `fit` gives such rows up: the others judge as a night will score.
    """
    rows = run.scan(prepared)
    reasons = rows.select(event.id(), SET_ASIDE) if SET_ASIDE in rows.collect_schema() else None
    examples, rejected = join(run.scan(features), run.scan(divided.parts), reasons)
    ref = run.write_table(
        Examples, examples, table_uri("examples", run.pipeline, "examples", run.batch)
    )
    line = LedgerLine("examples", event.table, features.rows, ref.rows, rejected=rejected)
    return Joined(ref, (line,))


@stage("fold")
def fold_examples(
    run: Run, config: TrainingConfig, examples: Ref[Examples], delay: dt.timedelta
) -> tuple[dict[int, Ref[Examples]], tuple[str, ...]]:
    """The examples of each fold, divided anew; none where no folds are configured.

    Returns:
        The folds by their numbers from 1, and of those left out, as a part lacks one of the
        classes, or values, a sentence each.
    """
    found, left_out = dict[int, Ref[Examples]](), list[str]()
    if config.folds is None:
        return found, ()
    table = run.scan(examples).collect()
    for number, roles in enumerate(assign_folds(table, config.folds, delay, config.seed), start=1):
        fitted = assign_within(table.filter(roles == FIT), config.split, config.seed)
        tested = table.filter(roles == TEST).with_columns(pl.lit("test").alias(PART))
        divided = pl.concat([fitted, tested])
        try:
            check_labels(divided)
        except DataError as error:
            left_out.append(_unmeasured(number, error))
            continue
        uri = table_uri("examples", run.pipeline, f"fold-{number}", run.batch)
        found[number] = run.write_table(Examples, divided, uri)
    return found, tuple(left_out)


@stage("cross_validate")
def measure_folds(
    run: Run,
    model: ModelConfig,
    config: TrainingConfig,
    folds: Mapping[int, tuple[Ref[Examples], Sequence[str]]],
    run_id: str,
    secrets: Mapping[str, SecretStr] = NO_SECRETS,
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Fit the model on each fold, with the features chosen for it, and measure it there.

    Returns:
        The measures of each fold and their means, and a sentence for each fold whose training
        failed.
    """
    measured, left_out = list[Metric](), list[str]()
    for number, (examples, features) in folds.items():
        divided = divide(_table(run, examples, features, config), features, config.marks)
        checkpoint = checkpoint_of(run.store, run.pipeline, run_id, f"fold-{number}")
        privacy = budget(config.privacy, secrets, f"{run_id}/fold-{number}")
        conditions = Conditions(config.seed, checkpoint, privacy=privacy)
        try:
            member = fit_member(model, divided, conditions, config)
        except ModelError as error:
            left_out.append(_unmeasured(number, error))
            continue
        metrics, _ = judge([member], divided, config, f"fold_{number}")
        measured += metrics
    return (*measured, *average(measured, "folds")), tuple(left_out)


@stage("tune")
def tune_model(
    run: Run,
    config: TuningConfig | None,
    model: ModelConfig,
    training: TrainingConfig,
    examples: Ref[Examples],
    features: Sequence[str],
    delay: dt.timedelta,
    run_id: str,
    executor: Executor = IN_TURN,
) -> Tuned:
    """The best settings of a search before the test part; the given ones where none is asked."""
    if config is None:
        return Tuned(model, ())
    material = Tuning(run, examples, tuple(features), config.folds, training, delay)
    keep = Shelf(run.store, run.pipeline, run_id)
    return tune(config, material, training.seed, keep, executor)


@stage("train")
def train(
    run: Run,
    model: ModelConfig,
    config: TrainingConfig,
    examples: Ref[Examples],
    selection: Selection,
    learned: Learned,
    reference: TrainingReference,
    champion: Ref[Model] | None = None,
    secrets: Mapping[str, SecretStr] = NO_SECRETS,
) -> Trained:
    """Fit, calibrate and measure the model and its fallback, and write them as one bundle.

    Where `config.warm_start` is set the model begins from the champion, if that wins. `secrets` has
    the key of `config.privacy`, where that is set.
    """
    features = selection.features
    divided = divide(_table(run, examples, features, config), features, config.marks)
    checkpoint = checkpoint_of(run.store, run.pipeline, reference.run_id, "model")
    privacy = budget(config.privacy, secrets, f"{reference.run_id}/model")
    conditions = Conditions(config.seed, checkpoint, privacy=privacy)
    chosen, fallback, failure = fit_both(model, divided, conditions, config)
    warm = config.warm_start and isinstance(config.split, TimeSplit)
    if warm and champion and chosen and chosen is not fallback:
        begun = Conditions(config.seed)
        chosen = warmer(run, config, features, champion, divided, begun, chosen)
    members = [fallback] if chosen is None or chosen is fallback else [chosen, fallback]
    metrics, curves = judge(members, divided, config)
    roles = {"fallback": fallback} | ({"model": chosen} if chosen else {})
    usual = {BASELINE: baselines(divided, features, roles)}
    facts = Facts(
        pipeline=run.pipeline,
        features=features,
        preparation=learned.record,
        selection=selection,
        reference=reference,
        parts=divided.counts(),
        classes=divided.rows["fit"].target.classes,
        metrics=metrics,
        curves=curves,
        usual=usual_ranges(divided.rows["fit"].table, features),
        failure=failure,
        baseline=Stored(BASELINE, digest_bytes(usual[BASELINE])),
        unseen_from=str(_unseen_from(config, divided, reference)),
        fitted_until=str(divided.last(("fit", "stop", "calibrate"))),
    )
    judged = with_evidence(chosen, divided) if chosen else None
    beside = with_evidence(fallback, divided)
    fitted = FittedModel(facts, judged, beside, learned.files, usual)
    manifest, files = save(run, fitted)
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


@stage("compare")
def compare_trained(
    run: Run,
    config: TrainingConfig,
    examples: Ref[Examples],
    trained: Trained,
    champion: Ref[Scores],
    unseen_from: dt.date,
) -> Comparison:
    """Compare a trained model with the champion on the test rows that neither was fitted on.

    Args:
        run: the training's run.
        config: how the bootstrap is made.
        examples: the new model's, with the part of each.
        trained: the new model.
        champion: the champion's scores of the same events, of its own features.
        unseen_from: the first batch date of which the champion was fitted on no row.
    """
    bundle = open_bundle(run, trained.model)
    member = bundle.read("model" if "model" in bundle.manifest.members else "fallback")
    features = bundle.facts.features
    judged = (pl.col(PART) == "test") & (pl.col(BATCH_DATE) >= unseen_from)
    beside = run.scan(champion).select(EVENT_ID, "score")
    table = run.scan(examples).filter(judged).join(beside, on=EVENT_ID).sort(EVENT_ID).collect()
    rows = rows_of(table, features)
    comparing = compare_values if rows.target.kind == "value" else compare
    return comparing(
        rows.labels.astype(np.float64),
        member.scorer.score(rows.table).astype(np.float64),
        table["score"].to_numpy(),
        table[BATCH_DATE].cast(pl.Int32).cast(pl.Float64).to_numpy(),
        config.promotion.rounds,
        config.seed,
    )


@stage("register")
def register(
    run: Run, config: TrainingConfig, trained: Trained, standing: Standing = AT_ONCE
) -> Aliases:
    """Enter the new version; it serves, or challenges, from the moment the run commits."""
    return enter(run, trained, config.keep_versions, standing)


def _unmeasured(number: int, error: LamplighterError) -> str:
    return f"Fold {number} is not measured: required {error.required}; found {error.found}"


def _unseen_from(
    config: TrainingConfig, divided: DividedRows, reference: TrainingReference
) -> dt.date:
    """The first batch date of which a model sees rows in its test part only, or none at all."""
    after = dt.date.fromisoformat(reference.last_date) + dt.timedelta(days=1)
    first = divided.first("test")
    if not isinstance(config.split, TimeSplit) or first is None:
        return after
    return min(after, first + dt.timedelta(days=1))


def _table(
    run: Run, examples: Ref[Examples], features: Sequence[str], config: TrainingConfig
) -> pl.DataFrame:
    rows = run.scan(examples)
    columns = dict.fromkeys((*features, LABEL, *_classes(rows), PART, BATCH_DATE, *config.marks))
    return rows.select(list(columns)).collect()


def _classes(table: pl.LazyFrame) -> tuple[str, ...]:
    """The column that names each row's class, where there is one."""
    return (LABEL_CLASS,) if LABEL_CLASS in table.collect_schema() else ()
