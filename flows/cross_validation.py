"""Measure a model on folds, each of which learns all that is learned from its own fitted part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flows.examples import Making, Sample
from tasks.core.errors import DataError, ModelError
from tasks.core.results import Fold
from tasks.core.run import Run
from tasks.models.config import ModelConfig, reads_layouts
from tasks.models.records import Metric
from tasks.select.task import select
from tasks.train.evaluate import average
from tasks.train.task import measure_fold, unmeasured


def cross_validate(
    making: Making, whole: Sample, model: ModelConfig, folds: Sequence[Fold], run_id: str
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Fit the model on each fold, one after the other, and measure it there.

    In each, preparation and features learn, features are selected and the model is fitted anew.
    The tables of a fold are taken away once it is measured.

    Returns:
        The measures of each fold and their means, and a sentence for each fold that could not be
        measured.
    """
    measured, left_out = list[Metric](), list[str]()
    for fold in folds:
        with _for_own_use(making.run):
            try:
                measured += _measure(making, whole, model, fold, run_id)
            except (DataError, ModelError) as error:
                left_out.append(unmeasured(fold.number, error))
    return (*measured, *average(measured, "folds")), tuple(left_out)


def _measure(
    making: Making, whole: Sample, model: ModelConfig, fold: Fold, run_id: str
) -> tuple[Metric, ...]:
    """A fold in which no feature beats chance is measured on all candidates."""
    run, pipeline = making.run, making.pipeline
    config = pipeline.config
    sample = making.of_fold(fold, whole)
    examples, names = sample.joined.table, sample.built.names
    layouts, delay = reads_layouts(config.model), config.label.delay
    chosen = select(run, config.selection, examples, names, layouts, delay).features or names
    own = fold.number, examples, chosen
    return measure_fold(run, model, config.training, own, run_id, pipeline.secrets)


@contextmanager
def _for_own_use(run: Run) -> Iterator[None]:
    """Take back what the run writes in the block."""
    before = {ref.uri for ref in run.written()}
    try:
        yield
    finally:
        for ref in run.written():
            if ref.uri not in before:
                run.discard(ref)
