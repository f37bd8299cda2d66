"""Numbers that stand for values: equal values have equal numbers, missing ones have -1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_MANY = 2**31  # with more of them, numbers of entity and time together may overflow


def codes(
    observed: pl.DataFrame, asking: pl.DataFrame, columns: Sequence[str]
) -> tuple[Ints, Ints]:
    """One number for each different combination of values, in two tables; -1 where one is null."""
    both = np.zeros(observed.height + asking.height, np.int64)
    missing = np.zeros(len(both), np.bool_)
    for column in columns:
        values = pl.concat([observed[column], asking[column]])
        code = _code(values)
        missing |= code < 0
        # Dense, so that the product does not overflow.
        both = _code(pl.Series(both)) * (code.max(initial=0) + 1) + code
    if both.max(initial=0) > _MANY:
        both = _code(pl.Series(both))
    both = np.where(missing, -1, both)
    return both[: observed.height], both[observed.height :]


def keys(entities: Ints, ranks: Ints, instants: Ints) -> Ints:
    """Numbers in the order of entity and time; of a time only its rank, lest they overflow."""
    return entities * (len(instants) + 1) + ranks


def _code(values: pl.Series) -> Ints:
    """A number from 0 for each different value, -1 for null; no order is meant."""
    if values.dtype == pl.String:
        codes = values.cast(pl.Categorical).to_physical()
    elif values.dtype.is_integer() and _spread(values) < 2 * len(values):
        # Of UInt64 a number may be beyond Int64, and of Int8 a difference beyond Int8.
        wide = values if values.dtype == pl.UInt64 else values.cast(pl.Int64)
        codes = wide - wide.min()
    else:
        codes = values.rank("dense") - 1
    coded: Ints = codes.cast(pl.Int64).fill_null(-1).to_numpy()
    return coded


def _spread(values: pl.Series) -> int:
    least, most = values.min(), values.max()
    return int(most) - int(least) if isinstance(least, int) and isinstance(most, int) else 0
