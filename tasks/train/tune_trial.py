"""One trial of a tuning: fit a model on earlier rows, judge it on later ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.core.errors import ModelError
from tasks.models.base import Checkpoint, Conditions, Epoch, Rows
from tasks.models.config import ModelConfig
from tasks.models.launching import fit_model, memory_to_train
from tasks.models.stopping import quality

_GRACE = 2  # epochs before a trial may be ended

State = Literal["done", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Fold:
    """What a trial is fitted on, when it stops, and what judges it."""

    fit: Rows
    stop: Rows
    judge: Rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial.

    Args:
        state: `done`, `pruned` as it fell behind, or `failed`.
        value: mean stop metric of the folds that were judged; None where it failed.
        epochs: epochs, or trees, of all folds.
        course: the best stop metric so far after each epoch of each fold, what pruning goes by.
        reason: why it ended.
    """

    state: State
    value: float | None
    epochs: int
    course: tuple[tuple[float, ...], ...]
    reason: str


class _FellBehindError(Exception):
    """A trial whose stop metric is below the middle of the others'."""


class _Watch:
    """Hears a fold's epochs, and ends it where it falls behind the bar."""

    def __init__(self, bar: Sequence[float]) -> None:
        self.bar, self.course = bar, list[float]()

    def __call__(self, epoch: Epoch) -> None:
        best = max([epoch.stop_metric, *self.course[-1:]])
        self.course.append(best)
        place = len(self.course) - 1
        if _GRACE <= place < len(self.bar) and best < self.bar[place]:
            raise _FellBehindError


def run_trial(
    model: ModelConfig,
    folds: Sequence[Fold],
    seed: int,
    bars: Sequence[Sequence[float]],
    checkpoints: Sequence[Checkpoint],
) -> Outcome:
    """Fit and judge a model on each fold.

    Args:
        model: the configuration.
        folds: at least one.
        seed: of the training.
        bars: for each fold the stop metric by epoch below which the trial ends; none to let it be.
        checkpoints: of each fold.
    """
    values, courses, epochs = list[float](), list[tuple[float, ...]](), 0
    state: State = "done"
    reason = ""
    for fold, bar, checkpoint in zip(folds, bars, checkpoints, strict=True):
        watch = _Watch(bar)
        try:
            conditions = Conditions(seed, checkpoint, watch=watch)
            fitted = fit_model(model, fold.fit, fold.stop, conditions)
            with memory_to_train(model):
                value = quality(fitted.scorer, fold.judge)
        except _FellBehindError:
            values.append(watch.course[-1])
            epochs += len(watch.course)
            state, reason = "pruned", "below the middle of the trials before"
        except ModelError as error:
            return Outcome("failed", None, epochs, tuple(courses), error.found)
        else:
            values.append(value)
            epochs, reason = epochs + len(fitted.history.epochs), fitted.history.ended
        courses.append(tuple(watch.course))
        if state == "pruned":
            break
    mean = sum(values) / len(values)
    if not math.isfinite(mean):
        return Outcome("failed", None, epochs, tuple(courses), "its scores are not finite")
    return Outcome(state, mean, epochs, tuple(courses), reason)
