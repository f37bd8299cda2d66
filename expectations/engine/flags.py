"""Row flags: which expectations each row breaks, for all rows at once.

Great Expectations shows the first failing rows of an expectation. To hold rows back, all of them
are needed with every reason, so the same conditions are computed here as bits beside each row.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce

import polars as pl
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import get_metric_kwargs

from expectations.engine.domain import Domain
from expectations.engine.errors import UnsupportedExpectationError
from expectations.engine.predicates import PREDICATES, unexpected

_BITS, _BYTE = 64, 8
_FLAGS = "__failing_bits_{}__"


@dataclass(frozen=True, slots=True)
class RowFlags:
    """A frame whose rows carry the expectations that they break.

    Attributes:
        frame: the rows as given, with the columns of bits behind them.
        columns: the columns of bits; bit i of column k stands for label 64 k + i.
        labels: what to call the expectations, in their order.
    """

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    labels: tuple[str, ...]

    def is_flagged(self) -> pl.Expr:
        """True for the rows that break an expectation."""
        return pl.any_horizontal([pl.col(name) != 0 for name in self.columns])

    def reasons(self) -> pl.Expr:
        """The labels of the expectations that a row breaks, in their order, as list[str].

        Meant for the flagged rows, `frame.filter(flags.is_flagged())`, before the columns of bits
        are dropped.
        """
        decoded = [
            pl.col(name).map_batches(
                partial(_decode, labels=self.labels[k * _BITS : (k + 1) * _BITS]),
                return_dtype=pl.List(pl.String),
                is_elementwise=True,
            )
            for k, name in enumerate(self.columns)
        ]
        return pl.concat_list(decoded)


def _decode(bits: pl.Series, labels: Sequence[str]) -> pl.Series:
    """The labels of the bits that are set; rows break few different sets of expectations."""
    sets = bits.unique(maintain_order=True)
    names = [[label for i, label in enumerate(labels) if mask >> i & 1] for mask in sets]
    positions = pl.Series(range(len(sets)), dtype=pl.UInt32)
    chosen = bits.replace_strict(sets, positions, return_dtype=pl.UInt32)
    return pl.Series(bits.name, names, dtype=pl.List(pl.String)).gather(chosen)


def flag_rows(
    frame: pl.LazyFrame | pl.DataFrame,
    expectations: Sequence[Expectation],
    *,
    labels: Sequence[str] | None = None,
) -> RowFlags:
    """Mark each row with the expectations that it breaks.

    A row is marked by exactly the condition that counts it as unexpected in a validation, so also
    where the expectation passes as a whole because of `mostly`.

    Args:
        frame: the rows; nothing is computed here.
        expectations: expectations about values, pairs of values or records, without unresolved
            suite parameters.
        labels: what to call them, by default their type and columns.

    Returns:
        The frame with one column of bits for every 64 expectations.

    Raises:
        UnsupportedExpectationError: an expectation has no meaning for a single row, or cannot be
            computed on the columns of the frame.
        ValueError: there are not as many labels as expectations.
    """
    rows = frame.lazy()
    schema = rows.collect_schema()
    names = tuple(labels) if labels is not None else tuple(map(_describe, expectations))
    if len(names) != len(expectations):
        raise ValueError(
            f"{len(expectations)} expectations need as many labels, found {len(names)}."
        )
    empty = pl.LazyFrame(schema=schema)
    broken = [_broken(rows, schema, empty, expectation) for expectation in expectations]
    groups = [broken[at : at + _BITS] for at in range(0, max(len(broken), 1), _BITS)]
    flags = {_FLAGS.format(k): _packed(group) for k, group in enumerate(groups)}
    return RowFlags(rows.with_columns(**flags), tuple(flags), names)


def _broken(
    rows: pl.LazyFrame, schema: pl.Schema, empty: pl.LazyFrame, expectation: Expectation
) -> pl.Expr:
    kind = expectation.expectation_type
    name = getattr(expectation, "map_metric", None)
    if name not in PREDICATES:
        raise UnsupportedExpectationError(kind, "it judges the batch as a whole, not its rows.")
    metric = get_metric_kwargs(f"{name}.condition", expectation.configuration)
    kwargs, values = metric["metric_domain_kwargs"], metric["metric_value_kwargs"]
    unresolved = [k for k, v in values.items() if isinstance(v, dict) and "$PARAMETER" in v]
    if unresolved:
        raise UnsupportedExpectationError(kind, f"the parameters of {unresolved} are not resolved.")
    try:
        broken = unexpected(name, Domain(rows, schema, kwargs, values))
        empty.select(broken).collect()
    except Exception as error:
        raise UnsupportedExpectationError(_describe(expectation), str(error)) from error
    return broken


def _describe(expectation: Expectation) -> str:
    kwargs = expectation.configuration.kwargs
    pair = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    columns = pair or kwargs.get("column_list", [])
    return f"{expectation.expectation_type}({', '.join(columns)})"


def _packed(broken: list[pl.Expr]) -> pl.Expr:
    """Pack 64 conditions into an integer by way of bytes, which move an eighth of the memory."""
    parts = [_byte(broken[at : at + _BYTE]) for at in range(0, len(broken), _BYTE)]
    wide = [part.cast(pl.UInt64) * (1 << (i * _BYTE)) for i, part in enumerate(parts)]
    return pl.sum_horizontal([pl.lit(0, dtype=pl.UInt64), *wide])


def _byte(broken: list[pl.Expr]) -> pl.Expr:
    bits = [c.cast(pl.UInt8) * pl.lit(1 << i, dtype=pl.UInt8) for i, c in enumerate(broken)]
    return reduce(operator.or_, bits)
