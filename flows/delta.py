"""Delta tables of a pipeline, brought up to what its commits say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from flows import terminal
from flows.clock import attempt_name
from flows.pipeline import Pipeline, load
from tasks.core.artifacts import Ref, Report
from tasks.core.commit import committed_batches, open_run
from tasks.core.errors import ConfigError, StoreError
from tasks.core.records import Commit
from tasks.report import delta
from tasks.report.delta import Origins, Sources

UNIT = "delta"
_TABLE = re.compile(r"reports/[^/]+/([^/]+)/batch_date=(\d{4}-\d{2}-\d{2})/[^/]+\.parquet")
_WAIT_SECONDS = 600.0

Published = dict[tuple[str, str], list[Ref[Report]]]


@dataclass(frozen=True, slots=True)
class _Due:
    """A batch date of a table that is not as it is published; no files where it is to go."""

    table: str
    day: str
    refs: tuple[Ref[Report], ...] = ()

    @property
    def sources(self) -> Sources:
        """The files it is made from, by digest."""
        return {ref.uri: ref.sha256 for ref in self.refs}


def run(name: str, as_json: bool) -> None:
    """Bring the Delta tables of a pipeline up to its Parquet tables, and say how many that were.

    Raises:
        ConfigError: the pipeline has no Delta tables.
        StoreError: a table could not be written; the others were.
    """
    pipeline = load(name)
    if pipeline.config.report.format != "delta":
        raise ConfigError(
            "a pipeline with Delta tables",
            found=f"report.format: {pipeline.config.report.format}",
            where=str(pipeline.file.path),
            do="Ask for them: report: {format: delta}",
        )
    written = roll_forward(pipeline)
    if as_json:
        terminal.print_json({"pipeline": pipeline.name, "written": written})
    else:
        terminal.out.print(
            f"{written} batch dates of tables were brought up; none is behind now"
            if written
            else "no batch date of a table was behind"
        )


def check(pipeline: Pipeline) -> None:
    """Hold that Delta tables can be written, where the pipeline has any.

    Raises:
        ConfigError: the package is not installed.
    """
    if pipeline.config.report.format == "delta":
        delta.check_installed(f"{pipeline.file.path} (report.format)")


def behind(pipeline: Pipeline) -> int:
    """How many batch dates of tables are not in the Delta tables as they are published."""
    if pipeline.config.report.format != "delta":
        return 0
    folder = pipeline.store.path(f"{UNIT}/{pipeline.name}")
    return len(list(_due(pipeline, delta.read_origins(folder))))


def roll_forward(pipeline: Pipeline) -> int:
    """Bring the Delta tables up to the Parquet tables, where the pipeline has any.

    Each batch date of each table is overwritten on its own, and then noted; what a kill left
    unnoted is written once more, which changes nothing. A table that cannot be written keeps none
    of the others from it.

    Returns:
        How many batch dates of tables were written or taken away.

    Raises:
        ConfigError: the package is not installed.
        StoreError: the first table that could not be written.
    """
    if pipeline.config.report.format != "delta":
        return 0
    check(pipeline)
    folder = pipeline.store.path(f"{UNIT}/{pipeline.name}")
    failed: dict[str, StoreError] = {}
    done = 0
    with open_run(pipeline.store, pipeline.name, UNIT, attempt_name(), _WAIT_SECONDS):
        origins = delta.read_origins(folder)
        due = list(_due(pipeline, origins))
        for each in due:
            if each.table in failed:
                continue
            try:
                _bring_up(pipeline, each, origins)
            except StoreError as error:
                failed[each.table] = error
            else:
                done += 1
    if failed:
        raise _behind(failed, len(due) - done)
    return done


def renew(pipeline: Pipeline) -> None:
    """Make the Delta tables anew from nothing: no old file of theirs keeps what was removed."""
    folder = pipeline.store.path(f"{UNIT}/{pipeline.name}")
    if folder.is_dir():
        with open_run(pipeline.store, pipeline.name, UNIT, attempt_name(), _WAIT_SECONDS):
            shutil.rmtree(folder)
    roll_forward(pipeline)


def _bring_up(pipeline: Pipeline, due: _Due, origins: Origins) -> None:
    """Overwrite one batch date of one table, or take it away, and note it."""
    store, folder = pipeline.store, pipeline.store.path(f"{UNIT}/{pipeline.name}")
    if due.refs:
        rows = pl.concat([store.scan(ref) for ref in due.refs], how="diagonal_relaxed")
        delta.overwrite(folder / due.table, due.table, due.day, rows)
        origins.setdefault(due.table, {})[due.day] = due.sources
    else:
        delta.withdraw(folder / due.table, due.day)
        del origins[due.table][due.day]
    delta.write_origins(folder, origins)


def _due(pipeline: Pipeline, origins: Origins) -> Iterator[_Due]:
    """What is not as it is published: first what is to be written, then what is to go."""
    published = _published(committed_batches(pipeline.store, pipeline.name))
    for (table, day), refs in sorted(published.items()):
        due = _Due(table, day, tuple(refs))
        if origins.get(table, {}).get(day) != due.sources:
            yield due
    for table, dates in origins.items():
        yield from (_Due(table, day) for day in dates if (table, day) not in published)


def _behind(failed: Mapping[str, StoreError], dates: int) -> StoreError:
    """What the first table failed by, and how much is behind for that."""
    first = next(iter(failed.values()))
    found = f"{first.found} ({dates} batch dates of {', '.join(failed)} are behind)"
    return StoreError(first.required, found=found, where=first.where, do=first.do)


def _published(records: Iterable[Commit]) -> Published:
    """The files of each batch date of each public table, in the order of their names."""
    found: Published = {}
    for record in records:
        for ref in record.files:
            place = _TABLE.fullmatch(ref.uri)
            if place is not None and ref.stage == Report.__name__.lower():
                found.setdefault((place[1], place[2]), []).append(ref)
    return {key: sorted(refs, key=lambda ref: ref.uri) for key, refs in found.items()}
