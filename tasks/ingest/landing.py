"""Write what a reader hands on: the landed table, the quarantine, and the sum of both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import polars as pl

from tasks.core import quarantine
from tasks.core.artifacts import Landed, Quarantined
from tasks.core.ledger import check_balance
from tasks.core.results import Ingested, LedgerLine
from tasks.core.run import OpenTable, Run
from tasks.core.store import table_uri
from tasks.ingest.evolving import NewColumns
from tasks.ingest.parts import Part, held_rows, landed_rows, landed_schema
from tasks.ingest.schema import Source


def land(run: Run, name: str, source: Source, parts: Iterator[Part]) -> Ingested:
    """Write the parts of a source in bounded memory.

    Args:
        run: the run that takes them in.
        name: the source's name.
        source: its declaration.
        parts: its records, in order.

    Raises:
        LedgerError: a reader lost or doubled a record.
    """
    seen = landed_count = held_count = 0
    held: OpenTable[Quarantined] | None = None
    with ExitStack() as stack:
        uri = table_uri("landed", run.pipeline, name, run.batch)
        new = NewColumns(run, name, source, stack)
        landed = stack.enter_context(run.open_table(Landed, landed_schema(source), uri))
        for part in read_ahead(parts):
            seen += part.seen
            landed_count += part.rows.height
            held_count += len(part.held)
            landed.add(landed_rows(part, source))
            new.add(part)
            if part.held:
                held = held or stack.enter_context(_open_quarantine(run, name))
                held.add(held_rows(part, name))
    line = LedgerLine("ingest", name, seen, landed_count, held_count)
    check_balance([line])
    assert landed.ref is not None
    table = new.join(landed.ref)
    return Ingested(table, held.ref if held else None, line, new.names)


def _open_quarantine(run: Run, name: str) -> AbstractContextManager[OpenTable[Quarantined]]:
    uri = table_uri("quarantine", run.pipeline, name, run.batch, "ingest.parquet")
    return run.open_table(Quarantined, pl.Schema(quarantine.SCHEMA), uri)


def read_ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """Have the next part read, in one thread of its own, while this one is being written."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest") as reader:
        # An interrupt while a thread starts leaves one that the executor does not know of, and
        # another would close what it reads: it starts before there is anything to read.
        reader.submit(bool).result()
        try:
            coming = reader.submit(next, parts, None)
            while (part := coming.result()) is not None:
                coming = reader.submit(next, parts, None)
                yield part
        finally:
            # A database's cursor is closed by the thread that opened it.
            close = getattr(parts, "close", None)
            if close is not None:
                reader.submit(close).result()
