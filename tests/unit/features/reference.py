"""A reference that looks at every earlier row, one event at a time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import polars as pl

from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig

Row = dict[str, Any]
DAY = dt.timedelta(days=1)


def features(
    rows: pl.DataFrame,
    event: EventConfig,
    families: list[Row],
    wanted: pl.Series | None = None,
    **tables: pl.DataFrame,
) -> pl.DataFrame:
    if wanted is None:
        wanted = rows.with_columns(event.is_event().alias("wanted"))["wanted"]
    dimensions = {name: table.lazy() for name, table in tables.items()}
    config = FeaturesConfig.model_validate(families)
    return build(config, event, dated(rows, event), wanted, dimensions)


def dated(rows: pl.DataFrame, event: EventConfig) -> pl.DataFrame:
    """The rows with the batch date that every prepared row has: that of its time."""
    if event.time is None or "batch_date" in rows.columns:
        return rows
    return rows.with_columns(batch_date=pl.col(event.time).dt.date())


def is_event(row: Row) -> bool:
    return bool(row["quantity"] > 0 and not row["invoice"].startswith("C"))


def every(row: Row) -> bool:
    return True


def expected(
    rows: pl.DataFrame,
    entity: list[str],
    window: dt.timedelta,
    taken: Callable[[Row], bool],
    measure: Callable[[Row, list[Row]], float | None],
    delay: dt.timedelta = dt.timedelta(0),
) -> list[float | None]:
    """Look at all rows for each event, as slowly and as plainly as can be."""
    everything = rows.to_dicts()
    found = []
    for now in everything:
        if not is_event(now):
            continue
        if any(now[column] is None for column in entity):
            found.append(None)
            continue
        past = [
            row
            for row in everything
            if now["at"] - delay - window <= row["at"] < now["at"] - delay
            and all(row[column] == now[column] for column in entity)
            and taken(row)
        ]
        found.append(measure(now, past))
    return found


def assert_equal(found: pl.Series, wanted: list[float | None]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert (one is None) == (other is None)
        assert one is None or math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
