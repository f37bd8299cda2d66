"""Whom a date asks for scores: whom it asked when it was run before, else whom the circuits say.

How long a model takes is no function of the input. So which models were late or left alone is part
of what a published night was made of: its record keeps it, and the same input run again repeats it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from flows import circuits
from flows.pipeline import Pipeline
from tasks.core.commit import last_commit
from tasks.core.errors import IntegrityError
from tasks.core.keys import code_digest, digest
from tasks.core.results import Passed, Scored
from tasks.score.ladder import Unasked

FACT = circuits.FACT
_REPEATED = ("late", "rests")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a date does not ask.

    Args:
        unasked: the models, `<version>/<role>`.
        slow_challengers: versions that were too slow to score beside the champion, with why.
    """

    unasked: Mapping[str, Unasked]
    slow_challengers: Mapping[str, str] = field(default_factory=dict)


def asked(pipeline: Pipeline, day: dt.date, inputs: Mapping[str, str], again: bool) -> Asked:
    """Whom a date does not ask.

    Args:
        pipeline: the pipeline.
        day: the date.
        inputs: SHA-256 of each table it reads, by URI.
        again: whether models are asked that were not, or were too slow, when it was run before.
    """
    before = None if again else _before(pipeline, day, inputs)
    if before is None:
        return Asked({m: ("rests", why) for m, why in circuits.resting(pipeline, day).items()})
    passed = TypeAdapter(list[Passed]).validate_python(before["passed"])
    repeated = {each.model: (each.kind, each.why) for each in passed if each.kind in _REPEATED}
    return Asked(repeated, before["slow_challengers"])


def fact(
    pipeline: Pipeline,
    inputs: Mapping[str, str],
    scored: Scored,
    slow_challengers: Mapping[str, str],
) -> dict[str, Any]:
    """What a night's commit record keeps of the models that were asked."""
    return {
        "scored": f"{scored.model_version}/{scored.role}",
        "passed": [asdict(each) for each in scored.passed],
        "slow_challengers": dict(slow_challengers),
        "basis": _basis(pipeline, inputs),
    }


def _before(
    pipeline: Pipeline, day: dt.date, inputs: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """What the published night of a date kept, where it was made of the same."""
    with suppress(IntegrityError):  # what cannot be read must not keep a model from being asked
        record = last_commit(pipeline.store, pipeline.name, str(day))
        kept: Mapping[str, Any] = record.facts.get(FACT, {}) if record else {}
        if kept.get("basis") == _basis(pipeline, inputs):
            return kept
    return None


def _basis(pipeline: Pipeline, inputs: Mapping[str, str]) -> str:
    """A digest of what a night depends on beside its models."""
    return digest({"config": pipeline.digest, "code": code_digest(), "inputs": dict(inputs)})
