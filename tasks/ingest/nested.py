"""Arrays and lists as values of a column: pixels, embeddings, series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl


def shape_of(dtype: pl.DataType) -> tuple[tuple[int | None, ...], pl.DataType]:
    """The sizes of a nested type's axes, None for one of any size, and the type of its items."""
    if isinstance(dtype, pl.Array):
        return dtype.shape, _innermost(dtype)
    assert isinstance(dtype, pl.List)
    inner = dtype.inner
    assert isinstance(inner, pl.DataType)
    return (None,), inner


def _innermost(dtype: Any) -> pl.DataType:
    return _innermost(dtype.inner) if isinstance(dtype, pl.Array) else dtype


def take_nested(
    values: Sequence[Any], dtype: pl.DataType, exact: Callable[[Any, pl.DataType], Any], no: object
) -> tuple[pl.Series, list[int]]:
    """Take lists, as JSON has them, into arrays or lists; an array has no missing item.

    Args:
        values: lists, or None for a missing one.
        dtype: the column's type.
        exact: takes one item into the items' type.
        no: what `exact` gives for an item that cannot be taken.

    Returns:
        The column, and the positions of the values that cannot be taken.
    """
    shape, inner = shape_of(dtype)

    def take(value: Any, sizes: tuple[int | None, ...]) -> Any:
        if not sizes:
            return exact(value, inner)
        if not isinstance(value, list) or sizes[0] not in {None, len(value)}:
            return no
        items = [take(item, sizes[1:]) for item in value]
        missing = sizes[0] is not None and any(item is None for item in items)
        return no if missing or any(item is no for item in items) else items

    taken = [None if value is None else take(value, shape) for value in values]
    bad = [index for index, value in enumerate(taken) if value is no]
    return pl.Series([None if v is no else v for v in taken], dtype=dtype), bad


def is_akin(given: pl.DataType, declared: pl.DataType) -> bool:
    """Whether values of one nested type can be of the other: numbers, in as many axes."""
    if not (isinstance(given, pl.Array | pl.List) and isinstance(declared, pl.Array | pl.List)):
        return False
    (has, inner), (wants, item) = shape_of(given), shape_of(declared)
    same_kind = inner == item or (inner.is_numeric() and item.is_numeric())
    if isinstance(given, pl.Array) and isinstance(declared, pl.Array):
        return same_kind and has == wants
    return same_kind and len(has) == len(wants) == 1


def fitted(column: pl.Expr, given: pl.DataType, declared: pl.DataType) -> pl.Expr:
    """A column, null where it is a list that is not as long as the declared array."""
    if isinstance(given, pl.List) and isinstance(declared, pl.Array):
        return pl.when(column.list.len() == declared.size).then(column)
    return column
