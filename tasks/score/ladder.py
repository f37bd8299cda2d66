"""Something always scores: the champion, else the one before it, else XGBoost."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tasks.core.artifacts import Model, Ref, Scored
from tasks.core.errors import ModelError, StoreError
from tasks.core.keys import digest
from tasks.core.treatments import Learned
from tasks.models.aliases import Aliases
from tasks.models.base import Vector
from tasks.models.bundle import Bundle, Facts, Member, Reader, Role, open_bundle, version_of
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
class Footing:
    """Rungs that follow each other and read the same rows and features, for they learned the same.

    Args:
        facts: what their models say of themselves, by version.
        learned: the preparation that they share; none of them scores what another one made.
        rungs: best first, the first of them with weights that can be read.
        beside: every XGBoost rung of the same preparation, for its score beside the answer's.
    """

    facts: Mapping[str, Facts]
    learned: Learned
    rungs: tuple[Rung, ...]
    beside: tuple[Rung, ...]

    def answered(self, scored: Scored) -> tuple[Ref[Model], Role]:
        """The bundle that gave scores, and the member of it that did."""
        named = (scored.source, scored.model_version)
        rung = next(rung for rung in self.rungs if (rung.source, version_of(rung.ref)) == named)
        return rung.ref, rung.role


@dataclass(frozen=True, slots=True)
class _Stand:
    """A rung whose preparation can be read; rungs of one key have the same."""

    rung: Rung
    bundle: Bundle
    learned: Learned
    key: str


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
    yield Rung("fallback", aliases.champion, "fallback")
    if aliases.previous is not None:
        yield Rung("fallback", aliases.previous, "fallback")


def footings(reader: Reader, aliases: Aliases, passed: list[str]) -> Iterator[Footing]:
    """The ladder, cut where the preparation changes, best rung first.

    A rung that cannot be read has no footing: neither what its weights nor what its preparation
    would have needed is made for it. Only the fallback's preparation may have gaps.

    Args:
        reader: what bundles are read through.
        aliases: which versions serve.
        passed: takes, for each rung that cannot be read, why.
    """
    stands = [stand for rung in rungs(aliases) if (stand := _stand(reader, rung, passed))]
    for key, group in itertools.groupby(stands, key=lambda stand: stand.key):
        own = list(itertools.dropwhile(lambda stand: not _reads(stand, passed), group))
        if own:
            facts = {stand.bundle.version: stand.bundle.facts for stand in own}
            same = (s.rung for s in stands if s.key == key and s.rung.role == "fallback")
            yield Footing(facts, own[0].learned, tuple(s.rung for s in own), tuple(same))


def first_footing(reader: Reader, aliases: Aliases) -> Footing:
    """What the best model that can be read stands on.

    Raises:
        ModelError: no model can be read.
    """
    passed: list[str] = []
    for footing in footings(reader, aliases, passed):
        return footing
    raise nothing_left(passed)


def _stand(reader: Reader, rung: Rung, passed: list[str]) -> _Stand | None:
    try:
        bundle = open_bundle(reader, rung.ref)
        learned = _preparation(bundle, rung)
    except _BROKEN as error:
        passed.append(_why(rung, error))
        return None
    key = digest({"record": asdict(learned.record), "files": sorted(learned.files)})
    return _Stand(rung, bundle, learned, key)


def _reads(stand: _Stand, passed: list[str]) -> bool:
    """Whether the rung's weights can be read."""
    try:
        stand.bundle.read(stand.rung.role)
    except _BROKEN as error:
        passed.append(_why(stand.rung, error))
        return False
    return True


def climb(reader: Reader, places: Iterable[Rung], events: Events) -> tuple[Answer, str]:
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
            reasons.append(_why(rung, error))
    raise nothing_left(reasons)


def ask(reader: Reader, rung: Rung, events: Events) -> Answer:
    """Have one rung score every event.

    Raises:
        IntegrityError: a file is missing or was changed.
        ModelError: the model is not the one described, lacks a feature, or gives no number.
    """
    bundle = open_bundle(reader, rung.ref)
    _check_features(bundle, events)
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


def nothing_left(reasons: Sequence[str]) -> ModelError:
    """No rung gave scores, with the reason of each."""
    return ModelError(
        "one model that can score",
        found="; ".join(reasons),
        where="models/",
        do="Train the pipeline again, or restore the models' files from a copy.",
    )


def _why(rung: Rung, error: Exception) -> str:
    return f"{rung.source} {rung.ref.sha256[:12]}: {_in_short(error)}"


def _in_short(error: Exception) -> str:
    if isinstance(error, (ModelError, StoreError)):
        return f"required {error.required}, found {error.found}"
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
