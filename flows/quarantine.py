"""`lamplighter quarantine`: what is held back, and bringing it back into its night."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from flows import commands, mends, terminal
from flows.pipeline import Pipeline, load
from tasks.core import quarantine
from tasks.core.artifacts import Quarantined, Ref
from tasks.core.commit import committed_batches, last_commit, recover
from tasks.core.errors import ConfigError
from tasks.core.records import Commit
from tasks.ingest.masking import mask_object, mask_of
from tasks.ingest.reread import as_objects
from tasks.validate.held import count_by_reason, find
from tasks.validate.mends import merge, read_mends

if TYPE_CHECKING:
    from flows.publishing import Night

_INCIDENT = "incident-"
_ROW = ("table", "source", "line")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which held rows are asked for; None asks for all.

    Args:
        stage: the stage that held them back.
        table: their table.
        reason: one of their reasons.
    """

    stage: str | None = None
    table: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to.

    Args:
        batch_date: the date.
        mends: rows of the date that are mended now.
        held_before: rows that were held back.
        held: rows that still are.
        night: the night that ran again; None where the date was only landed.
        stale: later nights whose features look back on the date and were run before.
    """

    batch_date: str
    mends: int
    held_before: int
    held: int
    night: Night | None
    stale: tuple[str, ...]


def list_held(name: str, date: dt.date | None, as_json: bool) -> None:
    """Count the held rows of a date, or of every date, by stage, table and reason."""
    pipeline = load(name)
    counts = [
        {"date": day, **row}
        for day, record in _dates(pipeline, date)
        for row in count_by_reason(held_rows(pipeline, record).lazy()).to_dicts()
    ]
    if as_json:
        terminal.print_json(counts)
    elif counts:
        terminal.out.print(terminal.table(f"Held back in {pipeline.name}", counts))
    else:
        terminal.out.print(f"No row of {pipeline.name} is held back.")


def show_held(name: str, date: dt.date, wanted: Wanted, as_json: bool) -> None:
    """Print held rows: as a table, or as JSON lines to be mended and replayed."""
    pipeline = load(name)
    held = held_rows(pipeline, _record(pipeline, date))
    found = find(held.lazy(), wanted.stage, wanted.table, wanted.reason).collect()
    if as_json:
        for row in _with_objects(pipeline, found):
            terminal.print_json(row)
        return
    shown = found.with_columns(pl.col("reasons").list.join("; ")).select(
        "stage", "table", "source", "line", "reasons", "raw"
    )
    if shown.height:
        terminal.print_records(shown.to_dicts(), shown.columns)
    terminal.out.print(f"{shown.height:,} of {held.height:,} rows held back on {date}")


def replay(name: str, date: dt.date, file: Path | None, drop: bool, as_json: bool) -> None:
    """Take mends in, and run the date again."""
    done = _replay(name, date, file, drop, as_json)
    if as_json:
        terminal.print_json(asdict(done))
        return
    terminal.out.print(
        f"[bold]{done.batch_date}[/] replayed with {done.mends:,} mended rows: "
        f"{done.held:,} held back, {done.held_before:,} before"
    )
    for day in done.stale:
        terminal.out.print(
            f"[yellow]warning:[/] {day} was run on the rows as they were before: run it again"
        )
    if done.night is not None:
        from flows.summaries import tell_night

        tell_night(done.night, load(name).store.root)


def held_rows(pipeline: Pipeline, record: Commit | None) -> pl.DataFrame:
    """What a date holds back, by `tasks.core.quarantine.SCHEMA`, in the order of the sources."""
    nothing = pl.DataFrame(schema=quarantine.SCHEMA)
    tables = [pipeline.store.scan(ref).collect() for ref in _held_tables(record)] if record else []
    return pl.concat([nothing, *tables])


def _held_tables(record: Commit) -> Iterator[Ref[Quarantined]]:
    for uri in record.facts.get("held", ()):
        if (ref := record.find(Quarantined, uri)) is not None:
            yield ref


def _record(pipeline: Pipeline, date: dt.date) -> Commit | None:
    """What was published last for a date: its tables, or why its gate stayed closed."""
    record = last_commit(pipeline.store, pipeline.name, str(date))
    incident = last_commit(pipeline.store, pipeline.name, f"{_INCIDENT}{date}")
    if incident is None or not incident.facts.get("held"):
        return record
    # the name of an attempt begins with its time
    return max(filter(None, (record, incident)), key=lambda one: one.attempt)


def _dates(pipeline: Pipeline, date: dt.date | None) -> Iterator[tuple[str, Commit]]:
    """The date, or every date, that was landed or tried."""
    batches = (
        r.batch for r in committed_batches(pipeline.store, pipeline.name) if "held" in r.facts
    )
    days = {batch.removeprefix(_INCIDENT) for batch in batches}
    for day in sorted(days if date is None else days & {str(date)}):
        record = _record(pipeline, dt.date.fromisoformat(day))
        if record is not None:
            yield day, record


def _with_objects(pipeline: Pipeline, held: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for (table, name), rows in held.group_by("table", "source", maintain_order=True):
        source = pipeline.config.sources[str(table)]
        raws = as_objects(rows["raw"].to_list(), str(name), source, pipeline.folder)
        for row, raw in zip(rows.to_dicts(), raws, strict=True):
            yield {**row, "raw": raw}


def _replay(name: str, date: dt.date, file: Path | None, drop: bool, quiet: bool) -> Replayed:
    pipeline = load(name)
    recover(pipeline.store, pipeline.name)
    record = _record(pipeline, date)
    before, held = mends.read(pipeline, str(date)), held_rows(pipeline, record)
    wanted = before.clear() if drop else before
    if file is not None:
        wanted = merge(wanted, _read(pipeline, file, held, before))
    mends.store(pipeline, str(date), wanted)
    try:
        night = _run_again(name, date, pipeline, record, quiet)
    except BaseException:
        # a replay that fails leaves the date as it was, its mends included
        mends.store(pipeline, str(date), before)
        raise
    after = held_rows(pipeline, _record(pipeline, date)).height
    stale = tuple(_nights_after(pipeline, date))
    return Replayed(str(date), wanted.height, held.height, after, night, stale)


def _read(pipeline: Pipeline, file: Path, held: pl.DataFrame, mended: pl.DataFrame) -> pl.DataFrame:
    """The mends of a file, for rows that are held back or were before they were mended."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "a readable file of mended rows in UTF-8",
            found=type(error).__name__,
            where=str(file),
            do="Take the rows from: lamplighter quarantine show --json.",
        ) from error
    no_reason = pl.lit([], dtype=pl.List(pl.String))
    passed = mended.join(held, on=_ROW, how="anti").with_columns(reasons=no_reason, raw="was")
    known = pl.concat([held, passed.select(list(quarantine.SCHEMA))])
    wanted = read_mends(_without_unchanged(pipeline, text, known), known, str(file))
    return wanted.with_columns(
        pl.Series("raw", [_masked(pipeline, *row) for row in wanted.select("table", "raw").rows()])
    ).cast(wanted.schema)


def _masked(pipeline: Pipeline, table: str, raw: str) -> str:
    """A mended row, its personal values hashed as those of its source are."""
    personal = pipeline.config.sources[table].personal
    if personal is None:
        return raw
    mask = mask_of(personal.key, pipeline.secrets, f"sources.{table}.personal.key")
    masked = mask_object(json.loads(raw), personal.columns, mask)
    return json.dumps(masked, ensure_ascii=False)


def _without_unchanged(pipeline: Pipeline, text: str, known: pl.DataFrame) -> str:
    """Blank the lines that are as `quarantine show --json` prints them."""
    printed = {tuple(row[n] for n in _ROW): row["raw"] for row in _with_objects(pipeline, known)}

    def is_unchanged(line: str) -> bool:
        try:
            entry = json.loads(line)
            return bool(printed[tuple(entry[n] for n in _ROW)] == entry["raw"])
        except (ValueError, TypeError, KeyError):
            return False  # read_mends says what is wrong with it

    return "\n".join("" if is_unchanged(line) else line for line in text.splitlines())


def _run_again(
    name: str, date: dt.date, pipeline: Pipeline, record: Commit | None, quiet: bool
) -> Night | None:
    from flows.landing import land_again
    from flows.nightly import nightly

    if record is None or record.facts["kind"] != "landing":
        return commands.call(nightly, (name, date), f"{pipeline.name} {date}", quiet)
    with commands.served(name, f"landing {pipeline.name} {date}", quiet):
        land_again(load(name), record)
    return None


def _nights_after(pipeline: Pipeline, date: dt.date) -> Iterator[str]:
    """Nights of later dates whose window reaches back to the date."""
    last = date + pipeline.config.lookback
    for record in committed_batches(pipeline.store, pipeline.name):
        if record.facts["kind"] == "night" and str(date) < record.batch <= str(last):
            yield record.batch
