"""Something always scores: the champion, else the one before it, else XGBoost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import ModelError, StoreError
from tasks.core.treatments import Learned
from tasks.models.aliases import Aliases
from tasks.models.base import Vector
from tasks.models.bundle import Bundle, Facts, Member, Reader, Role, open_bundle
from tasks.score.stream import Events

# What a broken model can raise besides our own errors: torch and XGBoost use these two.
_BROKEN = (ModelError, StoreError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class Rung:
    """One place to ask for scores: `source` is its name in the scores table."""

    source: str
    ref: Ref[Model]
    role: Role


@dataclass(frozen=True, slots=True)
class Answer:
    """A rung's scores, all finite, and what is needed to explain them.

    Args:
        source: `champion`, `previous` or `fallback`.
        version: the bundle that answered.
        features: columns of its matrix.
        member: the scorer and its calibration.
        scores: (n_events,).
    """

    source: str
    version: str
    features: tuple[str, ...]
    member: Member
    scores: Vector


def rungs(aliases: Aliases) -> Iterator[Rung]:
    """The places to ask, best first."""
    yield Rung("champion", aliases.champion, "model")
    if aliases.previous is not None:
        yield Rung("previous", aliases.previous, "model")
    yield from fallback_rungs(aliases)


def fallback_rungs(aliases: Aliases) -> Iterator[Rung]:
    """The XGBoost models, the champion's first."""
    yield Rung("fallback", aliases.champion, "fallback")
    if aliases.previous is not None:
        yield Rung("fallback", aliases.previous, "fallback")


def first_facts(reader: Reader, aliases: Aliases) -> tuple[Facts, Learned]:
    """What the best model that can be read says of itself, and the preparation it learned.

    A model whose weights are damaged will not score, so its preparation must not be used either;
    and one whose preparation is damaged is passed over for the same reason, save by the fallback.

    Raises:
        ModelError: no model can be read.
    """
    reasons: list[str] = []
    for rung in rungs(aliases):
        try:
            bundle = open_bundle(reader, rung.ref)
            bundle.read(rung.role)
            return bundle.facts, _preparation(bundle, rung)
        except _BROKEN as error:
            reasons.append(f"{rung.source} {rung.ref.sha256[:12]}: {_in_short(error)}")
    raise _nothing_left(reasons)


def climb(reader: Reader, places: Iterator[Rung], events: Events) -> tuple[Answer, str]:
    """Ask one rung after the other until one answers.

    Returns:
        The answer, and why the rungs before it gave none; empty if the first one did.

    Raises:
        ModelError: no rung answered.
    """
    reasons: list[str] = []
    for rung in places:
        try:
            return ask(reader, rung, events), "; ".join(reasons)
        except _BROKEN as error:
            reasons.append(f"{rung.source} {rung.ref.sha256[:12]}: {_in_short(error)}")
    raise _nothing_left(reasons)


def ask(reader: Reader, rung: Rung, events: Events) -> Answer:
    """Have one rung score every event.

    Raises:
        IntegrityError: a file is missing or was changed.
        ModelError: the model is not the one described, lacks a feature, or gives no number.
    """
    bundle = open_bundle(reader, rung.ref)
    _check_features(bundle, events)
    _preparation(bundle, rung)  # a model does not score what another's preparation made
    member = bundle.read(rung.role)
    features = bundle.facts.features
    parts = [member.scorer.score(matrix) for matrix in events.matrices(features)]
    scores = np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float64)
    broken = int((~np.isfinite(scores)).sum())
    if broken:
        raise ModelError(
            "finite scores", found=f"{broken} of {len(scores)} are not", where=rung.ref.uri
        )
    return Answer(rung.source, bundle.version, features, member, scores)


def _preparation(bundle: Bundle, rung: Rung) -> Learned:
    """All that its preparation needs; for the fallback, which always scores, what can be read."""
    return bundle.readable_preparation() if rung.role == "fallback" else bundle.preparation()


def _check_features(bundle: Bundle, events: Events) -> None:
    absent = [name for name in bundle.facts.features if name not in events.features]
    if absent:
        raise ModelError(
            "the features the model was trained on",
            found=f"none named {', '.join(absent[:5])}",
            where=bundle.ref.uri,
            do="Train again after changing the features of a pipeline.",
        )


def _nothing_left(reasons: list[str]) -> ModelError:
    return ModelError(
        "one model that can score",
        found="; ".join(reasons),
        where="models/",
        do="Train the pipeline again, or restore the models' files from a copy.",
    )


def _in_short(error: Exception) -> str:
    if isinstance(error, (ModelError, StoreError)):
        return f"required {error.required}, found {error.found}"
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
