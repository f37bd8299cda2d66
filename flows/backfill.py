"""Backfill: `nightly` over a range of dates, each of them published by itself."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

from prefect import flow
from pydantic import Field

from flows import arrivals
from flows.afterwards import follow_range
from flows.compute_config import ComputeConfig
from flows.flow_runs import run_name
from flows.history import history
from flows.libraries import configure_libraries
from flows.nightly import nightly
from flows.options import COMPUTE, NightOptions
from flows.pipeline import Pipeline, load
from flows.publishing import Night
from flows.put_up import put_up_backfill
from tasks.core.commit import last_commit
from tasks.core.config import Config
from tasks.core.errors import ConfigError
from tasks.task import tell


@dataclass(frozen=True, slots=True)
class Backfill:
    """What became of a range of dates.

    Args:
        nights: the dates that were run, in order.
        skipped: dates whose night was published already.
        warnings: what could not be done once they were published, one sentence each.
    """

    nights: tuple[Night, ...]
    skipped: tuple[dt.date, ...]
    warnings: tuple[str, ...] = ()


class BackfillOptions(Config):
    """How a range is run."""

    force: bool = Field(False, description="Run the dates that are published as well")
    parallel: int = Field(1, ge=1, le=64, description="Dates at once, a process each")
    as_of: bool = Field(False, description="Score each date with the champion it had then")
    ask_again: bool = Field(
        False, description="Ask models as well that were too slow when a date was run before"
    )
    compute: ComputeConfig | None = COMPUTE


AS_WRITTEN = BackfillOptions()


@flow(name="backfill", flow_run_name=run_name)
def backfill(
    pipeline: str, first: dt.date, last: dt.date, options: BackfillOptions = AS_WRITTEN
) -> Backfill:
    """Run the open dates from first to last, with today's champion or with that of then.

    A backfill that was stopped goes on where it was: dates that are published are skipped, save
    those whose rows had not all arrived when they were run.

    Args:
        pipeline: name or file of the pipeline.
        first: the first business date.
        last: the last one.
        options: how.
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
        day
        for day in days
        if not options.force and str(day) not in stale and _is_published(loaded, day)
    )
    due = [day for day in days if day not in skipped]
    nights: dict[dt.date, Night] = {}
    try:
        for night in _nights(loaded, pipeline, due, options):
            nights[dt.date.fromisoformat(night.batch_date)] = night
            tell(f"{len(nights)} of {len(due)} nights, {night.batch_date} the last")
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_stopped(loaded, days, options)) from interrupt
    finally:
        # Nights that are done are on the page over all nights, whatever ended the range.
        told = follow_range(loaded, sorted(nights)) if due else ()
    done = Backfill(tuple(nights[day] for day in due), skipped, told)
    return replace(done, warnings=(*told, *put_up_backfill(loaded, done)))


def _stopped(pipeline: Pipeline, days: Sequence[dt.date], options: BackfillOptions) -> str:
    """How far a range has come that was interrupted, and how it goes on."""
    done = [day for day in days if _is_published(pipeline, day)]
    again = "with --force it begins anew" if options.force else "the same command goes on"
    return f"{len(done)} of {len(days)} nights of the range are published; {again}"


def _nights(
    loaded: Pipeline, pipeline: str, due: Sequence[dt.date], options: BackfillOptions
) -> Iterator[Night]:
    """The nights as they are done; the first that fails ends it, and those that are done stay."""
    asked = NightOptions(
        as_of=options.as_of, ask_again=options.ask_again, in_range=True, compute=options.compute
    )
    if options.parallel == 1 or len(due) < 2:
        # Tasks rather than subflows: each subflow would cost a second of heartbeat at its end.
        yield from (nightly.fn(pipeline, day, asked) for day in due)
        return
    # Two nights may need the same earlier date: what none has landed is landed before them.
    history(loaded, due[0], due[-1])
    with ProcessPoolExecutor(
        options.parallel,
        # A process that was forked with threads of Polars or torch in it may hang.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin_process,
    ) as pool:
        running = [pool.submit(_night, pipeline, day, asked) for day in due]
        try:
            yield from (done.result() for done in as_completed(running))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _begin_process() -> None:
    """Have a night's process end at once where the terminal interrupts all of them.

    What it leaves is what a kill leaves: a night that is old or new, and never a part of one.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    configure_libraries()


def _night(pipeline: str, day: dt.date, options: NightOptions) -> Night:
    """One night in a process of its own."""
    return nightly.fn(pipeline, day, options)


def _is_published(pipeline: Pipeline, day: dt.date) -> bool:
    record = last_commit(pipeline.store, pipeline.name, str(day))
    return record is not None and record.facts.get("kind") == "night"
