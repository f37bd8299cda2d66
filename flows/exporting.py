"""`lamplighter export`: a published table as CSV, and beside it where it comes from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from flows import terminal
from flows.commands import only_pipeline
from flows.lineage import ORIGIN
from flows.pipeline import Pipeline, load
from flows.published import find
from tasks.core.artifacts import Ref
from tasks.core.files import write_over
from tasks.core.keys import canonical_json, digest_file


def run(table: str, name: str | None, date: dt.date | None, file: Path, as_json: bool) -> None:
    """Write a table of one batch date, verified, and say where it is."""
    pipeline = load(name or only_pipeline())
    ref = find(pipeline, table, date)
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
