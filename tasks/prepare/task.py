"""The stage: read the batch dates, learn or apply, write the prepared table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, groupby

import polars as pl

from tasks.core.artifacts import Prepared, Ref, Valid
from tasks.core.batches import BATCH_DATE, alike, order
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import DataError, IntegrityError
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.results import Divided, LedgerLine, PreparedTable
from tasks.core.run import Run
from tasks.core.store import batch_date, table_uri
from tasks.core.treatments import Learned, Treated
from tasks.prepare import fit as fitting
from tasks.prepare.apply import touched_columns
from tasks.prepare.config import PrepareConfig
from tasks.prepare.dates import fills, in_turn, ordered, treated
from tasks.prepare.pieces import PLACE, Piece, Stretch, Tables
from tasks.prepare.repetitions import REASON, repetitions
from tasks.task import stage

_PART, _FIT = "part", "fit"
_UNIT_WAIT_SECONDS = 60.0
_MODELS = 3  # the champion, the one before it and a challenger look at the same dates


@stage("fit_preparation")
def fit_preparation(
    run: Run,
    config: PrepareConfig,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    divided: Divided,
    label: str | None = None,
) -> Learned:
    """Learn the treatments from the rows of training time, and of no other.

    Rows that are no labelled event are learned from as well, unless they came after the fitted
    part or lie within the block that judges; the events of the other parts never are. `label` names
    the label's column, if it is one: no rule by type treats it.
    """
    found = _tables(run, event, tables)
    piece = Piece((min(found.parts), max(found.parts)))
    repeated = repetitions(found, piece.dates, event, config)
    rows = ordered(found, piece, repeated, event).lazy()
    kept = rows.filter(pl.col(REASON).is_null()).drop(REASON)
    if divided.fitted_before is not None and event.time is not None:
        kept = kept.filter(pl.col(event.time) < divided.fitted_before)
    if divided.judged_within is not None and event.time is not None:
        kept = kept.filter(~pl.col(event.time).is_between(*divided.judged_within))
    judged = run.scan(divided.parts).filter(pl.col(_PART) != _FIT).select(EVENT_ID)
    seen = kept.with_columns(event.id()).join(
        judged, on=EVENT_ID, how="anti", maintain_order="left"
    )
    return fitting.fit(seen.drop(EVENT_ID).collect().lazy(), config, event, label)


@stage("prepare")
def prepare(
    run: Run,
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    dates: Stretch,
    counted: Stretch | None = None,
    name: str = "part-0",
) -> PreparedTable:
    """Make one table of the rows of some batch dates.

    Args:
        run: the run.
        config: which rows repeat another.
        learned: the treatments.
        event: what an event is.
        tables: one table a batch date; of those outside `dates` only what the rows within look at.
        dates: the first and the last date whose rows are prepared.
        counted: the dates whose rows ledger and treatments count; empty means all.
        name: what to call the file.
    """
    found = _tables(run, event, tables)
    counts = _Counts(counted or dates, touched_columns(learned))
    pieces = list(found.pieces(event, dates, by_date=fills(learned)))
    made = (counts.of(*each) for each in treated(found, pieces, config, learned, event))
    rows = in_turn(made, event, found.earliest_after(pieces, order(event)[0]))
    first = next(rows)
    uri = table_uri("prepared", run.pipeline, event.table, run.batch, f"{name}.parquet")
    with run.open_table(Prepared, first.schema, uri) as table:
        table.add(first)
        for piece in rows:
            table.add(piece)
    assert table.ref is not None
    return PreparedTable(table.ref, (counts.line(event.table),), counts.treated(learned))


@stage("prepare_history")
def prepare_history(
    run: Run,
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    places: Mapping[date, str],
) -> dict[date, Ref[Prepared]]:
    """Prepare earlier dates, and keep each in the store by itself for the nights to come.

    Args:
        run: the run that needs them; the last of its tables says which columns they have.
        config: which rows repeat another.
        learned: the treatments.
        event: what an event is.
        tables: one table a batch date, those that the dates look at among them.
        places: the URI of each date's table.
    """
    found = _tables(run, event, tables)
    pieces = list(_without_gaps(found, event, sorted(places), learned))
    made = treated(found, pieces, config, learned, event)
    kept = {}
    for (first, last), group in groupby(zip(pieces, made, strict=True), lambda each: each[0].dates):
        frames = (rows.drop(touched_columns(learned)) for _, (_, rows) in group)
        if first == last:
            kept[first] = _keep(run, first, frames, places[first])
            continue
        whole = pl.concat(frames)
        for day in (day for day in sorted(places) if first <= day <= last):
            own = whole.filter(pl.col(BATCH_DATE) == day)
            kept[day] = _keep(run, day, iter([own]), places[day])
    return kept


def _keep(run: Run, day: date, frames: Iterator[pl.DataFrame], place: str) -> Ref[Prepared]:
    """Publish the prepared rows of a date; those of the newest other models stay beside them."""
    first = next(frames)
    store, unit = run.store, history_unit(day)
    with open_run(store, run.pipeline, unit, run.attempt, _UNIT_WAIT_SECONDS) as beside:
        record = last_commit(store, run.pipeline, unit)
        known = {ref.uri: ref for ref in record.files} if record else {}
        newest = record.facts["newest"] if record else []
        stay = []
        for uri in [uri for uri in newest if uri in known and uri != place][: _MODELS - 1]:
            with suppress(IntegrityError):  # it goes
                stay.append(beside.keep(known[uri]).uri)
        with beside.open_table(Prepared, first.schema, place) as table:
            for frame in chain([first], frames):
                table.add(frame)
        assert table.ref is not None
        commit(beside, {"kind": "prepared", "ledger": [], "newest": [place, *stay]})
    return table.ref


def history_unit(day: date) -> str:
    """The name under which the prepared rows of a date are published for later nights."""
    return f"prepared-{day}"


@dataclass(slots=True)
class _Counts:
    """What ledger and treatments tell of the counted dates, while pieces pass by."""

    dates: Stretch
    flags: Sequence[str]
    rows: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    touched: Counter[str] = field(default_factory=Counter)

    def of(self, rows: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
        """Count a piece, and give what is kept of it."""
        counted = pl.col(BATCH_DATE).is_between(*self.dates)
        reasons = rows.filter(counted)[REASON]
        self.rows += len(reasons)
        self.reasons.update(dict(reasons.drop_nulls().value_counts().iter_rows()))
        own = kept.filter(counted)
        self.kept += own.height
        self.touched.update({flag: int(own[flag].sum()) for flag in self.flags})
        return kept.drop(self.flags)

    def line(self, table: str) -> LedgerLine:
        rejected = dict(sorted(self.reasons.items()))
        return LedgerLine("prepare", table, self.rows, self.kept, rejected=rejected)

    def treated(self, learned: Learned) -> tuple[Treated, ...]:
        return tuple(
            Treated(treatment, self.kept, self.touched[flag])
            for treatment, flag in zip(learned.record.treatments, self.flags, strict=True)
        )


def _without_gaps(
    tables: Tables, event: EventConfig, days: Sequence[date], learned: Learned
) -> Iterator[Piece]:
    """Pieces of the table's dates that hold nothing but the named ones."""
    known = list(tables.parts)
    start = 0
    for place, day in enumerate(days):
        follows = place + 1 < len(days) and known.index(days[place + 1]) == known.index(day) + 1
        if not follows:
            yield from tables.pieces(event, (days[start], day), by_date=fills(learned))
            start = place + 1


def _tables(run: Run, event: EventConfig, tables: Sequence[Ref[Valid]]) -> Tables:
    if not tables:
        raise DataError(
            f"at least one batch date of table {event.table}",
            found="none",
            where=f"pipeline {run.pipeline}, batch {run.batch}",
            do="Run the nights of these dates first.",
        )
    in_order = sorted(tables, key=batch_date)
    aside = [column for column in (SOURCE, LINE) if column not in event.key]
    parts = [
        run.scan(ref)
        .with_row_index(PLACE)
        .drop(aside)
        .with_columns(pl.lit(batch_date(ref)).alias(BATCH_DATE))
        for ref in in_order
    ]
    days = [batch_date(ref) for ref in in_order]
    rows = {day: ref.rows for day, ref in zip(days, in_order, strict=True)}
    return Tables(dict(zip(days, alike(parts), strict=True)), rows)
