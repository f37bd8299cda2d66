"""Learn from training time, step by step, each from rows as the steps before leave them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tasks.core.event import EventConfig
from tasks.core.treatments import SET_ASIDE, Learned, Preparation, Treatment
from tasks.prepare.apply import apply
from tasks.prepare.categories import groupings
from tasks.prepare.columns import Held, Schema
from tasks.prepare.config import PrepareConfig
from tasks.prepare.conversion import learn_types
from tasks.prepare.missing import chosen, learner
from tasks.prepare.outliers import fences, grow_forest
from tasks.prepare.prediction import fit_prediction
from tasks.prepare.rules import Predicted
from tasks.prepare.scaling import scalings
from tasks.prepare.statistics import learn

_SEED = 0
_Found = Iterator[tuple[Treatment, bytes | None]]


def fit(
    rows: pl.LazyFrame, config: PrepareConfig, event: EventConfig, label: str | None = None
) -> Learned:
    """Learn the treatments of every column that needs one.

    Args:
        rows: rows of training time, de-duplicated, in order.
        config: what to learn.
        event: its key, time and entities stay as they are.
        label: the label's column, which stays as it is too; None where it is no column.

    Returns:
        The treatments in the order of the chain, within a step in the table's order. Rows that a
        step sets aside are not learned from by the steps after it.

    Raises:
        ConfigError: a rule names a column that is not there, or cannot be applied to it.
        DataError: there is nothing to learn from.
    """
    learned = Learned()
    for step in (_types, _outliers, _categories, _missing, _scaling):
        seen = _seen(rows, learned, event)
        schema = {
            name: dtype for name, dtype in seen.collect_schema().items() if name in _own(rows)
        }
        learned = _with(learned, step(seen, schema, config, Held.of(event, label)))
    return learned


def _own(rows: pl.LazyFrame) -> set[str]:
    """The table's own columns: what preparation adds is not treated again."""
    return set(rows.collect_schema())


def _seen(rows: pl.LazyFrame, learned: Learned, event: EventConfig) -> pl.LazyFrame:
    treated = apply(rows, learned, event)
    if SET_ASIDE in treated.collect_schema():
        return treated.filter(pl.col(SET_ASIDE).is_null())
    return treated


def _with(learned: Learned, found: _Found) -> Learned:
    new = list(found)
    files = {
        stored.name: content
        for treatment, content in new
        if content is not None
        for stored in Preparation((treatment,)).files
    }
    treatments = (*learned.record.treatments, *(treatment for treatment, _ in new))
    return Learned(Preparation(treatments), {**learned.files, **files})


def _types(_: pl.LazyFrame, schema: Schema, config: PrepareConfig, held: Held) -> _Found:
    return ((each, None) for each in learn_types(schema, config.types, held))


def _outliers(rows: pl.LazyFrame, schema: Schema, config: PrepareConfig, held: Held) -> _Found:
    for treatment in learn(rows, fences(schema, config.outliers, held)):
        yield treatment, None
    for rule in config.outliers.together:
        yield grow_forest(rows, schema, rule, _SEED)


def _categories(rows: pl.LazyFrame, schema: Schema, config: PrepareConfig, held: Held) -> _Found:
    return ((each, None) for each in learn(rows, groupings(schema, config.categories, held)))


def _missing(rows: pl.LazyFrame, schema: Schema, config: PrepareConfig, held: Held) -> _Found:
    rules = dict(chosen(schema, config.missing, held))
    plain = [learner(c, schema[c], r) for c, r in rules.items() if not isinstance(r, Predicted)]
    for treatment in learn(rows, plain):
        yield treatment, None
    for column, rule in rules.items():
        if isinstance(rule, Predicted):
            yield fit_prediction(rows, schema, column, rule)


def _scaling(rows: pl.LazyFrame, schema: Schema, config: PrepareConfig, held: Held) -> _Found:
    return ((each, None) for each in learn(rows, scalings(schema, config.scaling, held)))
