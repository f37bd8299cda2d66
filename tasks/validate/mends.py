"""Mends: what rows that were held back should say, kept beside their night.

A mend names a row by source and line, and what it said when it was held back. It is an input of
its night like the source itself: each run of the date applies it between `ingest` and `validate`,
so that the ledger balances without a special case. Where the source has since changed under it,
the mend no longer fits and the night says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.binary import as_json, tell, to_base64
from tasks.core.errors import ConfigError, DataError
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.results import LedgerLine
from tasks.validate.retype import retype

SCHEMA: dict[str, pl.DataType] = {
    "stage": pl.String(),
    "table": pl.String(),
    "source": pl.String(),
    "line": pl.Int64(),
    "was": pl.String(),
    "raw": pl.String(),
}
_ROW = ["table", "source", "line"]
_ORIGIN = [SOURCE, LINE]


class Mended:
    """The mends of one batch date, by `SCHEMA`."""


@dataclass(frozen=True, slots=True)
class Mending:
    """A table with its mends applied.

    Args:
        rows: the landed rows, mended ones in place, those `ingest` had held back among them.
        held: what `ingest` still holds back.
        added: rows that `ingest` had held back and that landed now.
    """

    rows: pl.LazyFrame
    held: pl.DataFrame
    added: int


def read_mends(text: str, held: pl.DataFrame, where: str) -> pl.DataFrame:
    """Read mended rows, as `lamplighter quarantine show --json` prints them.

    Args:
        text: one JSON object a line with table, source, line and raw: the row as an object.
        held: the rows that are held back, by `tasks.core.quarantine.SCHEMA`.
        where: the file, for messages.

    Returns:
        By `SCHEMA`, a mend for each row whose `raw` is no longer what it was.

    Raises:
        ConfigError: a line is no such object, or names no row that is held back.
    """
    known = {(r["table"], r["source"], r["line"]): r for r in held.iter_rows(named=True)}
    mends: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        entry = _entry(line, f"{where}:{number}")
        row = tuple(entry[name] for name in _ROW)
        if row not in known:
            raise _fault(f"{where}:{number}", "a row that is held back", _place(entry))
        if row in mends:
            raise _fault(f"{where}:{number}", "each row once", f"{_place(entry)} again")
        was = known[row]["raw"]
        if not _same(was, entry["raw"]):
            raw = json.dumps(entry["raw"], ensure_ascii=False)
            mends[row] = {**known[row], "was": was, "raw": raw}
    return pl.DataFrame([*mends.values()], schema=SCHEMA, orient="row")


def merge(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """Put later mends over earlier ones; a row mended twice was what it was at first."""
    first = earlier.select(*_ROW, first_stage="stage", first_was="was")
    renewed = later.join(first, on=_ROW, how="left", maintain_order="left").with_columns(
        stage=pl.coalesce("first_stage", "stage"), was=pl.coalesce("first_was", "was")
    )
    kept = earlier.join(later, on=_ROW, how="anti", maintain_order="left")
    return pl.concat([kept, renewed.select(list(SCHEMA))]).sort(_ROW)


def apply(table: str, landed: pl.LazyFrame, held: pl.DataFrame, mends: pl.DataFrame) -> Mending:
    """Apply the mends of one table.

    Args:
        table: its name.
        landed: its landed rows.
        held: what `ingest` holds back of it.
        mends: the mends of the date, of any table.

    Raises:
        DataError: a mend does not fit: its row is gone or says something else now, or what the
            mend says does not fit the table's types.
    """
    own = mends.filter(table=table)
    of_landed, of_held = own.filter(stage="validate"), own.filter(stage="ingest")
    _check_fit(table, of_landed, _as_held(landed, of_landed))
    _check_fit(table, of_held, held)
    schema = landed.collect_schema()
    columns = {n: schema[n] for n in schema if n not in _ORIGIN}
    typed = retype(_with_long_bytes(own, columns, landed), columns)
    mended = typed.with_columns(own["source"].alias(SOURCE), own["line"].alias(LINE))
    kept = landed.join(mended.lazy(), on=_ORIGIN, how="anti", maintain_order="left")
    rows = pl.concat([kept, mended.select(list(schema)).lazy()]).sort(_ORIGIN, maintain_order=True)
    still_held = held.join(of_held, on=["source", "line"], how="anti", maintain_order="left")
    return Mending(rows, still_held, of_held.height)


def amend(line: LedgerLine, added: int) -> LedgerLine:
    """The ledger line of `ingest`, once rows it held back have landed."""
    return LedgerLine(
        line.stage,
        line.table,
        line.rows_in,
        line.rows_out + added,
        line.quarantined - added,
        line.rejected,
    )


def _as_held(landed: pl.LazyFrame, mends: pl.DataFrame) -> pl.DataFrame:
    """The landed rows that mends are about, as quarantine would write them."""
    keys = mends.lazy().select(pl.col("source").alias(SOURCE), pl.col("line").alias(LINE))
    columns = {c: d for c, d in landed.collect_schema().items() if c not in _ORIGIN}
    rows = landed.join(keys, on=_ORIGIN, how="semi")
    return rows.select(source=SOURCE, line=LINE, raw=as_json(columns)).collect()


def _with_long_bytes(
    mends: pl.DataFrame, columns: Mapping[str, pl.DataType], landed: pl.LazyFrame
) -> list[str]:
    """What the mends say; bytes that they tell by their digest alone as the landed row has them."""
    binary = [name for name, dtype in columns.items() if dtype == pl.Binary]
    if not binary:
        return mends["raw"].to_list()
    keys = mends.lazy().select(pl.col("source").alias(SOURCE), pl.col("line").alias(LINE))
    rows = landed.join(keys, on=_ORIGIN, how="semi").select(*_ORIGIN, *binary).collect()
    known = {row[:2]: [v for v in row[2:] if v is not None] for row in rows.iter_rows()}
    said = []
    for source, line, raw in mends.select("source", "line", "raw").iter_rows():
        whole = {tell(v): f"base64:{to_base64(v)}" for v in known.get((source, line), ())}
        # numbers stay the text they were: a decimal must not pass through a float
        content = json.loads(raw, parse_float=str, parse_int=str)
        said.append(json.dumps({k: whole.get(str(v), v) for k, v in content.items()}))
    return said


def _check_fit(table: str, mends: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Hold that each mend finds its row as it was."""
    found = rows.select("source", "line", is_now="raw")
    joined = mends.join(found, on=["source", "line"], how="left", maintain_order="left")
    stale = joined.filter(pl.col("was").ne_missing(pl.col("is_now")))
    if stale.height:
        gone = stale["is_now"].null_count()
        raise DataError(
            f"{mends.height} mended rows of {table} as they were when they were mended",
            found=f"{gone} gone and {stale.height - gone} changed in the source since",
            where="; ".join(_place({"table": table, **row}) for row in stale.head(5).to_dicts()),
            do="Mend the rows again, or drop the mends: lamplighter quarantine replay --drop.",
        )


def _entry(line: str, where: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise _fault(where, "a JSON object", f"no JSON at column {error.colno}") from None
    if not isinstance(entry, dict):
        raise _fault(where, "a JSON object", f"a {type(entry).__name__}")
    missing = [name for name in (*_ROW, "raw") if name not in entry]
    if missing:
        raise _fault(where, "the keys table, source, line and raw", f"no {', '.join(missing)}")
    raw = entry["raw"]
    if isinstance(raw, str):
        raw = _object_or_text(raw)
    if not isinstance(raw, dict):
        raise _fault(where, "raw as a JSON object of the row's columns", f"{type(raw).__name__}")
    return {**entry, "raw": raw}


def _object_or_text(raw: str) -> Any:
    try:
        return json.loads(raw)
    except json.JSONDecodeError:
        return raw


def _same(was: str, now: Mapping[str, Any]) -> bool:
    return bool(_object_or_text(was) == now)


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['table']}, {row['source']}, line {row['line']}"


def _fault(where: str, required: str, found: str) -> ConfigError:
    do = "Take the rows from: lamplighter quarantine show --json."
    return ConfigError(required, found=found, where=where, do=do)
