"""SQL expressions in a pipeline file: each reads one row at a time, and nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

_LITERAL_OR_NAME = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_BEYOND_THE_ROW = re.compile(
    r"\b(over|select)\b|"
    r"\b(any_value|array_agg|arg_max|arg_min|avg|bit_count_agg|corr|count|covar|covar_pop|"
    r"covar_samp|cum_sum|dense_rank|first|first_value|lag|last|last_value|lead|max|max_by|mean|"
    r"median|min|min_by|mode|ntile|nth_value|percent_rank|quantile|quantile_cont|quantile_disc|"
    r"rank|row_number|shift|std|stddev|stddev_pop|stddev_samp|stdev|stdev_samp|string_agg|sum|"
    r"unnest|var|var_pop|var_samp|variance)\s*\(",
    re.IGNORECASE,
)


def check_row_wise(expression: str) -> str:
    """Refuse a SQL expression that Polars cannot read, or that looks beyond its own row.

    An average over the table would carry the future into every feature computed with it.

    Raises:
        ValueError: not SQL that Polars reads, or it aggregates, shifts, ranks or selects.
    """
    beyond = _BEYOND_THE_ROW.search(_LITERAL_OR_NAME.sub("''", expression))
    if beyond is not None:
        raise ValueError(
            f"an expression may use its own row only; found {beyond[0].rstrip(' (')!r} in "
            f"{expression!r}"
        )
    try:
        pl.sql_expr(expression)
    except Exception as error:
        raise ValueError(f"not a SQL expression that Polars reads: {error}") from error
    return expression


def widened(rows: pl.DataFrame, expressions: Iterable[str]) -> pl.DataFrame:
    """The rows, with whole numbers that expressions read as 64 bits.

    Of narrower ones a product wraps around, and so does a difference of unsigned ones.
    """
    read = {name for text in expressions for name in pl.sql_expr(text).meta.root_names()}
    narrow = [
        name
        for name, dtype in rows.schema.items()
        if name in read and dtype.is_integer() and dtype not in (pl.Int64, pl.UInt64)
    ]
    return rows.with_columns(pl.col(narrow).cast(pl.Int64))


RowExpression = Annotated[str, AfterValidator(check_row_wise)]
