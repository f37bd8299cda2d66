"""Landing: the sources of one date, ingested and validated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows import arrivals, mends, relanding
from flows.clock import attempt_name
from flows.pipeline import Pipeline
from tasks.core.artifacts import Quarantined, Ref, Valid
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.keys import code_digest
from tasks.core.ledger import check_balance
from tasks.core.records import Commit
from tasks.core.results import Ingested, LedgerLine, Validated
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.ingest.arrivals import Kept
from tasks.ingest.task import ingest, merge
from tasks.validate.task import mend, validate


@dataclass(frozen=True, slots=True)
class Landing:
    """One date's sources, landed and split.

    Args:
        inputs: SHA-256 of each landed table, and of the date's mends, by URI.
        quarantine: rows that could not be typed, one table for each source that had some.
        validated: the valid tables, and the rows the suites held back.
        ledger: what became of every row so far.
        new_columns: columns that were taken along undeclared, by table.
        arrivals: digest of the arrivals that went in, of each source that is read piece by piece.
        elsewhere: rows that arrived on the date and belong to others, by table and date.
    """

    inputs: Mapping[str, str]
    quarantine: tuple[Ref[Quarantined], ...]
    validated: Validated
    ledger: tuple[LedgerLine, ...]
    new_columns: Mapping[str, tuple[str, ...]]
    arrivals: Mapping[str, str]
    elsewhere: Mapping[str, Mapping[dt.date, int]]

    @property
    def held(self) -> tuple[Ref[Quarantined], ...]:
        """Every row that is held back, whichever stage did."""
        return (*self.quarantine, *self.validated.quarantine)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know of the sources, one sentence each."""
        return tuple(
            f"{table} has columns that are not declared, taken along as text: {', '.join(names)}"
            for table, names in self.new_columns.items()
        ) + tuple(
            f"{table} has rows that came late, of "
            + ", ".join(f"{day} ({rows:,})" for day, rows in dates.items())
            for table, dates in self.elsewhere.items()
            if dates
        )


def land(
    run: Run,
    pipeline: Pipeline,
    names: Sequence[str],
    past: Sequence[Ref[Valid]] | None = None,
    again: Commit | None = None,
) -> Landing:
    """Ingest, mend and validate some of a pipeline's sources for the run's batch date.

    What is read piece by piece was taken before; it lands from what is kept of it.

    Args:
        run: the run.
        pipeline: the pipeline.
        names: the sources.
        past: the event tables of the dates before, for checks against their row counts.
        again: what the date has, where sources that are read whole are to stay as they are.
    """
    config = pipeline.config
    known = arrivals.all_kept(pipeline)
    inputs, sources = _sources(run, pipeline, names, known, again)
    day = dt.date.fromisoformat(run.batch)
    validated = validate(
        run,
        config.validation,
        {name: suite for name, suite in pipeline.suites.items() if name in sources},
        {name: source.table for name, source in sources.items()},
        {config.event.table: [ref.rows for ref in past]} if past is not None else {},
        absent=set(config.sources) - set(sources),
    )
    return Landing(
        inputs,
        tuple(source.quarantine for source in sources.values() if source.quarantine),
        validated,
        (*(source.ledger for source in sources.values()), *validated.ledger),
        {name: source.new_columns for name, source in sources.items() if source.new_columns},
        arrivals.digests(known, names, day),
        {name: known[name].elsewhere(day) for name in names if name in known},
    )


def _sources(
    run: Run,
    pipeline: Pipeline,
    names: Sequence[str],
    known: Mapping[str, Kept],
    again: Commit | None,
) -> tuple[dict[str, str], dict[str, Ingested]]:
    """The sources with the date's mends applied, and the digests of all that was read."""
    sources = {name: _source(run, pipeline, name, known.get(name), again) for name in names}
    kept = mends.stored(pipeline, run.batch)
    if kept is not None:
        sources = {name: mend(run, name, source, kept) for name, source in sources.items()}
    tables = {source.table.uri: source.table.sha256 for source in sources.values()}
    return tables | ({kept.uri: kept.sha256} if kept else {}), sources


def _source(
    run: Run, pipeline: Pipeline, name: str, known: Kept | None, again: Commit | None
) -> Ingested:
    day = dt.date.fromisoformat(run.batch)
    if known is not None:
        return merge(run, known.feed, known.inputs(day), arrivals.base(pipeline, known, day))
    if again is not None and (ingested := relanding.ingested(again, name)):
        return ingested
    source = pipeline.config.sources[name]
    zone = pipeline.config.timezone
    return ingest(run, name, source, pipeline.secrets, pipeline.folder, zone)


def landed(
    pipeline: Pipeline,
    day: dt.date,
    names: Sequence[str],
    known: Mapping[str, Kept] | None = None,
) -> dict[str, Ref[Valid]]:
    """The valid tables of a date, made from all that is kept; what it lacks is landed now.

    Args:
        pipeline: the pipeline.
        day: the date.
        names: the sources.
        known: what is kept for the date, where that was taken already.
    """
    if known is None:
        known, failures = arrivals.cover(pipeline, names, [day])
        for error in failures.values():
            raise error
    record = last_commit(pipeline.store, pipeline.name, str(day))
    tables = _valid(pipeline, record)
    if record is not None and set(arrivals.stale(record, known)) & set(names):
        tables |= _land_anew(pipeline, day, [*tables], record)
    tables = {name: ref for name, ref in tables.items() if name in names}
    missing = [name for name in names if name not in tables]
    if missing:
        record = last_commit(pipeline.store, pipeline.name, str(day))
        tables |= _land_apart(pipeline, day, missing, record)
    return tables


def land_again(pipeline: Pipeline, record: Commit) -> dict[str, Ref[Valid]]:
    """Land what a date that was only landed has, from its sources and its mends as they are now."""
    names = list(_valid(pipeline, record))
    day = dt.date.fromisoformat(record.batch)
    arrivals.take_night(pipeline, day, names)
    return _land_apart(pipeline, day, names, None)


def _valid(pipeline: Pipeline, record: Commit | None) -> dict[str, Ref[Valid]]:
    """The valid tables a date has."""
    if record is None:
        return {}
    uris = {
        name: table_uri("valid", pipeline.name, name, record.batch)
        for name in pipeline.config.sources
    }
    found = {name: record.find(Valid, uri) for name, uri in uris.items()}
    return {name: ref for name, ref in found.items() if ref is not None}


def _land_apart(
    pipeline: Pipeline, day: dt.date, names: Sequence[str], record: Commit | None
) -> dict[str, Ref[Valid]]:
    """Land sources of a date without its night, beside what the record has of it."""
    with open_run(pipeline.store, pipeline.name, str(day), attempt_name()) as run:
        for ref in record.files if record else ():
            run.keep(ref)
        landing = land(run, pipeline, names)
        check_balance(landing.ledger)
        before: Mapping[str, Any] = record.facts if record else {"kind": "landing", "ledger": []}
        ledger = [*before["ledger"], *(asdict(line) for line in landing.ledger)]
        held = [*before.get("held", []), *(ref.uri for ref in landing.held)]
        versions = {"config_sha256": pipeline.digest, "code_sha256": code_digest()}
        merged = {**before.get("arrivals", {}), **landing.arrivals}
        commit(run, {**versions, **before, "ledger": ledger, "held": held, "arrivals": merged})
    return dict(landing.validated.tables)


def _land_anew(
    pipeline: Pipeline, day: dt.date, names: Sequence[str], record: Commit
) -> dict[str, Ref[Valid]]:
    """Land a date from all that is kept for it by now, without asking any source.

    Where the date has a night, its scores stay, and it is stale until it is run again.
    """
    with open_run(pipeline.store, pipeline.name, str(day), attempt_name()) as run:
        for ref in relanding.files_to_keep(record, names, pipeline.config.sources):
            run.keep(ref)
        landing = land(run, pipeline, names, again=record)
        check_balance(landing.ledger)
        facts = {
            **record.facts,
            "held": [ref.uri for ref in landing.held],
            "arrivals": {**record.facts.get("arrivals", {}), **landing.arrivals},
        }
        if record.facts["kind"] == "landing":
            facts["ledger"] = [asdict(line) for line in landing.ledger]
        commit(run, facts)
    return dict(landing.validated.tables)
