"""`lamplighter state`: what is kept of sources that are read piece by piece, and forgetting it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from flows import arrivals, idle, terminal
from flows.clock import attempt_name
from flows.pipeline import Pipeline, load
from flows.summaries import stale_told
from tasks.core import lease
from tasks.core.commit import commit, committed_batches, open_run, recover
from tasks.core.errors import ConfigError
from tasks.ingest.arrivals import KIND, Kept, Take, unit
from tasks.ingest.coverage import Stretch, covered

Shown = Mapping[str, Any]


def show(name: str, as_json: bool) -> None:
    """Say what is kept of each source, and what of the store is older than that."""
    pipeline = load(name)
    recover(pipeline.store, pipeline.name)
    known = arrivals.all_kept(pipeline)
    found = [_describe(pipeline, kept) for kept in known.values()]
    nights = arrivals.stale_nights(pipeline, known)
    if as_json:
        terminal.print_json({"sources": found, "stale_nights": nights})
        return
    if not found:
        terminal.out.print(f"{pipeline.name} has no source with a watermark or late rows.")
        return
    for source in found:
        terminal.out.print(terminal.table(source["source"], list(_lines(source))))
    for text in stale_told(pipeline.name, nights):
        terminal.out.print(f"[yellow]warning:[/] {text}", soft_wrap=True)


def _describe(pipeline: Pipeline, kept: Kept) -> dict[str, Any]:
    source, business = kept.feed.source, kept.feed.business
    stretches = [take.stretch for take in kept.takes if take.stretch]
    start = business.begins(source.start, source) if source.start else None
    late: Counter[str] = Counter()
    for take in kept.takes:
        for arrived, home, rows in take.counts:
            late[str(home)] += rows if arrived != home else 0
    records = committed_batches(pipeline.store, pipeline.name)
    landed = [r for r in records if r.facts["kind"] in {"night", "landing"}]
    return {
        "source": kept.feed.name,
        "watermark": str(covered(stretches, start) or "") if source.watermark else None,
        "covered": [[s and str(s), str(u)] for s, u in _joined(stretches)],
        "nights": [str(take.night) for take in kept.takes],
        "rows_kept": sum(ref.rows for take in kept.takes for ref in take.files),
        "rows_held": sum(take.held.rows for take in kept.takes if take.held),
        "last_take": kept.takes[-1].facts["account"] if kept.takes else None,
        "late_rows": {day: rows for day, rows in sorted(late.items()) if rows},
        "stale_dates": [
            record.batch
            for record in landed
            if kept.feed.name in arrivals.stale(record, {kept.feed.name: kept})
        ],
    }


def _joined(stretches: Sequence[Stretch]) -> Iterator[tuple[dt.datetime | None, dt.datetime]]:
    """Stretches that touch as one."""
    since = until = None
    for stretch in sorted(stretches, key=lambda s: (s.since is not None, s.since or s.until)):
        if until is not None and stretch.since is not None and stretch.since > until:
            yield since, until
            until = None
        if until is None:
            since = stretch.since
        until = max(until or stretch.until, stretch.until)
    if until is not None:
        yield since, until


def _lines(source: Shown) -> Iterator[dict[str, str]]:
    spans = [f"{since or 'the beginning'} to {until}" for since, until in source["covered"]]
    late = [f"{day} ({rows:,})" for day, rows in source["late_rows"].items()]
    nights = source["nights"]
    values = {
        "read": "; ".join(spans) or (f"{len(nights)} drops" if nights else "nothing yet"),
        "watermark": source["watermark"] or "-",
        "nights": f"{nights[0]} to {nights[-1]} ({len(nights)})" if nights else "-",
        "rows kept": f"{source['rows_kept']:,}",
        "records held back": f"{source['rows_held']:,}",
        "late rows went to": ", ".join(late) or "-",
        "stale dates": ", ".join(source["stale_dates"]) or "-",
    }
    for what, value in values.items():
        yield {"": what, source["source"]: value}


def reset(name: str, source: str | None, first: dt.date | None, yes: bool, as_json: bool) -> None:
    """Forget what nights kept of sources, so that the next night reads it again."""
    pipeline = load(name)
    feeds = arrivals.feeds(pipeline)
    if source is not None and source not in feeds:
        raise ConfigError(
            f"a source with a watermark or late rows: {', '.join(feeds) or 'there is none'}",
            found=repr(source),
            where=str(pipeline.file.path),
            do="Name one of these, or none for all of them.",
        )
    recover(pipeline.store, pipeline.name)
    idle.check(pipeline)
    since = first or dt.date.min
    doomed = {
        feed: [take for take in arrivals.kept(pipeline, feeds[feed]).takes if take.night >= since]
        for feed in ([source] if source else feeds)
    }
    nights = sum(map(len, doomed.values()))
    if nights and not yes:
        click.confirm(
            f"Forget what {nights} nights read of {', '.join(f for f, t in doomed.items() if t)}? "
            "The source is read again; versions that it has overwritten since, and rows that it "
            "has deleted, are lost. What has landed stays until its date is run again",
            abort=True,
            err=True,
        )
    for feed, takes in doomed.items():
        _forget(pipeline, feed, takes)
    told = {feed: [str(take.night) for take in takes] for feed, takes in doomed.items()}
    if as_json:
        terminal.print_json({"forgotten": told})
    else:
        terminal.out.print(f"{nights} nights are forgotten; the next night reads again.")


def _forget(pipeline: Pipeline, name: str, takes: Sequence[Take]) -> None:
    """Publish that nights kept nothing, the latest first: a kill leaves a reset from later on."""
    with lease.hold(arrivals.lock(pipeline, name), attempt_name()):
        for take in sorted(takes, key=lambda take: take.night, reverse=True):
            batch = unit(name, take.night)
            with open_run(pipeline.store, pipeline.name, batch, attempt_name()) as run:
                commit(run, {"kind": KIND, "source": name, "night": str(take.night), "reset": True})
