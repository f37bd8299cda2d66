"""Read the rows that features are computed from: all of them, or those of one share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from tasks.core.artifacts import Ref, Tallies
from tasks.core.batches import BATCH_DATE, order
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.keys import digest
from tasks.core.run import Run
from tasks.core.store import batch_date
from tasks.features.arrival import arrived
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.needed import needed
from tasks.features.tally import Tally
from tasks.features.timeline import TalliedRows, Timeline

_EVENT, _LABEL = "_event", "label"


@dataclass(frozen=True, slots=True)
class Source:
    """What the features of a range of dates are computed from, and by what.

    Args:
        run: reads the tables.
        config: the families.
        event: what an event is.
        inputs: the tables.
        dates: first and last batch date whose events get features.
    """

    run: Run
    config: FeaturesConfig
    event: EventConfig
    inputs: Inputs
    dates: tuple[date, date]

    @property
    def rows(self) -> int:
        """Rows of the prepared tables, the history's among them."""
        return sum(ref.rows for ref in self.inputs.prepared)

    def rows_within(self) -> int:
        """Rows of the dates, events or not."""
        rows = pl.concat([self.run.scan(ref).select(BATCH_DATE) for ref in self.inputs.prepared])
        return int(rows.select(self._is_within().sum()).collect(engine="streaming").item())

    def asking(self, rows: int) -> Iterator[pl.DataFrame]:
        """The events that get features, in order, so many at once; no frame but the last has fewer.

        The rows of one table, or of one date, are in order as they are stored.
        """
        if len(self.inputs.prepared) > 1 and self.dates[0] < self.dates[1]:
            whole = self.timeline(looks_back=False).asking
            yield from (whole.slice(start, rows) for start in range(0, max(len(whole), 1), rows))
            return
        parts = [self.run.scan(ref) for ref in self.inputs.prepared]
        names = needed(self.config, self.event, parts[-1].collect_schema().names())
        wanted = self._is_within() & self.event.is_event()
        events = pl.concat([part.select(names).filter(wanted) for part in parts])
        waiting = events.head(0).collect()
        for batch in events.collect_batches(chunk_size=rows, maintain_order=True):
            waiting = pl.concat([waiting, batch])
            while waiting.height > rows:
                yield waiting.head(rows)
                waiting = waiting.slice(rows)
        yield waiting

    def _is_within(self) -> pl.Expr:
        return pl.col(BATCH_DATE).is_between(*self.dates)

    def timeline(self, taken: pl.Expr | None = None, looks_back: bool = True) -> Timeline:
        """The prepared rows in order, the events of the dates wanted.

        Args:
            taken: condition for rows that are read; all where it is not given.
            looks_back: whether rows of other dates are read as well.
        """
        condition = pl.lit(True) if taken is None else taken
        if not looks_back:
            condition &= self._is_within()
        rows = _rows(self, condition)
        within = rows[BATCH_DATE].is_between(*self.dates)
        wanted = within & rows.with_columns(self.event.is_event().alias(_EVENT))[_EVENT]
        others = {
            name: arrived({batch_date(ref): self.run.scan(ref) for ref in refs})
            for name, refs in sorted(self.inputs.others.items())
        }
        label, folder = _label(self, rows), self.inputs.folder
        tallies = dict(_tallies(self, rows, taken))
        return Timeline(rows, self.event, wanted, others, label, folder, tallies)


def _tallies(
    source: Source, rows: pl.DataFrame, taken: pl.Expr | None
) -> Iterator[tuple[str, Mapping[Tally, TalliedRows]]]:
    """The tallies of each family that keeps some, and the dates whose rows it looks at."""
    tonight = {day for day in rows[BATCH_DATE].unique() if source.dates[0] <= day}
    for family in source.config.tallying:
        covered = source.inputs.tallies.get(digest(family))
        if covered is not None:
            yield (
                digest(family),
                {
                    tally: TalliedRows(
                        _tallied(source, rows, tally, past.refs, taken), past.days | tonight
                    )
                    for tally, past in covered.items()
                },
            )


def _tallied(
    source: Source,
    rows: pl.DataFrame,
    tally: Tally,
    refs: Sequence[Ref[Tallies]],
    taken: pl.Expr | None,
) -> pl.DataFrame:
    none = tally.of(rows.head(0), source.event.time or "")
    tables = [source.run.scan(ref).filter(True if taken is None else taken) for ref in refs]
    return pl.concat([none, *(table.collect() for table in tables)])


def _rows(source: Source, condition: pl.Expr) -> pl.DataFrame:
    """The rows that meet a condition in order, in the columns that are needed."""
    parts = [source.run.scan(ref) for ref in source.inputs.prepared]
    names = needed(source.config, source.event, parts[-1].collect_schema().names())
    frames = [part.select(names).filter(condition).collect() for part in parts]
    rows = pl.concat(frames)
    if _follow_each_other(frames, source.event.time):
        return rows
    return rows.sort(order(source.event), nulls_last=True)


def _follow_each_other(frames: Sequence[pl.DataFrame], time: str | None) -> bool:
    """Whether tables that are in order are so as they stand, one after the other."""
    some = [frame[time] for frame in frames if frame.height] if time else []
    if time is None or any(times.null_count() for times in some):
        return len(frames) == 1
    return all(before[-1] < after[0] for before, after in pairwise(some))


def _label(source: Source, rows: pl.DataFrame) -> pl.Series | None:
    """The label of each row; a row that is no event has none."""
    if source.inputs.labels is None:
        return None
    labels = source.run.scan(source.inputs.labels).select(EVENT_ID, _LABEL).collect()
    ids = rows.select(source.event.id())
    return ids.join(labels, on=EVENT_ID, how="left", maintain_order="left")[_LABEL]
