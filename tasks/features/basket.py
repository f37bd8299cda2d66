"""Features of the transaction a row belongs to: rows with the same keys and the same time."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from tasks.core.sql import widened
from tasks.features.table_config import BasketFamily
from tasks.features.timeline import Timeline

_WANTED = "_wanted"


def basket(family: BasketFamily, timeline: Timeline) -> pl.DataFrame:
    """Features of the wanted rows' transactions; of no others are they computed."""
    wanted = pl.Series(_WANTED, timeline.wanted)
    names = [*family.by, timeline.time]
    rows = timeline.rows.with_columns(wanted)
    together = rows.join(
        timeline.asking.select(names).unique(),
        on=names,
        how="semi",
        nulls_equal=True,
        maintain_order="left",
    )
    read = widened(together, family.values.values())
    made = read.select(*_expressions(family, timeline.time), _WANTED)
    return made.filter(_WANTED).drop(_WANTED)


def _expressions(family: BasketFamily, time: str) -> Iterator[pl.Expr]:
    """Rows, sums, shares and ranks within the transaction; null where it is not named."""
    prefix = "+".join(family.by)
    named = pl.all_horizontal(pl.col(family.by).is_not_null())

    def together(feature: pl.Expr, name: str) -> pl.Expr:
        return pl.when(named).then(feature.over([*family.by, time])).alias(f"{prefix}.{name}")

    yield together(pl.len(), "rows")
    for name, expression in family.values.items():
        value = pl.sql_expr(expression).cast(pl.Float64).fill_nan(None)
        total = value.sum()
        measures = {
            "sum": total,
            "mean": value.mean(),
            "max": value.max(),
            "min": value.min(),
            "share": value / pl.when(total != 0).then(total),
            "rank": value.rank("min", descending=True),
        }
        for statistic in family.statistics:
            yield together(measures[statistic], f"{name}_{statistic}")
    for column in family.distinct:
        yield together(pl.col(column).drop_nulls().n_unique(), f"distinct_{column}")
