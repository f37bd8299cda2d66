"""`lamplighter export`: a published table as CSV, and beside it where it comes from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from flows import terminal
from flows.commands import only_pipeline, published
from flows.lineage import ORIGIN
from flows.pipeline import Pipeline, load
from tasks.core.artifacts import Ref
from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import IntegrityError
from tasks.core.files import write_over
from tasks.core.keys import canonical_json, digest_file
from tasks.models.aliases import BATCH


def run(table: str, name: str | None, date: dt.date | None, file: Path, as_json: bool) -> None:
    """Write a table of one batch date, verified, and say where it is."""
    pipeline = load(name or only_pipeline())
    ref = find(pipeline, published(pipeline, table, date))
    write(pipeline, ref, file)
    told = {"file": str(file), "rows": ref.rows, "from": ref.uri}
    if as_json:
        terminal.print_json(told)
    else:
        terminal.out.print(f"{ref.rows:,} rows in {file}, from {ref.uri}", soft_wrap=True)


def write(pipeline: Pipeline, ref: Ref[Any], file: Path) -> None:
    """Write a table as CSV, and `FILE.origin.json`, which `lamplighter lineage FILE` reads."""
    from tasks.report.export import write_csv

    write_csv(pipeline.store.scan(ref), file)
    origin = {
        "sha256": digest_file(file),
        "rows": ref.rows,
        "table": str(pipeline.store.path(ref.uri).absolute()),
        "table_sha256": ref.sha256,
    }
    write_over(file.with_name(file.name + ORIGIN), canonical_json(origin) + b"\n")


def find(pipeline: Pipeline, path: Path) -> Ref[Any]:
    """The reference under which a published file was committed.

    Raises:
        IntegrityError: no commit lists it.
    """
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
