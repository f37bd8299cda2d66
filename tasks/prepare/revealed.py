"""What preparation makes of some rows, as numbers that can be compared: the proof's view of it."""

from __future__ import annotations

import polars as pl

from tasks.core.batches import BATCH_DATE, order
from tasks.core.event import EventConfig
from tasks.core.treatments import Carry, Learned
from tasks.prepare.apply import touched_columns
from tasks.prepare.config import PrepareConfig
from tasks.prepare.dates import treated
from tasks.prepare.pieces import PLACE, Piece, Tables
from tasks.prepare.rules import Ahead

KEPT = "is kept"


def revealed(
    rows: pl.DataFrame,
    asked: pl.Series,
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
) -> pl.DataFrame:
    """Prepare rows, and give what became of those that are asked for.

    Args:
        rows: valid rows with `batch_date`.
        asked: which rows are asked for, one boolean a row.
        config: which rows repeat another.
        learned: the treatments.
        event: what an event is.

    Returns:
        For each row that is asked for `is kept`, 1 unless it repeats another, and the columns that
        preparation changes or adds, texts by their hash. Columns whose values the pipeline file
        says are known ahead are left out, and repetitions where it says so of them.
    """
    dated = rows.partition_by(BATCH_DATE, as_dict=True)
    parts = {day: dated[(day,)] for (day,) in sorted(dated)}
    tables = Tables(
        {day: part.lazy().with_row_index(PLACE) for day, part in parts.items()},
        {day: part.height for day, part in parts.items()},
    )
    piece = Piece((min(parts), max(parts)))
    ((_, made),) = treated(tables, [piece], config, learned, event)
    plain, names = made.drop(touched_columns(learned)), order(event)
    changed = {treatment.column for treatment in learned.record.treatments}
    own = {*names, *_known_ahead(config, learned), *(set(rows.columns) - changed)}
    shown = [_as_number(name, dtype) for name, dtype in plain.schema.items() if name not in own]
    taken = plain.select(*names, *shown, pl.lit(1.0).alias(KEPT))
    found = rows.filter(asked).select(names)
    joined = found.join(taken, on=names, how="left", nulls_equal=True, maintain_order="left")
    if config.duplicates is not None and config.duplicates.known_ahead:
        return joined.drop(*names, KEPT)
    return joined.drop(names)


def _known_ahead(config: PrepareConfig, learned: Learned) -> set[str]:
    """Columns whose values the pipeline file says are known before a date's first event."""
    missing = config.missing
    by_type = (missing.numeric, missing.text, missing.boolean, missing.date)
    said = {rule.method for rule in by_type if isinstance(rule, Ahead)}
    filled = {name for name, rule in missing.columns.items() if isinstance(rule, Ahead)} | {
        each.column
        for each in learned.record.treatments
        if isinstance(each, Carry) and each.method in said and each.column not in missing.columns
    }
    return {each for name in filled for each in (name, f"{name}_scaled")}


def _as_number(name: str, dtype: pl.DataType) -> pl.Expr:
    values = pl.col(name)
    if dtype.is_numeric() or dtype == pl.Boolean:
        return values.cast(pl.Float64)
    return values.hash().cast(pl.Float64)
