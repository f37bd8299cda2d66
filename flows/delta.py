"""Delta tables of a pipeline, brought up to what its commits say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable

import polars as pl

from flows.clock import attempt_name
from flows.pipeline import Pipeline
from tasks.core.artifacts import Ref, Report
from tasks.core.commit import committed_batches, open_run
from tasks.core.records import Commit
from tasks.report import delta

UNIT = "delta"
_TABLE = re.compile(r"reports/[^/]+/([^/]+)/batch_date=(\d{4}-\d{2}-\d{2})/[^/]+\.parquet")
_WAIT_SECONDS = 600.0

Published = dict[tuple[str, str], list[Ref[Report]]]


def roll_forward(pipeline: Pipeline) -> int:
    """Bring the Delta tables up to the Parquet tables, where the pipeline has any.

    Each batch date of each table is overwritten on its own, and then noted; what a kill left
    unnoted is written once more, which changes nothing.

    Returns:
        How many batch dates of tables were written or taken away.
    """
    if pipeline.config.report.format != "delta":
        return 0
    delta.check_installed(f"{pipeline.file.path} (report.format)")
    store, name = pipeline.store, pipeline.name
    folder = store.path(f"{UNIT}/{name}")
    with open_run(store, name, UNIT, attempt_name(), _WAIT_SECONDS):
        published = _published(committed_batches(store, name))
        origins = delta.read_origins(folder)
        changed = 0
        for (table, day), refs in sorted(published.items()):
            sources = {ref.uri: ref.sha256 for ref in refs}
            if origins.get(table, {}).get(day) != sources:
                rows = pl.concat([store.scan(ref) for ref in refs], how="diagonal_relaxed")
                delta.overwrite(folder / table, table, day, rows)
                origins.setdefault(table, {})[day] = sources
                delta.write_origins(folder, origins)
                changed += 1
        gone = [
            (table, day)
            for table, dates in origins.items()
            for day in dates
            if (table, day) not in published
        ]
        for table, day in gone:
            delta.withdraw(folder / table, day)
            del origins[table][day]
            delta.write_origins(folder, origins)
    return changed + len(gone)


def renew(pipeline: Pipeline) -> None:
    """Make the Delta tables anew from nothing: no old file of theirs keeps what was removed."""
    folder = pipeline.store.path(f"{UNIT}/{pipeline.name}")
    if folder.is_dir():
        with open_run(pipeline.store, pipeline.name, UNIT, attempt_name(), _WAIT_SECONDS):
            shutil.rmtree(folder)
    roll_forward(pipeline)


def _published(records: Iterable[Commit]) -> Published:
    """The files of each batch date of each public table, in the order of their names."""
    found: Published = {}
    for record in records:
        for ref in record.files:
            place = _TABLE.fullmatch(ref.uri)
            if place is not None and ref.stage == Report.__name__.lower():
                found.setdefault((place[1], place[2]), []).append(ref)
    return {key: sorted(refs, key=lambda ref: ref.uri) for key, refs in found.items()}
