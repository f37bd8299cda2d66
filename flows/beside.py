"""Models that do not serve, scoring beside the one that does: the challenger every night, the
champion in a training."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.history import History, inputs
from flows.pipeline import Pipeline
from flows.preparing import prepare_on
from tasks.core.artifacts import Labels, Model, Ref, Valid
from tasks.core.results import Shadow
from tasks.core.run import Run
from tasks.features.task import build_features
from tasks.models.bundle import open_bundle
from tasks.score.asking import Unscored
from tasks.score.task import score_beside


@dataclass(frozen=True, slots=True)
class Rows:
    """What features are made from.

    Args:
        events: the event table, with the history that features need.
        past: the nights before; in a training all nights.
        tables: the tables of the date, the dimensions among them.
        labels: the labels of past events, where a family takes them.
        dates: first and last batch date that is scored.
    """

    events: Sequence[Ref[Valid]]
    past: History
    tables: Mapping[str, Ref[Valid]]
    labels: Ref[Labels] | None
    dates: tuple[dt.date, dt.date]


def beside(run: Run, pipeline: Pipeline, model: Ref[Model], name: str, rows: Rows) -> Shadow:
    """Prepare, build and score with what a model learned.

    What it writes lies where the serving model's tables will: call it before those are made.

    Raises:
        LamplighterError: the model is damaged, or does not fit the pipeline any more.
    """
    config = pipeline.config
    learned = open_bundle(run.store, model).preparation()
    _, reached = prepare_on(run, pipeline, learned, rows.events, rows.dates)
    read = inputs(pipeline, reached, rows.past, rows.tables, rows.labels)
    states = learned.record.features
    executor = pipeline.executor
    built = build_features(run, config.features, config.event, read, rows.dates, states, executor)
    return score_beside(Unscored(run, built.table, executor), model, name, config.scoring)
