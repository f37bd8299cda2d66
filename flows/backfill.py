"""Backfill: `nightly` over a range of dates, each of them published by itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from prefect import flow

from flows import arrivals
from flows.flow_runs import run_name
from flows.nightly import nightly
from flows.pipeline import Pipeline, load
from flows.publishing import Night
from tasks.core.commit import last_commit
from tasks.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Backfill:
    """What became of a range of dates.

    Args:
        nights: the dates that were run, in order.
        skipped: dates whose night was published already.
    """

    nights: tuple[Night, ...]
    skipped: tuple[dt.date, ...]


@flow(name="backfill", flow_run_name=run_name)
def backfill(pipeline: str, first: dt.date, last: dt.date, force: bool = False) -> Backfill:
    """Run the open dates from first to last with today's champion.

    A backfill that was stopped goes on where it was: dates that are published are skipped, save
    those whose rows had not all arrived when they were run.

    Args:
        pipeline: name or file of the pipeline.
        first: the first business date.
        last: the last one.
        force: run the dates that are published as well.
    """
    if first > last:
        raise ConfigError(
            "a first date that is not after the last one",
            found=f"{first} and {last}",
            where="backfill",
            do="Give the earlier date first.",
        )
    loaded = load(pipeline)
    days = loaded.config.calendar.open_days(first, last)
    # What all of these dates bring comes first: then no night makes an earlier one stale.
    known, _ = arrivals.cover(loaded, list(loaded.config.sources), days)
    stale = arrivals.stale_nights(loaded, known)
    skipped = tuple(
        day for day in days if not force and str(day) not in stale and _is_published(loaded, day)
    )
    # Tasks rather than subflows: each subflow would cost a second of heartbeat at its end.
    nights = tuple(nightly.fn(pipeline, day) for day in days if day not in skipped)
    return Backfill(nights, skipped)


def _is_published(pipeline: Pipeline, day: dt.date) -> bool:
    record = last_commit(pipeline.store, pipeline.name, str(day))
    return record is not None and record.facts.get("kind") == "night"
