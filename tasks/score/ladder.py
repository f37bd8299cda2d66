"""Something always scores: the champion, else the one before it, else XGBoost."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath

import numpy as np

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import (
    ModelError,
    ModelTooSlowError,
    NoScoresError,
    StoreError,
    in_one_line,
)
from tasks.core.keys import digest
from tasks.core.memory import lacks_memory
from tasks.core.results import Passed, PassedKind, Scored
from tasks.core.treatments import Learned
from tasks.models.aliases import Aliases
from tasks.models.bundle import Bundle, Facts, Reader, Role, open_bundle, version_of
from tasks.score.asking import Answer, Rung, Unscored, ask
from tasks.score.config import ScoringConfig
from tasks.score.distance import too_far

# What a broken model can raise besides our own errors: torch and XGBoost the first two, arrays that
# do not fit each other the next three; the others are a machine's that has too little memory for
# it, or cannot read its files.
BROKEN = (
    *(ModelError, StoreError, RuntimeError, ValueError),
    *(LookupError, TypeError, ArithmeticError, MemoryError, OSError),
)
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # nobody reads the rest of it
ANY = ScoringConfig(max_distance=None)
Unasked = tuple[PassedKind, str]  # why a model is not asked: it rests, or it was late before


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


def rungs(aliases: Aliases) -> Iterator[Rung]:
    """The places to ask, best first."""
    yield Rung("champion", aliases.champion, "model")
    if aliases.previous is not None:
        yield Rung("previous", aliases.previous, "model")
    yield Rung("fallback", aliases.champion, "fallback")
    if aliases.previous is not None:
        yield Rung("fallback", aliases.previous, "fallback")


def footings(
    reader: Reader, aliases: Aliases, passed: list[Passed], unasked: Mapping[str, Unasked]
) -> Iterator[Footing]:
    """The ladder, cut where the preparation changes, best rung first.

    A rung that cannot be read has no footing: neither what its weights nor what its preparation
    would have needed is made for it. Only the fallback's preparation may have gaps.

    Args:
        reader: what bundles are read through.
        aliases: which versions serve.
        passed: takes, for each rung that is not asked or cannot be read, why.
        unasked: the models that are not asked tonight, with why.
    """
    asked = []
    for rung in rungs(aliases):
        if rung.model in unasked:
            passed.append(without_scores(rung, *unasked[rung.model]))
        elif stand := _stand(reader, rung, passed):
            asked.append(stand)
    for key, group in itertools.groupby(asked, key=lambda stand: stand.key):
        own = list(itertools.dropwhile(lambda stand: not _reads(stand, passed), group))
        if own:
            facts = {stand.bundle.version: stand.bundle.facts for stand in own}
            same = (s.rung for s in asked if s.key == key and s.rung.role == "fallback")
            yield Footing(facts, own[0].learned, tuple(s.rung for s in own), tuple(same))


def first_footing(reader: Reader, aliases: Aliases) -> Footing:
    """What the best model that can be read stands on.

    Raises:
        NoScoresError: no model can be read.
    """
    passed: list[Passed] = []
    for footing in footings(reader, aliases, passed, {}):
        return footing
    raise NoScoresError(passed)


def _stand(reader: Reader, rung: Rung, passed: list[Passed]) -> _Stand | None:
    try:
        bundle = open_bundle(reader, rung.ref)
        learned = _preparation(bundle, rung)
    except BROKEN as error:
        passed.append(without_scores(rung, "failed", in_short(error)))
        return None
    key = digest({"record": asdict(learned.record), "files": sorted(learned.files)})
    return _Stand(rung, bundle, learned, key)


def _reads(stand: _Stand, passed: list[Passed]) -> bool:
    """Whether the rung's weights can be read."""
    try:
        stand.bundle.read(stand.rung.role)
    except BROKEN as error:
        passed.append(without_scores(stand.rung, "failed", in_short(error)))
        return False
    return True


def climb(
    unscored: Unscored, places: Iterable[Rung], limits: ScoringConfig = ANY
) -> tuple[Answer, tuple[Passed, ...]]:
    """Ask one rung after the other until one answers.

    The fallback has all the time it needs: something always scores.

    Args:
        unscored: the events.
        places: the rungs, best first.
        limits: when an answer is not taken.

    Returns:
        The answer, and the rungs before it that gave none.

    Raises:
        NoScoresError: no rung answered.
    """
    passed: list[Passed] = []
    for rung in places:
        seconds = limits.timeout.total_seconds() if rung.role == "model" else None
        try:
            answer = ask(unscored, rung, seconds)
        except BROKEN as error:
            kind: PassedKind = "late" if isinstance(error, ModelTooSlowError) else "failed"
            passed.append(without_scores(rung, kind, in_short(error)))
            continue
        evidence = answer.member.evidence
        reference = evidence.scores.astype(np.float64) if evidence else np.empty(0)
        if not (far := too_far(answer.scores, reference, limits.max_distance)):
            return answer, tuple(passed)
        passed.append(without_scores(rung, "far", far))
    raise NoScoresError(passed)


def _preparation(bundle: Bundle, rung: Rung) -> Learned:
    """All that its preparation needs; for the fallback, which always scores, what can be read."""
    return bundle.readable_preparation() if rung.role == "fallback" else bundle.preparation()


def from_the_top(aliases: Aliases, passed: Iterable[Passed]) -> tuple[Passed, ...]:
    """Rungs that gave no scores, best first, in whichever order that was found out."""
    places = [(rung.source, rung.model) for rung in rungs(aliases)]
    return tuple(sorted(passed, key=lambda each: places.index((each.source, each.model))))


def without_scores(rung: Rung, kind: PassedKind, why: str) -> Passed:
    """That a rung gave no scores, or none that are taken."""
    return Passed(rung.source, version_of(rung.ref), rung.role, kind, why)


def in_short(error: Exception) -> str:
    """What broke a model, in one line."""
    if isinstance(error, (ModelError, StoreError)):
        told = _DIGEST.sub(r"\1…", f"required {error.required}, found {error.found}")
        return f"{told} ({PurePath(error.where).name})" if error.where else told
    return f"{'not enough memory: ' if lacks_memory(error) else ''}{in_one_line(error)}"
