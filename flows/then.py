"""Which models served a pipeline on a date of the past."""

from __future__ import annotations

import datetime as dt

from flows.pipeline import Pipeline
from tasks.core.artifacts import Model, Ref
from tasks.core.commit import last_commit
from tasks.models.aliases import BATCH, Aliases, read_aliases


def aliases_then(pipeline: Pipeline, day: dt.date) -> tuple[Aliases, str]:
    """The champion and the one before it as a date had them.

    Where the pipeline was in use by then, the moves of its aliases say which they were. Of a date
    from before that, a champion counts from the day by which its labels were known.

    Returns:
        The aliases, and why they are today's instead; empty where they are not.
    """
    today = read_aliases(pipeline.store, pipeline.name)
    champions = _moved_by(today, day) or _known_before(today, day)
    if not champions:
        return today, f"no model was trained before {day}: today's champion scored"
    found = [ref for version in champions if (ref := _kept(pipeline, version))]
    if not found or found[0] != _kept(pipeline, champions[0]):
        return today, (
            f"the champion of {day}, {champions[0]}, is no longer kept "
            "(training.keep_versions): today's scored"
        )
    previous = found[1] if len(found) > 1 else None
    return Aliases(found[0], previous, today.history), ""


def _moved_by(aliases: Aliases, day: dt.date) -> list[str]:
    """The champions that were made by the end of a date, the latest first."""
    moves = (
        move.version
        for move in reversed(aliases.moves)
        if move.alias == "champion" and dt.datetime.fromisoformat(move.at).date() <= day
    )
    return list(dict.fromkeys(moves))


def _known_before(aliases: Aliases, day: dt.date) -> list[str]:
    """The champions whose labels were known before a date, the latest first."""
    crowned = {move.version for move in aliases.moves if move.alias == "champion"}
    known = [
        entry
        for entry in aliases.history
        if dt.date.fromisoformat(entry.known_by) < day and entry.version in crowned
    ]
    return [entry.version for entry in sorted(known, key=lambda e: e.known_by, reverse=True)]


def _kept(pipeline: Pipeline, version: str) -> Ref[Model] | None:
    record = last_commit(pipeline.store, pipeline.name, BATCH)
    uri = f"models/{pipeline.name}/{version}/model.json"
    return record.find(Model, uri) if record else None
