"""The columns of the prepared table that features are computed from: no others are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.core.event import EventConfig
from tasks.features.config import FeaturesConfig
from tasks.features.table_config import OwnFamily


def needed(config: FeaturesConfig, event: EventConfig, names: Sequence[str]) -> list[str]:
    """The columns that the event and the families name, alone or in SQL, in the table's order.

    Whatever a family says that is the name of a column counts as one; a function of the
    pipeline's own may read them all.
    """
    if any(isinstance(family, OwnFamily) for family in config.root):
        return list(names)
    own = {*event.key, *event.entities, *event.columns_of_where, BATCH_DATE, event.time}
    said = [text for family in config.root for text in _texts(family.model_dump())]
    return [name for name in names if name in own | _columns(said)]


def _columns(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in set(texts):
        found.add(text)
        try:
            found.update(pl.sql_expr(text).meta.root_names())
        except pl.exceptions.PolarsError:
            continue  # no SQL: a name with spaces, a description
    return found


def _texts(said: Any) -> Iterator[str]:
    """All texts in a configuration, the names of its entries among them."""
    match said:
        case str():
            yield said
        case dict():
            yield from (text for pair in said.items() for part in pair for text in _texts(part))
        case list() | tuple():
            yield from (text for part in said for text in _texts(part))
