"""Statistics over the rows strictly before each row: the one place that looks back in time.

Every window is [t - w, t): closed on the left, so that rows of the same instant, which may have
been written after this one, are not its past.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Past:
    """The past of each row: of the same entity, within a window, once it was known.

    Args:
        time: the time column; rows are sorted by it.
        entity: columns that name the entity; none means all rows together.
        delay: time until a row is known.
    """

    time: str
    entity: tuple[str, ...] = ()
    delay: dt.timedelta = dt.timedelta(0)

    def count(self, taken: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Rows for which `taken` holds."""
        return self.sum(taken.cast(pl.Float64), window)

    def sum(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Sum of the values, 0 over nothing."""
        values = values.cast(pl.Float64).fill_null(0.0).fill_nan(0.0)
        total = self._sum(values, window + self.delay)
        if self.delay:
            total = total - self._sum(values, self.delay)
        return self.known(total)

    def mean(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Mean of the values; null over nothing."""
        count = self.count(_present(values), window)
        return self.sum(values, window) / pl.when(count > 0).then(count)

    def std(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Sample deviation of the values; null over fewer than two."""
        return self._over(_finite(values).rolling_std_by(self.time, window, closed="left"))

    def min(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Smallest value; null over nothing."""
        return self._over(_finite(values).rolling_min_by(self.time, window, closed="left"))

    def max(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        """Largest value; null over nothing."""
        return self._over(_finite(values).rolling_max_by(self.time, window, closed="left"))

    def hours_since(self, taken: pl.Expr, window: dt.timedelta, first: bool) -> pl.Expr:
        """Hours since the first or last row for which `taken` holds; null where there is none."""
        instant = pl.col(self.time).cast(pl.Datetime("us")).cast(pl.Int64)
        marked = pl.when(taken).then(instant).cast(pl.Float64)
        found = self.min(marked, window) if first else self.max(marked, window)
        return (instant - found) / 3.6e9

    def known(self, feature: pl.Expr) -> pl.Expr:
        """Null where the entity is not named: those rows have no past in common."""
        if not self.entity:
            return feature
        return pl.when(pl.all_horizontal(pl.col(self.entity).is_not_null())).then(feature)

    def _sum(self, values: pl.Expr, window: dt.timedelta) -> pl.Expr:
        rolled = values.rolling_sum_by(self.time, window, closed="left")
        return rolled.over(self.entity) if self.entity else rolled

    def _over(self, rolled: pl.Expr) -> pl.Expr:
        return self.known(rolled.over(self.entity) if self.entity else rolled)


def every_row(time: str) -> pl.Expr:
    """True for each row; a literal would not be as long as the table."""
    return pl.col(time).is_not_null()


def distinct(
    rows: pl.DataFrame, past: Past, column: str, taken: pl.Expr, window: dt.timedelta
) -> pl.Series:
    """Count the distinct values of a column in each row's past.

    A value is in the past for a stretch of time: from a row that has it until `window` after,
    and on while further rows have it. Counting the stretches that began and not yet ended takes
    one sort, where comparing windows would take their product.

    Returns:
        One Float64 a row, in the order of `rows`.
    """
    entity, time = list(past.entity), pl.col(past.time)
    same = [*entity, column]
    seen = rows.lazy().filter(taken, pl.col(column).is_not_null()).select(*same, past.time)
    gap_before = time - time.shift(1).over(same)
    gap_after = time.shift(-1).over(same) - time
    starts = seen.filter((gap_before > window).fill_null(True)).select(
        *entity, past.time, change=pl.lit(1), order=pl.lit(1)
    )
    ends = seen.filter((gap_after > window).fill_null(True)).select(
        *entity, time + window, change=pl.lit(-1), order=pl.lit(1)
    )
    asked = (
        rows.lazy()
        .select(*entity, past.time, change=pl.lit(0), order=pl.lit(0))
        .with_row_index("row")
    )
    # At one instant the questions come first: what begins or ends there is not yet past.
    return (
        pl.concat([asked, starts, ends], how="diagonal")
        .sort(past.time, "order", maintain_order=True)
        .with_columns(past.known(_running(entity)).cast(pl.Float64).alias("distinct"))
        .filter(pl.col("row").is_not_null())
        .sort("row")
        .collect()["distinct"]
    )


def _running(entity: Sequence[str]) -> pl.Expr:
    total = pl.col("change").cum_sum()
    return total.over(entity) if entity else total


def _present(values: pl.Expr) -> pl.Expr:
    return _finite(values).is_not_null()


def _finite(values: pl.Expr) -> pl.Expr:
    return values.cast(pl.Float64).fill_nan(None)
