"""The mends of a date, kept in a commit unit of their own: an input like its sources."""

from __future__ import annotations

import polars as pl

from flows import clock
from flows.pipeline import Pipeline
from tasks.core.artifacts import Ref
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.store import table_uri
from tasks.validate.mends import SCHEMA, Mended


def stored(pipeline: Pipeline, batch: str) -> Ref[Mended] | None:
    """The mends of a batch date; None where there are none."""
    record = last_commit(pipeline.store, pipeline.name, _unit(batch))
    return record.find(Mended, _uri(pipeline, batch)) if record else None


def read(pipeline: Pipeline, batch: str) -> pl.DataFrame:
    """The mends of a batch date, by `tasks.validate.mends.SCHEMA`."""
    ref = stored(pipeline, batch)
    return pipeline.store.scan(ref).collect() if ref else pl.DataFrame(schema=SCHEMA)


def store(pipeline: Pipeline, batch: str, mends: pl.DataFrame) -> None:
    """Put mends in the place of those the batch date has; none at all takes them away."""
    if mends.equals(read(pipeline, batch)):
        return
    with open_run(pipeline.store, pipeline.name, _unit(batch), clock.attempt_name()) as run:
        if mends.height:
            run.write_table(Mended, mends, _uri(pipeline, batch))
        commit(run, {"kind": "mends", "rows": mends.height})


def _unit(batch: str) -> str:
    return f"mends-{batch}"


def _uri(pipeline: Pipeline, batch: str) -> str:
    return table_uri("mends", pipeline.name, "rows", batch)
