"""`lamplighter show`: rows of a published table, and how a table is found and verified."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from flows import terminal
from flows.commands import only_pipeline
from flows.pipeline import Pipeline, load
from tasks.core.artifacts import Ref
from tasks.core.binary import as_base64
from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import ConfigError, DataError, IntegrityError
from tasks.models.aliases import BATCH


def show(table: str, name: str | None, date: dt.date | None, rows: int, as_json: bool) -> None:
    """Show rows of a published table, verified."""
    pipeline = load(name or only_pipeline())
    ref = find(pipeline, table, date)
    frame = pipeline.store.scan(ref).collect()
    if as_json:
        told = [as_base64(column, dtype) for column, dtype in frame.schema.items()]
        terminal.out.file.write(frame.head(rows).select(told).write_ndjson())
        return
    terminal.print_records(frame.head(rows).to_dicts(), frame.columns)
    path = pipeline.store.path(ref.uri)
    terminal.out.print(f"{frame.height:,} rows in {path}", soft_wrap=True)


def find(pipeline: Pipeline, table: str, date: dt.date | None) -> Ref[Any]:
    """The reference under which a public table was committed, of a date or of the latest one.

    Raises:
        ConfigError: there is no such table; those that are there are named.
        DataError: the table has nothing for that date.
        IntegrityError: no commit lists the file.
    """
    folder = pipeline.store.root / "reports" / pipeline.name
    tables = sorted(entry.name for entry in folder.glob("*") if any(entry.rglob("*.parquet")))
    if table not in tables:
        raise ConfigError(
            "a published table: " + (", ".join(tables) or "none is published yet"),
            found=repr(table),
            where=str(folder),
            do=f"Run a night first: lamplighter run {pipeline.name} --date D"
            if not tables
            else "Name one of these.",
        )
    files = sorted((folder / table).glob(f"batch_date={date or '*'}/*.parquet"))
    if not files:
        dates = sorted(entry.name.partition("=")[2] for entry in (folder / table).iterdir())
        raise DataError(
            f"a file of {table} for {date}",
            found=f"dates from {dates[0]} to {dates[-1]}" if dates else "none",
            where=str(folder / table),
            do=f"Run that night: lamplighter run {pipeline.name} --date {date}",
        )
    return _committed(pipeline, files[-1])


def _committed(pipeline: Pipeline, path: Path) -> Ref[Any]:
    store, uri = pipeline.store, path.relative_to(pipeline.store.root).as_posix()
    date = path.parent.name.partition("=")[2]
    likely = (last_commit(store, pipeline.name, batch) for batch in (date, BATCH))
    for record in (*filter(None, likely), *committed_batches(store, pipeline.name)):
        for ref in record.files:
            if ref.uri == uri:
                return ref
    raise IntegrityError(
        "a file that a commit lists",
        found="none that does",
        where=str(path),
        do="Run its batch date again, or take the file away: nobody can say what it holds.",
    )
