"""Put the features of partitions together again, a piece of the events after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.core.artifacts import Features, Ref
from tasks.core.errors import ComputeError
from tasks.core.event import EventConfig
from tasks.features.codes import Ints
from tasks.features.dealing import Share
from tasks.features.reading import Source

_ID, _NUMBER = "_id", "_number"


@dataclass(frozen=True, slots=True)
class Made:
    """A partition's features.

    Args:
        table: the events of the share in order: a hash of each one's id, and its features.
        names: features of each family of the share.
    """

    table: Ref[Features]
    names: tuple[tuple[str, ...], ...]


class Dealt:
    """The partitions of one deal, or of one share with every row in it; each is read once.

    Args:
        source: what reads them.
        made: each with its share, in the order of shares.
    """

    def __init__(self, source: Source, made: Sequence[tuple[Share, Made]]) -> None:
        self._share, self._names = made[0][0], made[0][1].names
        self._event = source.event
        self._tables = [source.run.scan(each.table) for _, each in made]
        self._rows = [each.table.rows for _, each in made]
        self._read = [0] * len(made)

    def take(self, asking: pl.DataFrame) -> Mapping[int, pl.DataFrame]:
        """The features of the next events, by the place of their family in the pipeline's list."""
        share = self._share
        number = asking.with_columns(share.deal.number(share.shares).alias(_NUMBER))[_NUMBER]
        order: Ints = np.argsort(number.to_numpy(), kind="stable")
        wanted = np.bincount(number.to_numpy().astype(np.int64), minlength=len(self._tables))
        table = pl.concat(self._next(wanted.tolist()))
        if table.height != len(order) or not table[_ID].equals(
            event_ids(asking, self._event)[order]
        ):
            raise self._otherwise(f"{table.height} events, or others")
        placed = table[np.argsort(order)]
        return {
            place: placed.select(names)
            for place, names in zip(share.families, self._names, strict=True)
        }

    def check_end(self) -> None:
        """Hold that every row was taken.

        Raises:
            ComputeError: one was not.
        """
        if self._read != self._rows:
            raise self._otherwise(f"{sum(self._rows)} of which {sum(self._read)} were dealt here")

    def _next(self, wanted: Sequence[int]) -> Iterator[pl.DataFrame]:
        for place, rows in enumerate(wanted):
            yield self._tables[place].slice(self._read[place], rows).collect()
            self._read[place] += rows

    def _otherwise(self, found: str) -> ComputeError:
        return ComputeError(
            "the events of the dates, each once and in order, from all shares",
            found=found,
            where=f"features dealt by {', '.join(self._share.deal.by) or 'nothing'}",
            do="Have every worker run the same release of Lamplighter and of Polars.",
        )


def event_ids(asking: pl.DataFrame, event: EventConfig) -> pl.Series:
    """A hash of each event's id."""
    return asking.select(event.id().hash(seed=0).alias(_ID)).to_series()
