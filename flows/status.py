"""`lamplighter status`: where pipelines stand, read from their stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flows import circuits, clock, delta, terminal
from flows.pipeline import Pipeline, load
from flows.service.missing import PATIENCE, missing_nights
from flows.service.places import names_a_pipeline
from tasks.core import lease
from tasks.core.artifacts import Report
from tasks.core.commit import committed_batches, last_commit, recover
from tasks.core.errors import ConfigError, IntegrityError
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.models.aliases import BATCH, find_aliases

_INCIDENT = "incident-"
_NIGHT = ("batch_date", "alerts", "rows_scored", "score_source", "model_version", "reason")


def show(names: Sequence[str], as_json: bool) -> None:
    """Say where each pipeline stands."""
    found = [describe(load(name)) for name in names or _all_here()]
    if as_json:
        terminal.print_json(found)
        return
    for each in found:
        rows = [{"": name, each["pipeline"]: value} for name, value in _lines(each)]
        terminal.out.print(terminal.table("", rows))


def describe(pipeline: Pipeline) -> dict[str, Any]:
    """Where one pipeline stands, as a program reads it."""
    recover(pipeline.store, pipeline.name)
    records = list(committed_batches(pipeline.store, pipeline.name))
    nights = {record.batch: record for record in records if record.facts.get("kind") == "night"}
    last = nights[max(nights)] if nights else None
    missing = missing_nights(pipeline, clock.now())
    return {
        "pipeline": pipeline.name,
        "last_night": _night(pipeline, last) if last else None,
        "nights": len(nights),
        "models": _models(pipeline),
        "circuits": _circuits(pipeline, last) if last else {},
        "missing": {str(day): late // PATIENCE for day, late in missing.items()},
        "held": _held(pipeline),
        "open_incidents": list(_open_incidents(records, nights)),
        "delta_behind": delta.behind(pipeline),
        "nobody_told": pipeline.unheard(),
    }


def _night(pipeline: Pipeline, record: Commit) -> dict[str, Any]:
    uri = table_uri("reports", pipeline.name, "runs", record.batch, "night.parquet")
    ref = record.find(Report, uri)
    told: dict[str, Any] = {"batch_date": record.batch}
    try:
        row = pipeline.store.scan(ref).collect().to_dicts()[0] if ref else {}
    except IntegrityError as error:
        return {**told, "reason": f"required {error.required}, found {error.found}"}
    told |= {name: row.get(name) for name in (*_NIGHT[1:], "warnings")}
    return told


def _models(pipeline: Pipeline) -> dict[str, str]:
    try:
        aliases = find_aliases(pipeline.store, last_commit(pipeline.store, pipeline.name, BATCH))
    except IntegrityError as error:
        return {"damaged": error.where}
    return {str(k): v for k, v in aliases.versions.items()} if aliases else {}


def _circuits(pipeline: Pipeline, last: Commit) -> dict[str, dict[str, Any]]:
    """As the night after the last one finds them."""
    day = dt.date.fromisoformat(last.batch) + dt.timedelta(days=1)
    config = pipeline.config.scoring.circuit
    return {
        model: {
            "state": each.state(config),
            "failures": each.failures,
            "nights_rested": each.rested,
            "why": each.why,
        }
        for model, each in circuits.board(pipeline, day).items()
    }


def _held(pipeline: Pipeline) -> list[str]:
    """The units that a living run holds."""
    folder = pipeline.store.root / "leases" / pipeline.name
    return [lock.stem for lock in sorted(folder.glob("*.lock")) if lease.is_held(lock)]


def _open_incidents(records: Sequence[Commit], nights: dict[str, Commit]) -> Iterator[str]:
    """Dates that were stopped, and not run to the end since."""
    for record in records:
        day = record.batch.removeprefix(_INCIDENT)
        if day != record.batch and (day not in nights or nights[day].attempt < record.attempt):
            yield day


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    night = found["last_night"]
    yield "last night", _verdict(night) if night else "none yet"
    for warning in (night or {}).get("warnings") or ():
        yield "warning", warning
    yield "nights", f"{found['nights']:,}"
    yield from found["models"].items()
    for model, each in found["circuits"].items():
        yield f"circuit {each['state']}", f"{model}, late {each['failures']} times: {each['why']}"
    if not found["circuits"]:
        yield "circuits", "all closed"
    for day, hours in found["missing"].items():
        yield "missing", f"{day}, due {hours:,} hours ago"
    yield "running", ", ".join(found["held"]) or "nothing"
    yield "open incidents", ", ".join(found["open_incidents"]) or "none"
    if behind := found["delta_behind"]:
        catch_up = f"lamplighter delta {found['pipeline']}"
        yield "Delta Lake", f"{behind:,} batch dates of tables behind; {catch_up} catches up"
    for sentence in found["nobody_told"]:
        yield "warning", sentence


def _verdict(night: dict[str, Any]) -> str:
    if "alerts" not in night:
        return f"{night['batch_date']}: {night['reason']}"
    degraded = f"; {night['reason']}" if night["reason"] else ""
    return (
        f"{night['batch_date']}: {night['alerts']:,} alerts from {night['rows_scored']:,} events, "
        f"scored by the {night['score_source']} {night['model_version']}{degraded}"
    )


def _all_here() -> list[str]:
    """The pipeline files at hand.

    Raises:
        ConfigError: there is none.
    """
    places = (Path(), Path("pipelines"), Path("lamplighter-demo"))
    files = [
        str(f) for place in places for f in sorted(place.glob("*.yaml")) if names_a_pipeline(f)
    ]
    if files:
        return files
    raise ConfigError(
        "a pipeline file here, in pipelines/ or in lamplighter-demo/",
        found="none",
        where=str(Path.cwd()),
        do="Name the pipelines: lamplighter status NAME…",
    )
