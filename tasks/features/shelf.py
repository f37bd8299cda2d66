"""Where tallies are kept: one unit of the store for the stretches that end on a date.

A tally is named by the digest of what it is made from: which quantities, and the names of the
prepared rows of its dates. A row that came late, another model or another release is another name;
what is not found by its name is made again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.core.artifacts import Ref, Tallies
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import IntegrityError
from tasks.core.keys import digest
from tasks.core.records import Commit
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.features.stretches import Instants, Stretch
from tasks.features.tally import FIRST, LAST, Tally

KIND = "tallies"
_DIGITS = 20
_NEWEST = 3  # the champion, the one before it and a challenger look at the same dates
_UNIT_WAIT_SECONDS = 60.0
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A tally of a stretch.

    Args:
        ref: its table.
        rows: first and last time of the rows it stands for; None where there are none.
    """

    ref: Ref[Tallies]
    rows: Instants | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tallies that a night may look at.

    Args:
        run: the run that looks.
        table: the event table.
        called: the names of the prepared rows of the dates before the night.
        records: the units that were read.
    """

    run: Run
    table: str
    called: Mapping[dt.date, str]
    records: dict[dt.date, Commit | None] = field(default_factory=dict, repr=False)

    def find(self, tally: Tally, stretch: Stretch) -> Kept | None:
        """A stretch's tally; None where it was never made, or is damaged."""
        record, uri = self._record(stretch.last), self._uri(tally, stretch)
        ref = record.find(Tallies, uri) if record else None
        if record is None or ref is None:
            return None
        with suppress(IntegrityError):
            self.run.store.verify(ref)
            (told,) = (each for each in record.facts["made"] if each["uri"] == uri)
            return Kept(ref, _instants(told))
        return None

    def keep(self, made: Iterable[tuple[Tally, Stretch, pl.DataFrame]]) -> list[Kept]:
        """Publish tallies of stretches that end on one date, beside those that are there."""
        by_uri = {
            self._uri(tally, stretch): (tally, stretch, rows) for tally, stretch, rows in made
        }
        (last,) = {stretch.last for _, stretch, _ in by_uri.values()}
        store, unit = self.run.store, _unit(last)
        with open_run(
            store, self.run.pipeline, unit, self.run.attempt, _UNIT_WAIT_SECONDS
        ) as beside:
            record = last_commit(store, self.run.pipeline, unit)
            facts = [_facts(uri, *each) for uri, each in by_uri.items()]
            refs = [beside.write_table(Tallies, rows, uri) for uri, (_, _, rows) in by_uri.items()]
            for ref, told in _older(record, facts):
                with suppress(IntegrityError):  # it goes
                    beside.keep(ref)
                    facts.append(told)
            commit(beside, {"kind": KIND, "ledger": [], "made": facts})
        self.records.pop(last, None)
        return [Kept(ref, _instants(told)) for ref, told in zip(refs, facts, strict=False)]

    def _record(self, last: dt.date) -> Commit | None:
        if last not in self.records:
            self.records[last] = last_commit(self.run.store, self.run.pipeline, _unit(last))
        return self.records[last]

    def _uri(self, tally: Tally, stretch: Stretch) -> str:
        dates = {str(day): self.called[day] for day in stretch.within(tuple(self.called))}
        name = digest({"tally": tally.key, "days": stretch.days, "dates": dates})[:_DIGITS]
        return table_uri(KIND, self.run.pipeline, self.table, str(stretch.last), f"{name}.parquet")


def _unit(last: dt.date) -> str:
    """The name under which the tallies of stretches that end on a date are published."""
    return f"{KIND}-{last}"


def _facts(uri: str, tally: Tally, stretch: Stretch, rows: pl.DataFrame) -> Told:
    """What a record says of a tally: its table, of what it is, and when its rows were."""
    bounds = (rows[FIRST].min(), rows[LAST].max())
    times = [each.isoformat() for each in bounds if isinstance(each, dt.datetime)]
    return {"uri": uri, "of": f"{tally.key[:_DIGITS]}-{stretch.days}", "times": times}


def _older(record: Commit | None, new: Sequence[Told]) -> Iterator[tuple[Ref[Any], Told]]:
    """What stays of what a unit had: of each stretch's tallies the newest."""
    if record is None:
        return
    files = {ref.uri: ref for ref in record.files}
    made, counted = {told["uri"] for told in new}, [told["of"] for told in new]
    for told in record.facts["made"]:
        if told["uri"] not in made and counted.count(told["of"]) < _NEWEST:
            counted.append(told["of"])
            yield files[told["uri"]], told


def _instants(told: Told) -> Instants | None:
    times = [dt.datetime.fromisoformat(each) for each in told["times"]]
    return (times[0], times[1]) if times else None
