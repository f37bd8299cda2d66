"""Take frames that are typed already into declared types, where nothing is lost."""

from __future__ import annotations

import polars as pl

from tasks.core.errors import SchemaDriftError
from tasks.ingest.evolving import frame_as_text, new_names
from tasks.ingest.nested import fitted, is_akin
from tasks.ingest.parts import LINE, Held, Part, to_json
from tasks.ingest.schema import Source
from tasks.ingest.years import is_dated, shown, within_years


def take_frame(frame: pl.DataFrame, first_line: int, name: str, source: Source) -> Part:
    """Cast where nothing is lost: there and back again gives the same value.

    Args:
        frame: rows with at least the declared columns.
        first_line: position of the first row in its source.
        name: what the source is called.
        source: its declaration.

    Raises:
        SchemaDriftError: a column is of another kind altogether.
    """
    new = list(frame_as_text(frame, new_names(frame.columns, source)))
    frame = frame.select(list(source.columns))
    given = {c: frame.schema[c] for c in frame.columns}
    for column, dtype in source.table_schema.items():
        if not _akin(given[column], dtype):
            raise SchemaDriftError(
                f"{column} as {source.columns[column].type}",
                found=str(given[column]),
                where=name,
                do="Ask who sends the file; if the change is meant, change the source's schema.",
            )
    cast = frame.select(
        fitted(pl.col(c), given[c], d).cast(d, strict=False) for c, d in source.table_schema.items()
    )
    wrong = {
        c: ~cast[c].cast(given[c], strict=False).eq_missing(frame[c])
        for c, d in source.table_schema.items()
        if given[c] != d
    }
    for c in filter(lambda c: is_dated(given[c]), given):
        if (within := within_years(frame[c])).all() is False:
            wrong[c] = ~within.fill_null(True) | wrong.get(c, False)
    lines = pl.int_range(first_line, first_line + frame.height).alias(LINE)
    rows = cast.with_columns(lines, *new)
    failed = pl.DataFrame(wrong).select(pl.any_horizontal(pl.all())).to_series() if wrong else None
    if failed is None or not failed.any():
        return Part(name, frame.height, rows, [])
    told = frame.with_columns(new).get_columns()
    held = [
        Held(
            first_line + index,
            [f"{c}: does not fit {source.columns[c].type}" for c in wrong if wrong[c][index]],
            to_json({series.name: shown(series, index) for series in told}),
        )
        for index in failed.arg_true().to_list()
    ]
    return Part(name, frame.height, rows.filter(~failed), held)


def _akin(given: pl.DataType, declared: pl.DataType) -> bool:
    """Whether values of one type can be ones of the other, without being text in between."""
    if given == declared or given == pl.Null:
        return True
    if given.is_nested():
        return is_akin(given, declared)
    if given.is_numeric() and declared.is_numeric():
        return True
    if isinstance(given, (pl.Categorical, pl.Enum)) and declared == pl.String:
        return True
    if isinstance(given, pl.Datetime) and isinstance(declared, pl.Datetime):
        return (given.time_zone is None) == (declared.time_zone is None)
    return given == pl.Date and isinstance(declared, pl.Datetime)
