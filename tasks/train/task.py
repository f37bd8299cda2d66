"""The training stages: divide, join, cross-validate, tune, train, compare, register."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl
from pydantic import SecretStr

from tasks.core.artifacts import Examples, Features, Labels, Model, Parts, Prepared, Ref, Scores
from tasks.core.batches import BATCH_DATE
from tasks.core.errors import DataError, LamplighterError
from tasks.core.event import EVENT_ID, EVENT_TIME, EventConfig
from tasks.core.executor import IN_TURN, Executor
from tasks.core.results import Divided, Fold, Joined, LedgerLine, Selection
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.core.treatments import SET_ASIDE, Learned
from tasks.models.aliases import Aliases
from tasks.models.base import Conditions
from tasks.models.bundle import open_bundle, save, version_of
from tasks.models.comparison import Comparison, compare, compare_values
from tasks.models.config import ModelConfig
from tasks.models.records import Metric, Trained, TrainingReference
from tasks.task import stage
from tasks.train.assemble import Origin, assemble
from tasks.train.checkpoint import Shelf, checkpoint_of
from tasks.train.config import BlockFolds, TimeSplit, TrainingConfig
from tasks.train.fit import fit_both, fit_member, judge
from tasks.train.folds import fitted_before, fold_parts, judged_within
from tasks.train.join import join
from tasks.train.private import budget
from tasks.train.reading import class_column, read_divided
from tasks.train.register import AT_ONCE, Standing, enter
from tasks.train.rows import rows_of
from tasks.train.split import EMBARGO, LABEL, PART, assign_parts, check_labels
from tasks.train.tune import Tuned, tune
from tasks.train.tune_config import TuningConfig
from tasks.train.tune_folds import Tuning
from tasks.train.warm import in_order, warmer

_OWN = (EVENT_ID, EVENT_TIME, BATCH_DATE, LABEL)
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
    columns = list(dict.fromkeys((*_OWN, *class_column(table), *config.columns)))
    within = pl.col(BATCH_DATE).is_between(*dates)
    known = table.filter(within).select(columns).collect()
    divided = assign_parts(known, config.split, config.seed, delay)
    uri = table_uri("parts", run.pipeline, "parts", run.batch)
    parts = run.write_table(Parts, divided, uri)
    if not isinstance(config.split, TimeSplit):
        return Divided(parts)
    return Divided(parts, fitted_before(divided))


@stage("examples")
def join_examples(
    run: Run,
    event: EventConfig,
    features: Ref[Features],
    divided: Divided,
    prepared: Ref[Prepared],
    name: str = "part-0",
) -> Joined:
    """Join features with labels and parts; what a rule set aside is not fitted on.

    Only the part `fit` gives such rows up: the others judge as a night will score. `name` is what
    to call the file.
    """
    rows = run.scan(prepared)
    reasons = rows.select(event.id(), SET_ASIDE) if SET_ASIDE in rows.collect_schema() else None
    examples, rejected = join(run.scan(features), run.scan(divided.parts), reasons)
    uri = table_uri("examples", run.pipeline, "examples", run.batch, f"{name}.parquet")
    ref = run.write_table(Examples, examples, uri)
    line = LedgerLine("examples", event.table, features.rows, ref.rows, rejected=rejected)
    return Joined(ref, (line,))


@stage("fold")
def divide_folds(
    run: Run, config: TrainingConfig, divided: Divided, delay: dt.timedelta
) -> tuple[tuple[Fold, ...], tuple[str, ...]]:
    """Divide the events of a training anew for each fold; none where no folds are configured.

    Returns:
        The folds, and of those left out, as a part lacks one of the classes, or values, a sentence
        each.
    """
    folds, left_out = list[Fold](), list[str]()
    events = run.scan(divided.parts).collect()
    for number, parts in enumerate(fold_parts(events, config, delay), start=1):
        used = parts.filter(pl.col(PART) != EMBARGO)
        try:
            check_labels(used)
        except DataError as error:
            left_out.append(unmeasured(number, error))
            continue
        own = Divided(run.write_part(Parts, parts))
        if isinstance(config.folds, BlockFolds):
            own = Divided(own.parts, fitted_before(parts), judged_within(parts))
        days = pl.col(BATCH_DATE)
        first, last = used.select(days.min().alias("first"), days.max().alias("last")).row(0)
        folds.append(Fold(number, own, (first, last)))
    return tuple(folds), tuple(left_out)


@stage("cross_validate")
def measure_fold(
    run: Run,
    model: ModelConfig,
    config: TrainingConfig,
    fold: tuple[int, Ref[Examples], Sequence[str]],
    run_id: str,
    secrets: Mapping[str, SecretStr] = NO_SECRETS,
) -> tuple[Metric, ...]:
    """Fit the model on a fold, given by its number, examples and features, and measure it there.

    Raises:
        ModelError: its training failed.
    """
    number, examples, features = fold
    rows = read_divided(run, examples, features, config)
    checkpoint = checkpoint_of(run.store, run.pipeline, run_id, f"fold-{number}")
    privacy = budget(config.privacy, secrets, f"{run_id}/fold-{number}")
    conditions = Conditions(config.seed, checkpoint, privacy=privacy)
    member = fit_member(model, rows, conditions, config)
    return judge([member], rows, config, f"fold_{number}")[0]


def unmeasured(number: int, error: LamplighterError) -> str:
    """That a fold has no measures, and why."""
    return f"Fold {number} is not measured: required {error.required}; found {error.found}"


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
    features = in_order(run, config, selection.features, champion)
    divided = read_divided(run, examples, features, config)
    checkpoint = checkpoint_of(run.store, run.pipeline, reference.run_id, "model")
    privacy = budget(config.privacy, secrets, f"{reference.run_id}/model")
    conditions = Conditions(config.seed, checkpoint, privacy=privacy)
    pair, told = fit_both(model, divided, conditions, config), ""
    if config.warm_start and champion and pair.model:
        begun = Conditions(config.seed)
        warm, told = warmer(run, config, features, champion, divided, begun, pair.model)
        pair = replace(pair, model=warm)
    origin = Origin(run.pipeline, features, selection, learned, reference)
    fitted = assemble(pair, divided, config, origin)
    manifest, files = save(run, fitted)
    return Trained(
        model=manifest,
        files=files,
        version=version_of(manifest),
        reference=reference,
        parts=fitted.facts.parts,
        metrics=fitted.facts.metrics,
        curves=fitted.facts.curves,
        history=pair.members[0].history,
        failure=pair.failure,
        not_begun=told,
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
