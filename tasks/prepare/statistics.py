"""Many statistics of many columns, in one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.treatments import Treatment

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Learner:
    """How a treatment is learned.

    Args:
        column: the column.
        statistics: aggregates by name.
        treatment: their values by name → the treatment.
    """

    column: str
    statistics: Mapping[str, pl.Expr]
    treatment: Callable[[Values], Treatment]


def learn(rows: pl.LazyFrame, learners: Iterable[Learner]) -> tuple[Treatment, ...]:
    """Learn all treatments of a step together."""
    learners = tuple(learners)
    asked = [
        expr.alias(f"{place}:{name}")
        for place, learner in enumerate(learners)
        for name, expr in learner.statistics.items()
    ]
    found = rows.select(asked).collect().row(0, named=True) if asked else {}
    return tuple(
        learner.treatment({name: found[f"{place}:{name}"] for name in learner.statistics})
        for place, learner in enumerate(learners)
    )
