"""Ask one model for the scores of a night, within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from tasks.core.artifacts import Features, Model, Ref
from tasks.core.errors import FeaturesMissingError, ModelError, ModelTooSlowError
from tasks.core.executor import IN_TURN, Executor, Last
from tasks.core.run import Run
from tasks.models.base import Matrix, Vector
from tasks.models.bundle import Bundle, Member, Role, open_bundle, version_of
from tasks.models.classes import likeliest
from tasks.score.stream import Events, as_matrix

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rung:
    """One place to ask for scores: `source` is its name in the scores table."""

    source: str
    ref: Ref[Model]
    role: Role

    @property
    def model(self) -> str:
        """Names the member: `<version>/<role>`."""
        return f"{version_of(self.ref)}/{self.role}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A rung's scores, all finite, and what is needed to explain them.

    Args:
        rung: who answered.
        features: columns of its matrix.
        member: the scorer and its calibration.
        scores: (n_events,).
        predicted: (n_events,), names of the likeliest classes; null where none are told apart.
    """

    rung: Rung
    features: tuple[str, ...]
    member: Member
    scores: Vector
    predicted: pl.Series

    @property
    def source(self) -> str:
        """`champion`, `previous` or `fallback`."""
        return self.rung.source

    @property
    def version(self) -> str:
        """The bundle that answered."""
        return version_of(self.rung.ref)


@dataclass(frozen=True, slots=True)
class Unscored:
    """Events that are to be scored.

    Args:
        run: reads their table; models are read from its store.
        features: the table.
        executor: where batches of it are scored.
    """

    run: Run
    features: Ref[Features]
    executor: Executor = IN_TURN

    def events(self) -> Events:
        """The table, verified."""
        return _events((self.run, self.features))


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the events, by the position of the first, and who is asked for their scores."""

    run: Run
    features: Ref[Features]
    rung: Rung
    start: int


def ask(unscored: Unscored, rung: Rung, seconds: float | None = None) -> Answer:
    """Have one rung score every event.

    Args:
        unscored: the events.
        rung: whom to ask.
        seconds: how long it may take; None for as long as it needs.

    Raises:
        IntegrityError: a file is missing or was changed.
        ModelError: the model is not the one described, lacks a feature, gives no number, or takes
            too long.
    """
    _asked.forget()  # its files are verified again whenever somebody is asked
    bundle, member = _asked((unscored.run, rung))
    events = unscored.events()
    _check_features(bundle, events)
    batches = [Batch(unscored.run, unscored.features, rung, start) for start in events.starts]

    def whole(goes_on: Callable[[], bool]) -> list[tuple[Matrix, pl.Series | None]]:
        parts = []
        for part in unscored.executor.map(score_batch, batches):
            parts.append(part)
            if not goes_on():
                break
        return parts

    parts = within(seconds, whole, rung.ref.uri)
    scores = np.concatenate([np.empty(0, np.float32), *(found for found, _ in parts)])
    named = [each for _, each in parts if each is not None]
    none = pl.repeat(None, len(scores), dtype=pl.String, eager=True)
    predicted = pl.concat(named) if named else none
    broken = int((~np.isfinite(scores)).sum())
    if broken:
        raise ModelError(
            "finite scores", found=f"{broken} of {len(scores)} are not", where=rung.ref.uri
        )
    return Answer(rung, bundle.facts.features, member, scores.astype(np.float64), predicted)


def score_batch(batch: Batch) -> tuple[Matrix, pl.Series | None]:
    """The scores of one batch, and its likeliest classes if there are any; in any process."""
    bundle, member = _asked((batch.run, batch.rung))
    rows = _events((batch.run, batch.features)).batch(batch.start)
    matrix = as_matrix(rows, bundle.facts.features)
    classes = bundle.facts.classes
    named = likeliest(member.scorer, matrix, classes) if classes else None
    return member.scorer.score(matrix), named


def _read_rung(asked: tuple[Run, Rung]) -> tuple[Bundle, Member]:
    run, rung = asked
    bundle = open_bundle(run.store, rung.ref)
    return bundle, bundle.read(rung.role)


def _read_events(asked: tuple[Run, Ref[Features]]) -> Events:
    run, features = asked
    return Events.of(run.scan(features), features.rows)


_asked = Last(_read_rung)
_events = Last(_read_events)


def within(seconds: float | None, work: Callable[[Callable[[], bool]], T], where: str) -> T:
    """Do work in a thread of its own, and leave it behind when it takes too long.

    A child process could be killed, but would cost seconds of imports and a copy of the night on
    every night. A thread costs nothing where all goes well; one that is left behind ends at its
    next step, or, where it hangs in native code, with the process.

    Args:
        seconds: how long it may take; None for as long as it needs, in this thread.
        work: takes what says whether anybody still waits.
        where: what it is about, for the message.

    Raises:
        ModelTooSlowError: it took too long.
    """
    if seconds is None:
        return work(lambda: True)
    left = threading.Event()
    done: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work(lambda: not left.is_set()))
        except Exception as error:  # noqa: BLE001  # raised again in the thread that waits
            failed.append(error)

    if seconds > 0:  # in no time at all a thread may finish, or not
        thread = threading.Thread(target=run, name="scoring", daemon=True)
        thread.start()
        thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        left.set()
        raise ModelTooSlowError(
            f"scores within {seconds:g} s",
            found="none by then",
            where=where,
            do="Raise scoring.timeout, give model.threads more cores, or take a smaller model.",
        )
    return done[0]


def _check_features(bundle: Bundle, events: Events) -> None:
    absent = [name for name in bundle.facts.features if name not in events.features]
    if absent:
        raise FeaturesMissingError(
            "the features the model was trained on",
            found=f"none named {', '.join(absent[:5])}",
            where=bundle.ref.uri,
            do="Train again after changing the features of a pipeline.",
        )
