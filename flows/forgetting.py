"""`lamplighter forget`: one person's rows out of every layer of a pipeline's store.

First the units that were made from nights, then the nights, the latest first: a night's rows are
found by what earlier units still hold, so a kill leaves each unit as it was or as it shall be, and
the command run again finds the rest. Then every unit learns the digests that its inputs have now.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import polars as pl

from flows import arrivals, clock, idle, terminal
from flows.pipeline import Pipeline, load
from tasks.core import lease
from tasks.core.artifacts import Model
from tasks.core.commit import PRUNING, commit, committed_batches, open_run, recover, withdraw
from tasks.core.errors import ConfigError
from tasks.core.forgetting import (
    FORGOTTEN,
    Found,
    Person,
    events_of,
    find,
    is_outdated,
    renew,
    renewals,
    rewrite,
)
from tasks.core.records import Commit
from tasks.features import shelf
from tasks.ingest.arrivals import ARRIVED, FATE, HOME, KIND, Kept, span
from tasks.ingest.masking import HASH, mask_of
from tasks.models.aliases import BATCH

_STALE = "stale"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out; never whose it was.

    Args:
        pipeline: the pipeline.
        number: how many times something was forgotten, this one included.
        rows: rows, by the layer they lay in.
        batches: units that were written anew.
        trained: versions of models that were trained on rows of theirs.
        holding: files of models that hold the hash itself, which only another training replaces.
    """

    pipeline: str
    number: int
    rows: Mapping[str, int]
    batches: int
    trained: tuple[str, ...]
    holding: tuple[str, ...]


def run(name: str, value: str, yes: bool, as_json: bool) -> None:
    """Forget a person, and say what was taken out."""
    pipeline = load(name)
    hashed = _hashed(pipeline, value)
    if not yes:
        click.confirm(
            f"Take every row of this person out of {pipeline.store.root}? It cannot be undone, and "
            "what the sources still have comes back when a date is landed again",
            abort=True,
            err=True,
        )
    done = forget(pipeline, hashed)
    if as_json:
        terminal.print_json(asdict(done))
    else:
        _tell(done)


def forget(pipeline: Pipeline, hashed: str) -> Forgotten:
    """Take out every row that a hash stands in, and those of its events.

    Raises:
        BusyError: a run of the pipeline is going.
        IntegrityError: a file was changed since it was committed; its batch is left as it is.
    """
    from flows import delta
    from flows.publishing import refresh_index

    store, attempt = pipeline.store, clock.attempt_name()
    recover(store, pipeline.name)
    with lease.hold(store.path(f"leases/{pipeline.name}/{PRUNING}.lock"), attempt):
        idle.check(pipeline, but_for=attempt)
        number, stale = _begin(pipeline, attempt)
        person = _person(pipeline, hashed)
        _drop_tallies(pipeline, attempt)
        rows, holding, valid, batches = _take_out(pipeline, person, attempt)
        _renew(pipeline, stale, attempt)
        trained = _note_models(pipeline, valid, number, attempt)
        done = Forgotten(
            pipeline.name, number, dict(sorted(rows.items())), batches, trained, tuple(holding)
        )
        facts = {"kind": FORGOTTEN, "done": True, "on": str(clock.now()), **asdict(done)}
        with open_run(store, pipeline.name, f"{FORGOTTEN}-{number}", attempt) as run:
            commit(run, facts)
    delta.renew(pipeline)
    refresh_index(pipeline)
    return done


def _hashed(pipeline: Pipeline, value: str) -> str:
    """The hash that stands for a value, which may be that hash already."""
    for name, source in pipeline.config.sources.items():
        if source.personal is not None:
            where = f"sources.{name}.personal.key"
            is_hash = HASH.fullmatch(value)
            return (
                value
                if is_hash
                else mask_of(source.personal.key, pipeline.secrets, where).hashed(value)
            )
    raise ConfigError(
        "a source with personal columns, by whose hashes a person is found",
        found="none",
        where=str(pipeline.file.path),
        do="Declare them: sources.NAME.personal; what was stored before that has to be made anew.",
    )


def _begin(pipeline: Pipeline, attempt: str) -> tuple[int, list[list[str]]]:
    """Write down that forgetting begins, and what was stale before; or go on where it was left.

    Returns:
        Its number, and the dates with the sources that were stale.
    """
    records = list(committed_batches(pipeline.store, pipeline.name, f"{FORGOTTEN}-"))
    for record in records:
        if not record.facts["done"]:
            return int(record.facts["number"]), record.facts[_STALE]
    known = arrivals.all_kept(pipeline)
    stale = [
        [record.batch, source]
        for record in committed_batches(pipeline.store, pipeline.name)
        if record.facts.get("arrivals")
        for source in arrivals.stale(record, known)
    ]
    number = len(records) + 1
    with open_run(pipeline.store, pipeline.name, f"{FORGOTTEN}-{number}", attempt) as run:
        commit(run, {"kind": FORGOTTEN, "done": False, "number": number, _STALE: stale})
    return number, stale


def _person(pipeline: Pipeline, hashed: str) -> Person:
    """A person, with the events that every table still tells of."""
    named, event = Person(hashed), pipeline.config.event
    events = {
        one
        for record in committed_batches(pipeline.store, pipeline.name)
        for one in events_of(pipeline.store, record, named, event)
    }
    return Person(hashed, frozenset(events))


def _drop_tallies(pipeline: Pipeline, attempt: str) -> None:
    """Take away what entities' rows come to, for theirs are in it; the next night makes it anew."""
    for record in list(committed_batches(pipeline.store, pipeline.name, f"{shelf.KIND}-")):
        with open_run(pipeline.store, pipeline.name, record.batch, attempt) as run:
            withdraw(run)


def _take_out(
    pipeline: Pipeline, person: Person, attempt: str
) -> tuple[Counter[str], list[str], set[str], int]:
    """Write every unit anew that holds something.

    Returns:
        Rows by layer, files of models that hold the hash, valid tables that lost rows, and units.
    """
    rows: Counter[str] = Counter()
    holding: list[str] = []
    valid: set[str] = set()
    batches = 0
    for record in sorted(committed_batches(pipeline.store, pipeline.name), key=_turn):
        found = find(pipeline.store, record, person)
        holding.extend(found.models)
        if not found.rows and not found.texts:
            continue
        batches += 1
        valid.update(uri for uri in found.rows if uri.startswith("valid/"))
        for uri, count in found.rows.items():
            rows[uri.partition("/")[0]] += count
        with open_run(pipeline.store, pipeline.name, record.batch, attempt) as run:
            facts = rewrite(run, record, person, found)
            if record.facts.get("kind") == KIND:
                facts["counts"] = _counts(pipeline, record, person, found)
            commit(run, facts)
    return rows, holding, valid, batches


def _turn(record: Commit) -> tuple[bool, int]:
    """Units without a night's date first, then the latest night first."""
    try:
        return True, -dt.date.fromisoformat(record.batch).toordinal()
    except ValueError:
        return False, 0


def _counts(pipeline: Pipeline, record: Commit, person: Person, found: Found) -> list[list[Any]]:
    """The counts of arrivals by date of arrival and of belonging, without a person's."""
    feed = arrivals.feeds(pipeline)[record.facts["source"]]
    counts = {(on, home): rows for on, home, rows in record.facts["counts"]}
    for ref in record.files:
        if ref.uri not in found.rows or ref.stage != KIND:
            continue
        table = pipeline.store.scan(ref)
        first, last = span(ref)
        own = table.filter(
            person.has(table.collect_schema()),
            pl.col(FATE).is_null(),
            pl.col(HOME).is_between(pl.lit(first), pl.lit(last)),
        )
        for on, home, gone in own.group_by(ARRIVED, HOME).len().collect().rows():
            day = feed.business.due(on) if feed.source.late else on
            counts[str(day), str(home)] -= gone
    return [[on, home, rows] for (on, home), rows in sorted(counts.items()) if rows]


def _renew(pipeline: Pipeline, stale: Sequence[Sequence[str]], attempt: str) -> None:
    """Have every unit name the digests that what it was made from has now."""
    store = pipeline.store
    renewed = renewals(committed_batches(store, pipeline.name))
    known = arrivals.all_kept(pipeline)
    before = {(batch, source) for batch, source in stale}
    for record in list(committed_batches(store, pipeline.name)):
        merged = dict(_merged(record, known, before))
        if not is_outdated(record, renewed) and merged == record.facts.get("arrivals", {}):
            continue
        with open_run(store, pipeline.name, record.batch, attempt) as run:
            facts = renew(run, record, renewed)
            commit(run, {**facts, "arrivals": merged} if "arrivals" in facts else facts)


def _merged(
    record: Commit, known: Mapping[str, Kept], stale: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The digests of the arrivals that a date was merged from, as they are now."""
    for name, digest in record.facts.get("arrivals", {}).items():
        is_fresh = name in known and (record.batch, name) not in stale
        day = dt.date.fromisoformat(record.batch)
        yield name, known[name].inputs(day).digest if is_fresh else digest


def _note_models(pipeline: Pipeline, valid: set[str], number: int, attempt: str) -> tuple[str, ...]:
    """Leave a note beside every model that was trained on tables which lost rows.

    Returns:
        Their versions.
    """
    store = pipeline.store
    models = {record.batch: record for record in committed_batches(store, pipeline.name)}.get(BATCH)
    if models is None:
        return ()
    noted = {}
    for ref in models.files:
        if ref.uri.endswith("/model.json"):
            facts = json.loads(store.read_bytes(ref))["facts"]
            if valid & set(facts["reference"]["inputs"]):
                noted[ref.uri.split("/")[2]] = f"{ref.uri.rpartition('/')[0]}/{FORGOTTEN}.json"
    with open_run(store, pipeline.name, BATCH, attempt) as run:
        before = {ref.uri: ref for ref in models.files}
        for ref in models.files:
            if ref.uri not in noted.values():
                run.keep(ref)
        for uri in noted.values():
            told = json.loads(store.read_bytes(before[uri]))["forgotten"] if uri in before else []
            note = {
                "note": "Rows of persons this model was trained on were taken out since.",
                "forgotten": sorted({*told, number}),
            }
            run.write_bytes(Model, json.dumps(note).encode(), uri)
        commit(run, models.facts)
    return tuple(sorted(noted))


def _tell(done: Forgotten) -> None:
    rows = ", ".join(f"{layer} {count:,}" for layer, count in done.rows.items())
    terminal.out.print(f"forgotten: {rows or 'no row was found'}", soft_wrap=True)
    if done.trained:
        terminal.out.print(f"  trained on them, and noted so: {', '.join(done.trained)}")
    for file in done.holding:
        terminal.out.print(
            f"[yellow]warning:[/] {file} learned the hash itself: train again, twice, so that no "
            "model that serves holds it",
            soft_wrap=True,
        )
