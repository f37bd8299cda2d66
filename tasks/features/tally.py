"""Tallies: what the rows of an entity come to over a stretch of batch dates, to the last bit.

Where no edge of a window falls within a stretch, its tally stands for all rows of it. Sums are of
whole numbers, so that a sum of tallies is the sum of the rows, in whatever order they are added.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.keys import digest
from tasks.features.arithmetic import EXACT, rounded, squares, whole_and_fraction
from tasks.features.codes import Floats
from tasks.features.evaluated import holds, numbers
from tasks.features.past_config import HistoryFamily, NoveltyFamily, RiskFamily

ROWS, FIRST, LAST = ":rows", ":first", ":last"
POSITIVE = "positive"
_SUMS = frozenset({"sum", "mean", "ratio", "zscore"})
_SPREADS = frozenset({"std", "zscore"})
_ENDS = {"min": np.inf, "max": -np.inf}  # each with its value where there is none
TallyingFamily = HistoryFamily | NoveltyFamily | RiskFamily


@dataclass(frozen=True, slots=True)
class Tally:
    """What is kept of each entity.

    Args:
        entity: columns that name it.
        where: SQL condition for the rows that count; None: all of them.
        values: names and SQL of numbers.
        marks: names and SQL of conditions; rows that hold them are counted.
        statistics: what is taken of the values.
    """

    entity: tuple[str, ...]
    where: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    statistics: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Names what is kept."""
        return digest([self.entity, self.where, self.values, self.marks, self.statistics])

    def of(self, rows: pl.DataFrame, time: str) -> pl.DataFrame:
        """Tally rows: one row for each entity, in the order of its first one."""
        counted = rows if self.where is None else rows.filter(holds(rows, self.where))
        counted = counted.drop_nulls(self.entity)
        at = counted[time].cast(pl.Datetime("us"))
        own: list[pl.Expr | pl.Series] = [
            pl.lit(1, pl.Int64).alias(ROWS),
            at.alias(FIRST),
            at.alias(LAST),
        ]
        own += [pl.Series(name, part) for name, part in self._parts(counted)]
        return self.sum([counted.select(self.entity).with_columns(own)])

    def sum(self, tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Tallies of several stretches as one."""
        table = pl.concat(tables)
        own = [name for name in table.columns if name not in self.entity]
        return table.group_by(self.entity, maintain_order=True).agg(map(_together, own))

    def _parts(self, rows: pl.DataFrame) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for name, condition in self.marks:
            yield name, holds(rows, condition).astype(np.int64)
        for name, expression in self.values:
            values = numbers(rows, expression)
            yield f"{name}:present", np.isfinite(values).astype(np.int64)
            if _SUMS & self.statistics:
                yield from _exact(name, values)
            if _SPREADS & self.statistics:
                known = rounded(values)
                yield from _exact(f"{name}:rounded", known)
                for place, (products, _) in enumerate(squares(known)):
                    yield f"{name}:rounded:square_{place}", products
            for end, nothing in _ENDS.items():
                if end in self.statistics:
                    yield f"{name}:{end}", np.where(np.isfinite(values), values, nothing)


def tallies(family: TallyingFamily) -> tuple[Tally, ...]:
    """What has to be kept for a family."""
    match family:
        case HistoryFamily():
            taken = {*family.statistics} & {*_SUMS, *_SPREADS, *_ENDS}
            values = tuple(family.values.items())
            return (Tally(family.entity, family.where, values, statistics=frozenset(taken)),)
        case NoveltyFamily():
            return tuple(Tally((*family.entity, column)) for column in family.of)
    marks = ((POSITIVE, family.where),) if family.where is not None else ()
    return (Tally(family.entity, marks=marks),)


def all_tallies(families: Iterable[TallyingFamily]) -> list[Tally]:
    """What has to be kept for several families, each once."""
    return [*dict.fromkeys(tally for family in families for tally in tallies(family))]


def edges(family: TallyingFamily) -> frozenset[dt.timedelta]:
    """How long before an event each edge of its windows lies."""
    delay: dt.timedelta = getattr(family, "delay", None) or dt.timedelta()
    return frozenset({delay, *(delay + window for window in family.windows)})


def _exact(name: str, values: Floats) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for part, numbers_of_it in zip(EXACT, whole_and_fraction(values), strict=True):
        yield f"{name}:{part}", numbers_of_it


def _together(name: str) -> pl.Expr:
    """How a column of several tallies becomes one."""
    match name.rpartition(":")[2]:
        case "min" | "first":
            return pl.col(name).min()
        case "max" | "last":
            return pl.col(name).max()
    return pl.col(name).sum()
