"""Great Expectations' Data Docs of a night, on request."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from flows import terminal
from flows.pipeline import load
from tasks.core.artifacts import Landed, Ref
from tasks.core.commit import last_commit
from tasks.core.errors import DataError
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.validate import suites

# What the gate judged: the table as it was after the last step that changed it.
_LATEST_FIRST = ("mended.parquet", "evolved.parquet", "part-0.parquet")


def write(name: str, date: dt.date, folder: Path) -> None:
    """Write the Data Docs of a date's landed tables and say where they are."""
    from expectations.data_docs import build

    pipeline = load(name)
    record = last_commit(pipeline.store, pipeline.name, str(date))
    landed = {table: _landed(record, table) for table in pipeline.suites if record}
    tables = {
        table: (
            pipeline.store.scan(ref).drop(SOURCE, LINE),
            suites.load(pipeline.suites[table], pipeline.config.validation, str(date)),
        )
        for table, ref in landed.items()
        if ref is not None
    }
    if not tables:
        raise DataError(
            "a landed date with a table that has a suite",
            found="none",
            where=f"pipeline {pipeline.name}, {date}",
            do=f"Run that night first: lamplighter run {pipeline.name} --date {date}",
        )
    terminal.tell_paths({"data docs": build(tables, folder)})


def _landed(record: Commit, table: str) -> Ref[Landed] | None:
    uris = (
        table_uri("landed", record.pipeline, table, record.batch, name) for name in _LATEST_FIRST
    )
    return next((ref for uri in uris if (ref := record.find(Landed, uri))), None)
