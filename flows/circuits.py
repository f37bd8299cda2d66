"""The circuits of a pipeline's models in its store: read before a night, renewed after it."""

from __future__ import annotations

from collections.abc import Mapping

from flows import clock
from flows.pipeline import Pipeline
from tasks.core.artifacts import Circuits, Scored
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import IntegrityError
from tasks.score.circuit import Board, after_night, from_json, to_json

UNIT = "circuits"
_WAIT_SECONDS = 60.0


def board(pipeline: Pipeline) -> Board:
    """The models that failed in their latest night; none where that cannot be read.

    What cannot be read must not keep a model from being asked.
    """
    try:
        record = last_commit(pipeline.store, pipeline.name, UNIT)
        ref = record.find(Circuits, _uri(pipeline)) if record else None
        return from_json(pipeline.store.read_bytes(ref), ref.uri) if ref else {}
    except IntegrityError:
        return {}


def resting(pipeline: Pipeline) -> Mapping[str, str]:
    """The models that are not asked tonight, with why."""
    config = pipeline.config.scoring.circuit
    return {
        model: f"failed {each.failures} nights in a row, the last time because: {each.why}; "
        f"asked again in {config.rest - each.rested} nights"
        for model, each in board(pipeline).items()
        if each.state(config) == "open"
    }


def note(pipeline: Pipeline, scored: Scored) -> None:
    """Keep what a published night tells of its models."""
    before = board(pipeline)
    after = after_night(before, scored.passed, f"{scored.model_version}/{scored.role}")
    if after == before:
        return
    with open_run(pipeline.store, pipeline.name, UNIT, clock.attempt_name(), _WAIT_SECONDS) as run:
        run.write_bytes(Circuits, to_json(after), _uri(pipeline))
        commit(run, {"kind": UNIT})


def _uri(pipeline: Pipeline) -> str:
    return f"circuits/{pipeline.name}/circuits.json"
