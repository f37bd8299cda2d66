"""Great Expectations' Data Docs of a night, on request."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from flows import terminal
from flows.pipeline import load
from tasks.core.artifacts import Landed
from tasks.core.commit import last_commit
from tasks.core.errors import DataError
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.store import table_uri
from tasks.validate import suites


def write(name: str, date: dt.date, folder: Path) -> None:
    """Write the Data Docs of a date's landed tables and say where they are."""
    from expectations.data_docs import build

    pipeline = load(name)
    record = last_commit(pipeline.store, pipeline.name, str(date))
    landed = {
        table: record.find(Landed, table_uri("landed", pipeline.name, table, str(date)))
        for table in pipeline.suites
        if record
    }
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
