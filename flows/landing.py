"""Landing: the sources of one date, ingested and validated, and the dates a window lacks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from flows.clock import attempt_name
from flows.pipeline import Pipeline
from tasks.core.artifacts import LedgerLine, Quarantined, Ref, Valid, Validated
from tasks.core.commit import Run, commit, last_commit, open_run
from tasks.core.errors import DataError, SourceMissingError
from tasks.core.keys import code_digest
from tasks.core.ledger import check_balance
from tasks.core.store import table_uri
from tasks.ingest.task import ingest
from tasks.validate.suites import tables_needed
from tasks.validate.task import validate


@dataclass(frozen=True, slots=True)
class Landing:
    """One date's sources, landed and split.

    Args:
        inputs: SHA-256 of each landed table, by URI.
        quarantine: rows that could not be typed, one table for each source that had some.
        validated: the valid tables, and the rows the suites held back.
        ledger: what became of every row so far.
    """

    inputs: Mapping[str, str]
    quarantine: tuple[Ref[Quarantined], ...]
    validated: Validated
    ledger: tuple[LedgerLine, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The valid event tables of a range of dates.

    Args:
        tables: one reference for each date that has one, in order.
        gaps: open dates whose data are missing or unfit, with the reason.
    """

    tables: Mapping[dt.date, Ref[Valid]]
    gaps: Mapping[dt.date, str]

    def between(self, first: dt.date, last: dt.date) -> tuple[Ref[Valid], ...]:
        """The tables from first to last, both included."""
        return tuple(ref for day, ref in self.tables.items() if first <= day <= last)


def land(run: Run, pipeline: Pipeline, names: Sequence[str], past: Window | None = None) -> Landing:
    """Ingest and validate some of a pipeline's sources for the run's batch date.

    Args:
        run: the run.
        pipeline: the pipeline.
        names: the sources.
        past: the dates before, for checks against their row counts.
    """
    config = pipeline.config
    sources = {
        name: ingest(run, name, config.sources[name], pipeline.secrets, pipeline.folder)
        for name in names
    }
    validated = validate(
        run,
        config.validation,
        {name: suite for name, suite in pipeline.suites.items() if name in sources},
        {name: source.table for name, source in sources.items()},
        {config.event.table: [ref.rows for ref in past.tables.values()]} if past else {},
        absent=set(config.sources) - set(sources),
    )
    return Landing(
        {source.table.uri: source.table.sha256 for source in sources.values()},
        tuple(source.quarantine for source in sources.values() if source.quarantine),
        validated,
        (*(source.ledger for source in sources.values()), *validated.ledger),
    )


def landed(pipeline: Pipeline, day: dt.date, names: Sequence[str]) -> dict[str, Ref[Valid]]:
    """The valid tables of a date, as its last commit has them; what it lacks is landed now."""
    record = last_commit(pipeline.store, pipeline.name, str(day))
    found = {
        name: record.find(Valid, table_uri("valid", pipeline.name, name, str(day)))
        for name in names
        if record
    }
    tables = {name: ref for name, ref in found.items() if ref is not None}
    missing = [name for name in names if name not in tables]
    if not missing:
        return tables
    with open_run(pipeline.store, pipeline.name, str(day), attempt_name()) as run:
        for ref in record.files if record else ():
            run.keep(ref)
        landing = land(run, pipeline, missing)
        check_balance(landing.ledger)
        before = record.facts if record else {"kind": "landing", "ledger": []}
        ledger = [*before["ledger"], *(asdict(line) for line in landing.ledger)]
        versions = {"config_sha256": pipeline.digest, "code_sha256": code_digest()}
        commit(run, {**versions, **before, "ledger": ledger})
    return tables | dict(landing.validated.tables)


def window(pipeline: Pipeline, first: dt.date, last: dt.date) -> Window:
    """The valid event tables from first to last, landing the dates that never were.

    A night's features are a function of its window, so the window has to be whole before the
    night may use it, in whatever order the nights are run.
    """
    table = pipeline.config.event.table
    names = [table, *sorted(_needed(pipeline, table))]
    tables: dict[dt.date, Ref[Valid]] = {}
    gaps: dict[dt.date, str] = {}
    for day in pipeline.config.calendar.open_days(first, last):
        try:
            tables[day] = landed(pipeline, day, names)[table]
        except (DataError, SourceMissingError) as error:
            gaps[day] = f"{error.required}; found {error.found}"
    return Window(tables, gaps)


def _needed(pipeline: Pipeline, table: str) -> frozenset[str]:
    suite = pipeline.suites.get(table)
    return tables_needed(suite, pipeline.config.validation) if suite else frozenset()
