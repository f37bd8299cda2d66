"""Take one person's rows out of what a batch published, and tell what was made from it its digests.

A person is told by the keyed hash that stands for them in every personal column, and by the events
in whose rows it stands: tables of features and scores name events alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from tasks.core.artifacts import Ref
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.keys import canonical_json
from tasks.core.ledger import to_frame
from tasks.core.parquet import read_metadata
from tasks.core.records import Commit
from tasks.core.results import LedgerLine
from tasks.core.run import Run
from tasks.core.store import Store

FORGOTTEN = "forgotten"
RENEWED = "renewed"

_OF_ROWS = frozenset(
    {"arrivals", "landed", "valid", "quarantined", "mended", "prepared"}
    | {"features", "labels", "parts", "examples", "scores"}
)
_PUBLIC_OF_ROWS = frozenset({EVENT_ID, "raw"})
_INPUTS = "lamplighter.inputs"
# Which file holds what a stage passed on.
_PASSED_ON = {
    "ingest": "landed",
    "validate": "valid",
    "features": "features",
    "examples": "examples",
    "score": "scores",
}
_BY_TABLE = {"landed", "valid"}  # the other layers have one table of events
_STAGE, _HELD = "forget", "quarantine"
_NOTE = (
    "The rows of a person were taken out of this batch. Its tables are whole without them; "
    "run the date again for a new page."
)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to forget.

    Args:
        hashed: the keyed hash of their value.
        events: the ids of the events it stands in.
    """

    hashed: str
    events: frozenset[str] = frozenset()

    def has(self, schema: pl.Schema) -> pl.Expr:
        """Whether a row is theirs."""
        told = [_tells(name, dtype, self.hashed) for name, dtype in schema.items()]
        own = [pl.col(EVENT_ID).is_in(sorted(self.events))] if EVENT_ID in schema else []
        return pl.any_horizontal(pl.lit(False), *(one for one in (*told, *own) if one is not None))


@dataclass(frozen=True, slots=True)
class Found:
    """What of a batch is a person's.

    Args:
        rows: rows of theirs, by the URI of their table.
        texts: files and tables that name them and are not of rows.
        models: files of models that do: nothing can be taken out of these.
    """

    rows: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


def events_of(store: Store, record: Commit, person: Person, event: EventConfig) -> Iterator[str]:
    """The ids of a person's events, from the tables of a batch that name the person."""
    for ref in record.files:
        if ref.stage in _OF_ROWS and ref.uri.endswith(".parquet"):
            table = store.scan(ref)
            schema = table.collect_schema()
            if set(event.key) <= set(schema):
                yield from table.filter(person.has(schema)).select(event.id()).collect().to_series()


def find(store: Store, record: Commit, person: Person) -> Found:
    """Look through every file of a batch."""
    found = Found()
    for ref in record.files:
        if not ref.uri.endswith(".parquet"):
            if person.hashed.encode() in store.read_bytes(ref):
                (found.models if ref.stage == "model" else found.texts).append(ref.uri)
            continue
        table = store.scan(ref)
        schema = table.collect_schema()
        count = int(table.select(person.has(schema).sum()).collect().item())
        if count and _is_of_rows(ref, schema):
            found.rows[ref.uri] = count
        elif count:
            found.texts.append(ref.uri)
    if any("/alerts/" in uri for uri in found.rows):  # pages show alerts
        pages = [ref.uri for ref in record.files if ref.uri.endswith((".html", ".md"))]
        found.texts.extend(uri for uri in pages if uri not in found.texts)
    return found


def rewrite(run: Run, record: Commit, person: Person, found: Found) -> dict[str, Any]:
    """Write the files of a batch that hold something of a person anew, and keep the others.

    Returns:
        The facts of the new record: what `forget` did is a last line of the ledger, and the
        digests that the files had are told, for whatever was made from them.
    """
    lines = [LedgerLine(**line) for line in record.facts.get("ledger", ())]
    ended = list(_ledger_ends(lines, record, found))
    changed = {*found.rows, *found.texts}
    for ref in record.files:
        is_ledger = bool(ended) and "/ledger/" in ref.uri
        if ref.uri not in changed and not is_ledger:
            run.keep(ref)
        elif not ref.uri.endswith(".parquet"):
            _rewrite_text(run, ref, person)
        else:
            made = type(ref.stage, (), {})
            table = run.store.scan(ref)
            rows = _with_ends(table, ended) if is_ledger else _without(table, ref, person)
            run.write_table(made, rows, ref.uri, read_metadata(run.store.path(ref.uri)))
            changed.add(ref.uri)
    before: Mapping[str, list[str]] = record.facts.get(RENEWED, {})
    had = {ref.uri: [*before.get(ref.uri, []), ref.sha256] for ref in record.files}
    renewed = {**before, **{uri: had[uri] for uri in sorted(changed)}}
    ledger = [*record.facts.get("ledger", []), *map(asdict, ended)]
    return {**record.facts, **({"ledger": ledger} if ledger else {}), RENEWED: renewed}


def renewals(records: Iterator[Commit]) -> dict[tuple[str, str], str]:
    """The digest that each file has now, by its URI and any digest it had before."""
    return {
        (uri, old): ref.sha256
        for record in records
        for uri, olds in record.facts.get(RENEWED, {}).items()
        for ref in record.files
        if ref.uri == uri
        for old in olds
    }


def renew(run: Run, record: Commit, renewed: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Write a batch whose tables and facts name the digests that its inputs have now."""
    for ref in record.files:
        metadata = _renewed_metadata(run.store, ref, renewed)
        if metadata is None:
            run.keep(ref)
        else:
            run.write_table(type(ref.stage, (), {}), run.store.scan(ref), ref.uri, metadata)
    inputs = _renewed(record.facts.get("inputs", {}), renewed)
    return {**record.facts, "inputs": inputs}


def is_outdated(record: Commit, renewed: Mapping[tuple[str, str], str]) -> bool:
    """Whether a batch names digests that its inputs no longer have."""
    return any((uri, sha) in renewed for uri, sha in record.facts.get("inputs", {}).items())


def _is_of_rows(ref: Ref[Any], schema: pl.Schema) -> bool:
    return ref.stage in _OF_ROWS or bool(_PUBLIC_OF_ROWS & set(schema))


def _tells(name: str, dtype: pl.DataType, text: str) -> pl.Expr | None:
    """Whether a cell has a text in it; None for a column that holds no texts."""
    if "String" not in str(dtype):
        return None
    column = pl.col(name)
    said = pl.struct(column).struct.json_encode() if dtype.is_nested() else column
    return said.str.contains(text, literal=True).fill_null(False)


def _without(table: pl.LazyFrame, ref: Ref[Any], person: Person) -> pl.LazyFrame:
    schema = table.collect_schema()
    if _is_of_rows(ref, schema):
        return table.filter(~person.has(schema))
    texts = [name for name, dtype in schema.items() if dtype == pl.String]
    return table.with_columns(
        pl.col(texts).str.replace_all(person.hashed, f"({FORGOTTEN})", literal=True)
    )


def _rewrite_text(run: Run, ref: Ref[Any], person: Person) -> None:
    content, made = run.store.read_bytes(ref), type(ref.stage, (), {})
    if ref.uri.endswith(".json"):
        content = content.replace(person.hashed.encode(), f"({FORGOTTEN})".encode())
    elif ref.uri.endswith(".html"):
        content = f"<!doctype html><meta charset=utf-8><title>{FORGOTTEN}</title>{_NOTE}".encode()
    else:
        content = f"{_NOTE}\n".encode()
    run.write_bytes(made, content, ref.uri)


def _ledger_ends(lines: list[LedgerLine], record: Commit, found: Found) -> Iterator[LedgerLine]:
    """A line for each table of which rows go that its last stage passed on or held back."""
    passed_on = {line.table: line.rows_out for line in lines}
    layers = {line.table: _PASSED_ON.get(line.stage) for line in lines if line.stage != _STAGE}
    if lines:
        held = sum(ref.rows for ref in record.files if ref.uri.startswith(f"{_HELD}/"))
        passed_on, layers = {_HELD: held, **passed_on}, {**layers, _HELD: _HELD}
    for table, layer in layers.items():
        gone = _gone(found, layer, table)
        if gone:
            rows = passed_on[table]
            yield LedgerLine(_STAGE, table, rows, rows - gone, 0, {FORGOTTEN: gone})


def _gone(found: Found, layer: str | None, table: str) -> int:
    """Rows that go of what a table's last stage passed on."""
    place = f"/{table}/" if layer in _BY_TABLE else "/"
    return sum(n for uri, n in found.rows.items() if uri.startswith(f"{layer}/") and place in uri)


def _with_ends(table: pl.LazyFrame, ended: list[LedgerLine]) -> pl.LazyFrame:
    """The public ledger with more lines, of the run that it tells of."""
    before = table.collect()
    told = {name: before[name][0] for name in before.columns if name == "run_id"}
    more = to_frame(ended).with_columns(**{name: pl.lit(value) for name, value in told.items()})
    return pl.concat([before, more.select(before.columns).cast(before.schema)]).lazy()


def _renewed(inputs: Mapping[str, str], renewed: Mapping[tuple[str, str], str]) -> dict[str, str]:
    return {uri: renewed.get((uri, sha), sha) for uri, sha in inputs.items()}


def _renewed_metadata(
    store: Store, ref: Ref[Any], renewed: Mapping[tuple[str, str], str]
) -> dict[str, str] | None:
    """A table's own metadata with the digests of today; None where they are in it."""
    if not ref.uri.startswith("reports/") or not ref.uri.endswith(".parquet"):
        return None
    metadata = read_metadata(store.verify(ref))
    inputs = json.loads(metadata.get(_INPUTS, "{}"))
    if not any((uri, sha) in renewed for uri, sha in inputs.items()):
        return None
    return {**metadata, _INPUTS: canonical_json(_renewed(inputs, renewed)).decode()}
