"""What the pages of nights say of the alerts that earlier nights drew by lot."""

from __future__ import annotations

import datetime as dt

from flows.pipeline import Pipeline
from tasks.core.commit import last_commit
from tasks.monitor.quality import Realised

UNIT = "realised"  # the batch under which monitoring publishes
_FACT = "exploration"


def explored_fact(realised: Realised, known_by: dt.date) -> dict[str, dict[str, str]]:
    """What monitoring's record keeps of it."""
    if realised.exploration is None:
        return {}
    return {_FACT: {"known_by": str(known_by), "sentence": realised.exploration.sentence}}


def explored_sentence(pipeline: Pipeline, day: str) -> str:
    """What was known of it by a night; empty where nothing was drawn or measured."""
    record = last_commit(pipeline.store, pipeline.name, UNIT)
    kept = record.facts.get(_FACT) if record else None
    if kept is None or kept["known_by"] > day:
        return ""
    return f"Known by {kept['known_by']}: {kept['sentence']}"
