"""Ask one model for the scores of a night, within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import ModelError
from tasks.models.base import Matrix, Vector
from tasks.models.bundle import Bundle, Member, Reader, Role, open_bundle, version_of
from tasks.models.classes import likeliest
from tasks.score.stream import Events

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


def ask(reader: Reader, rung: Rung, events: Events, seconds: float | None = None) -> Answer:
    """Have one rung score every event.

    Args:
        reader: what bundles are read through.
        rung: whom to ask.
        events: the night.
        seconds: how long it may take; None for as long as it needs.

    Raises:
        IntegrityError: a file is missing or was changed.
        ModelError: the model is not the one described, lacks a feature, gives no number, or takes
            too long.
    """
    bundle = open_bundle(reader, rung.ref)
    _check_features(bundle, events)
    member = bundle.read(rung.role)
    features, classes = bundle.facts.features, bundle.facts.classes

    def parts(goes_on: Callable[[], bool]) -> Iterator[tuple[Matrix, pl.Series]]:
        yield np.empty(0, np.float32), pl.Series(dtype=pl.String)
        for matrix in events.matrices(features):
            if not goes_on():
                return
            yield member.scorer.score(matrix), likeliest(member.scorer, matrix, classes)

    def whole(goes_on: Callable[[], bool]) -> tuple[Matrix, pl.Series]:
        scores, predicted = zip(*parts(goes_on), strict=True)
        return np.concatenate(scores), pl.concat(predicted)

    scores, predicted = within(seconds, whole, rung.ref.uri)
    broken = int((~np.isfinite(scores)).sum())
    if broken:
        raise ModelError(
            "finite scores", found=f"{broken} of {len(scores)} are not", where=rung.ref.uri
        )
    return Answer(rung, features, member, scores.astype(np.float64), predicted)


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
        ModelError: it took too long.
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

    thread = threading.Thread(target=run, name="scoring", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        left.set()
        raise ModelError(
            f"scores within {seconds:g} s",
            found="none by then",
            where=where,
            do="Raise scoring.timeout, give model.threads more cores, or take a smaller model.",
        )
    return done[0]


def _check_features(bundle: Bundle, events: Events) -> None:
    absent = [name for name in bundle.facts.features if name not in events.features]
    if absent:
        raise ModelError(
            "the features the model was trained on",
            found=f"none named {', '.join(absent[:5])}",
            where=bundle.ref.uri,
            do="Train again after changing the features of a pipeline.",
        )
