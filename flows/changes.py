"""Beside each night: why its alerts are others than those of the night before.

What a night is compared with may be published after it: in a backfill that runs backwards, or
when an earlier date is run again. So the comparison is no part of the night's run. It is published
beside it as soon as both nights are there, and anew whenever one of them is another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from flows.clock import attempt_name
from flows.pipeline import Pipeline
from flows.provenance import provenance
from flows.rescoring import Way, scores_of, way_of, worlds
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.records import Commit
from tasks.monitor import changes
from tasks.monitor.changes import Cut, Part
from tasks.report.task import publish_changes

FACT = "compared"
_DAY = dt.timedelta(days=1)
_LOOK_BACK_DAYS = 31
_WAIT_SECONDS = 60.0


def definitions(pipeline: Pipeline) -> dict[str, Any]:
    """What a night's commit keeps, so that it can be compared when the file says otherwise."""
    config = pipeline.config
    return {
        "decision": config.decision.model_dump(mode="json"),
        "features": config.features.model_dump(mode="json", by_alias=True),
        "prepare": config.prepare.model_dump(mode="json", by_alias=True),
    }


def keep_changes(pipeline: Pipeline, days: Iterable[dt.date]) -> list[str]:
    """Compare nights, and the nights after them, with the nights before, where that is due.

    Returns:
        What could not be compared, one sentence each: it stops nothing.
    """
    failed = []
    after = (_neighbour(pipeline, day, _DAY) for day in days)
    for day in sorted({*days, *filter(None, after)}):
        try:
            _keep(pipeline, day)
        except LamplighterError as error:
            failed.append(
                f"{day} was not compared with the night before: {error.required}; "
                f"found {error.found}"
            )
    return failed


def _neighbour(pipeline: Pipeline, day: dt.date, step: dt.timedelta) -> dt.date | None:
    """The next open date, or the last one with a negative step."""
    dates = (day + i * step for i in range(1, _LOOK_BACK_DAYS + 1))
    return next(filter(pipeline.config.calendar.is_open, dates), None)


def _keep(pipeline: Pipeline, day: dt.date) -> None:
    before = _neighbour(pipeline, day, -_DAY)
    nights = [_night(pipeline, before), _night(pipeline, day)] if before else []
    if None in nights or not nights:
        return
    first, second = (night for night in nights if night is not None)
    basis = {each.uri: each.sha256 for each in map(scores_of, (first, second))}
    if second.facts.get(FACT) == basis:
        return
    rows = _compare(pipeline, (first, second))
    with open_run(pipeline.store, pipeline.name, str(day), attempt_name(), _WAIT_SECONDS) as run:
        record = last_commit(pipeline.store, pipeline.name, str(day))
        if record is None or scores_of(record).sha256 != scores_of(second).sha256:
            return  # the night was run again meanwhile, and is compared by that run
        made = provenance(
            pipeline,
            str(day),
            basis,
            record.facts["model_version"],
            record.facts["run_id"],
        )
        for ref in record.files:
            run.keep(ref)
        publish_changes(run, rows, made)
        commit(run, {**record.facts, FACT: basis})


def _night(pipeline: Pipeline, day: dt.date) -> Commit | None:
    record = last_commit(pipeline.store, pipeline.name, str(day))
    return record if record is not None and record.facts.get("kind") == "night" else None


def _compare(pipeline: Pipeline, records: tuple[Commit, Commit]) -> pl.DataFrame:
    """The rows of the changes table."""
    ways = way_of(pipeline, records[0]), way_of(pipeline, records[1])
    nights = (_told(ways[0]), _told(ways[1]))
    changed = _changed(ways, nights)
    compared = worlds(pipeline, ways, changed)
    rows = [
        {
            "measure": measure,
            "part": part,
            "value": parts.get(part, 0.0),
            "changed": part in changed or part in parts,
            "detail": _detail(part, ways, nights, changed, parts),
            "before": was,
            "after": now,
            "compared_with": records[0].batch,
        }
        for measure, parts, was, now in changes.compare(compared, nights, changed)
        for part in changes.PARTS
    ]
    return pl.DataFrame(rows)


def _told(way: Way) -> changes.Night:
    rule = way.record.facts["definitions"]["decision"]
    cut = Cut.of(way.scored)
    if rule["kind"] == "threshold":
        if rule.get("value") is None:
            cut = Cut(probability=rule["probability"])
        elif rule["at"] == "predicted":
            cut = Cut(value=rule["value"])
    elif rule["kind"] == "cost":
        cut = Cut(probability=rule["review"] / rule["missed"], is_strict=True)
    return changes.Night(way.record.batch, cut, way.calibration, way.version)


def _changed(ways: tuple[Way, Way], nights: tuple[changes.Night, changes.Night]) -> list[Part]:
    last, now = ways
    same: dict[Part, bool] = {
        "data": False,
        "features": last.definitions == now.definitions,
        "model": last.version.split()[-1] == now.version.split()[-1]
        and (last.model or (None, ""))[1] == (now.model or (None, ""))[1],
        "threshold": nights[0].cut == nights[1].cut,
    }
    return [part for part, is_same in same.items() if not is_same]


def _detail(
    part: Part,
    ways: tuple[Way, Way],
    nights: tuple[changes.Night, changes.Night],
    changed: Sequence[Part],
    parts: dict[Part, float],
) -> str:
    if part == "together":
        return "features and model, or all, could not be told apart" if part in parts else ""
    if part not in changed:
        return "the same"
    if "together" in parts and part not in parts:
        return "not told apart: see together"
    return {
        "data": f"{ways[1].scored.height:,} events after {ways[0].scored.height:,}",
        "features": "other definitions, or another preparation learned",
        "model": f"{nights[1].model} after {nights[0].model}",
        "threshold": f"{_cut(nights[1].cut)} after {_cut(nights[0].cut)}",
    }[part]


def _cut(cut: Cut) -> str:
    if cut.probability is not None:
        return f"a probability of {cut.probability:g}"
    if cut.value is not None:
        return f"a value of {cut.value:,g}"
    return f"a score of {cut.score:.3g}"
