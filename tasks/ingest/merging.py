"""Merge what is kept of a source into its landed table of one date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.core.artifacts import Landed, Quarantined, Ref
from tasks.core.batches import stack
from tasks.core.errors import LedgerError
from tasks.core.ledger import check_balance
from tasks.core.results import Ingested, LedgerLine
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.ingest.arrivals import ARRIVED, FATE, HOME, ROW, Feed, Inputs, order, span
from tasks.ingest.dating import DELETED, OLDER, OTHER_DATE
from tasks.ingest.parts import landed_schema


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier date's landed table, which saves merging all that came before it.

    Args:
        inputs: what it was made from.
        table: its rows.
        gone: versions that say their key is gone; None where there are none.
    """

    inputs: Inputs
    table: Ref[Landed]
    gone: Ref[Landed] | None


def gone_uri(pipeline: str, name: str, day: str) -> str:
    """Where the versions lie that say their key is gone."""
    return table_uri("landed", pipeline, name, day, "gone.parquet")


def merge(run: Run, feed: Feed, inputs: Inputs, base: Base | None = None) -> Ingested:
    """Write a date's landed table: of each key its last version.

    With late rows these are the versions that arrived while the date was open, and a key lands on
    the date its last one belongs to; without, all versions that arrived up to the date's end.

    Args:
        run: the run of the date.
        feed: the source.
        inputs: what is kept for the date.
        base: an earlier date's table; of sources without late rows.

    Raises:
        LedgerError: a row got lost or doubled.
    """
    late = feed.source.late is not None
    rows = _of_the_date(run, feed, inputs) if late else _up_to(run, feed, inputs, base)
    live = rows.filter(pl.col(FATE).is_null()) if late else rows
    last = _last_versions(live, feed).sort(order(feed))
    if late:
        last = last.filter(pl.col(HOME) == inputs.day)
    table, gone = _write_versions(run, feed, last)
    rejected = _rejected(rows, inputs) if late else {}
    known = _own(live, inputs).select(pl.len()).collect().item() if late else inputs.known
    held = _write_held(run, feed, inputs)
    line = _account(feed, table, held, known, {**rejected, DELETED: gone})
    return Ingested(table, held, line)


def _of_the_date(run: Run, feed: Feed, inputs: Inputs) -> pl.LazyFrame:
    """The rows that belong to the date or that it is told of."""
    files = [run.scan(ref) for ref in inputs.files]
    return stack([*files, pl.LazyFrame(schema=feed.schema)]).unique(ROW)


def _up_to(run: Run, feed: Feed, inputs: Inputs, base: Base | None) -> pl.LazyFrame:
    """The versions that arrived up to the date's end; those before the base's as it has them."""
    frames: list[pl.LazyFrame] = []
    if base is not None:
        frames = [run.scan(ref) for ref in (base.table, base.gone) if ref is not None]
    merged = set(base.inputs.files) if base is not None else set()
    for ref in inputs.files:
        after = base.inputs.day if base is not None and ref in merged else dt.date.min
        if span(ref)[1] > after:
            frames.append(
                run.scan(ref).filter(pl.col(ARRIVED) > after, pl.col(ARRIVED) <= inputs.day)
            )
    return stack([*frames, pl.LazyFrame(schema=landed_schema(feed.source))])


def _last_versions(rows: pl.LazyFrame, feed: Feed) -> pl.LazyFrame:
    """Of each key the greatest version; of equal ones that of the greatest name.

    The name of a row read by watermark is a digest of what it says, so no order of reading matters.
    """
    source = feed.source
    if not source.key:
        return rows
    named = (source.version, source.watermark or ARRIVED)
    by = [*dict.fromkeys(column for column in named if column), *ROW]
    return rows.sort(by, nulls_last=False).unique(source.key, keep="last", maintain_order=True)


def _own(rows: pl.LazyFrame, inputs: Inputs) -> pl.LazyFrame:
    """The rows that belong to the date."""
    return rows.filter(pl.col(HOME) == inputs.day)


def _rejected(rows: pl.LazyFrame, inputs: Inputs) -> dict[str, int]:
    """Rows that the date accounts for and does not take, by reason."""
    fates = _own(rows, inputs).filter(pl.col(FATE).is_not_null()).group_by(FATE).len().collect()
    return {**dict(fates.rows()), OTHER_DATE: inputs.elsewhere}


def _write_versions(run: Run, feed: Feed, last: pl.LazyFrame) -> tuple[Ref[Landed], int]:
    """Write the last versions; those that say their key is gone apart.

    Returns:
        The landed table, and how many keys are gone.
    """
    rows = last.select(list(landed_schema(feed.source)))
    uri = table_uri("landed", run.pipeline, feed.name, run.batch)
    if feed.source.deleted is None:
        return run.write_table(Landed, rows, uri), 0
    is_gone = pl.sql_expr(feed.source.deleted).fill_null(False)
    gone = run.write_table(
        Landed, rows.filter(is_gone), gone_uri(run.pipeline, feed.name, run.batch)
    )
    return run.write_table(Landed, rows.filter(~is_gone), uri), gone.rows


def _write_held(run: Run, feed: Feed, inputs: Inputs) -> Ref[Quarantined] | None:
    if inputs.held is None:
        return None
    uri = table_uri("quarantine", run.pipeline, feed.name, run.batch, "ingest.parquet")
    return run.write_table(Quarantined, run.scan(inputs.held), uri)


def _account(
    feed: Feed,
    table: Ref[Landed],
    held: Ref[Quarantined] | None,
    known: int,
    rejected: Mapping[str, int],
) -> LedgerLine:
    """The ledger's line of the date.

    Args:
        feed: the source.
        table: what landed.
        held: what its night held back.
        known: rows that are versions of a key of the date.
        rejected: other rows by reason, and the keys that are gone.
    """
    held_rows = held.rows if held else 0
    aside = sum(count for reason, count in rejected.items() if reason != DELETED)
    older = known - table.rows - rejected[DELETED]
    named = {**rejected, OLDER: older}
    line = LedgerLine(
        "ingest",
        feed.name,
        known + aside + held_rows,
        table.rows,
        held_rows,
        {reason: count for reason, count in named.items() if count},
    )
    check_balance([line])
    if older < 0:
        raise LedgerError(
            f"at most {known} rows, as many as are known of the date",
            found=f"{table.rows + rejected[DELETED]}",
            where=f"stage ingest, table {feed.name}",
            do="This is a defect of the stage: please report it with this message.",
        )
    return line
