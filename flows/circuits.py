"""The circuits of a pipeline's models, read from what its nights before a date tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice

from pydantic import TypeAdapter

from flows.pipeline import Pipeline
from tasks.core.commit import last_commit
from tasks.core.errors import IntegrityError
from tasks.core.records import Commit
from tasks.core.results import Passed
from tasks.score.circuit import Board, after_night, reach

FACT = "asked"  # of a night's record: which models scored, and which gave no scores
_YEAR_DAYS = 366


def board(pipeline: Pipeline, day: dt.date) -> Board:
    """The models that were late in their latest night before a date."""
    found: Board = {}
    rungs = TypeAdapter(list[Passed])
    for record in reversed([*_nights(pipeline, day)]):
        asked = record.facts[FACT]
        found = after_night(found, rungs.validate_python(asked["passed"]), asked["scored"])
    return found


def resting(pipeline: Pipeline, day: dt.date) -> Mapping[str, str]:
    """The models that are not asked on a date, with why."""
    config = pipeline.config.scoring.circuit
    return {
        model: f"was late {each.failures} times in a row, the last time because: {each.why}; "
        f"asked again in {config.rest - each.rested} nights"
        for model, each in board(pipeline, day).items()
        if each.state(config) == "open"
    }


def _nights(pipeline: Pipeline, day: dt.date) -> Iterator[Commit]:
    """The published nights of the open dates before a date, newest first.

    What cannot be read must not keep a model from being asked.
    """
    before = (day - dt.timedelta(days=i) for i in range(1, _YEAR_DAYS))
    is_open = pipeline.config.calendar.is_open
    for each in islice(filter(is_open, before), reach(pipeline.config.scoring.circuit)):
        with suppress(IntegrityError):
            record = last_commit(pipeline.store, pipeline.name, str(each))
            if record and FACT in record.facts:
                yield record
