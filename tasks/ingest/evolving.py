"""New columns of a source that may evolve: taken along as text, behind the declared ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import polars as pl

from tasks.core.artifacts import Landed, Ref
from tasks.core.binary import Bytes, to_base64
from tasks.core.run import OpenTable, Run
from tasks.core.store import table_uri
from tasks.ingest.parts import LINE, SOURCE, Part
from tasks.ingest.schema import Source

_TEXTS = "texts"
_SCHEMA = pl.Schema({SOURCE: pl.String(), LINE: pl.Int64(), _TEXTS: pl.String()})


def new_names(found: Iterable[str], source: Source) -> list[str]:
    """The columns that are new; none where the source may not evolve."""
    if source.drift != "evolve":
        return []
    return [name for name in found if name not in source.columns and not name.startswith("_")]


def as_text(values: Sequence[Any]) -> list[str | None]:
    """Values of any type as text: as they are, bytes in base64, others as JSON writes them."""
    return [
        value
        if value is None or isinstance(value, str)
        else to_base64(value)
        if isinstance(value, Bytes)
        else json.dumps(value, ensure_ascii=False, default=str)
        for value in values
    ]


def frame_as_text(frame: pl.DataFrame, names: Sequence[str]) -> Iterator[pl.Series]:
    """Columns of a typed frame as text; nested ones as JSON."""
    for name in names:
        values = frame[name]
        if values.dtype.is_nested() or values.dtype == pl.Binary:
            yield pl.Series(name, as_text(values.to_list()), dtype=pl.String)
        else:
            yield values.cast(pl.String)


class NewColumns:
    """Collects new columns while a source lands; a file has some, the next one others.

    Args:
        run: the run that lands it.
        name: the source's name.
        source: its declaration.
        stack: closes what is opened.
    """

    def __init__(self, run: Run, name: str, source: Source, stack: ExitStack) -> None:
        self._run, self._name, self._source, self._stack = run, name, source, stack
        self._found: set[str] = set()
        self._table: OpenTable[Landed] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The new columns, by name."""
        return tuple(sorted(self._found))

    def add(self, part: Part) -> None:
        """Keep what a part has beside the declared columns."""
        new = new_names(part.rows.columns, self._source)
        if not new:
            return
        self._found.update(new)
        self._table = self._table or self._stack.enter_context(
            self._run.open_table(Landed, _SCHEMA, self._uri("new-columns.parquet"))
        )
        texts = pl.struct(new).struct.json_encode().alias(_TEXTS)
        origin = pl.lit(part.source).alias(SOURCE), pl.col(LINE).cast(pl.Int64)
        self._table.add(part.rows.select(*origin, texts))

    def join(self, landed: Ref[Landed]) -> Ref[Landed]:
        """The landed table with the new columns, once all is written; as it was without any."""
        if self._table is None or self._table.ref is None:
            return landed
        fields = pl.Struct({name: pl.String() for name in self.names})
        texts = pl.col(_TEXTS).str.json_decode(fields)
        new = self._run.scan(self._table.ref).with_columns(texts).unnest(_TEXTS)
        rows = self._run.scan(landed).join(
            new, on=[SOURCE, LINE], how="left", maintain_order="left"
        )
        columns = [*self._source.columns, *self.names, SOURCE, LINE]
        return self._run.write_table(Landed, rows.select(columns), self._uri("evolved.parquet"))

    def _uri(self, file: str) -> str:
        return table_uri("landed", self._run.pipeline, self._name, self._run.batch, file)


def texts(columns: Mapping[str, Sequence[Any]], source: Source) -> Iterator[pl.Series]:
    """The new columns among columns of values, as text."""
    for name in new_names(columns, source):
        yield pl.Series(name, as_text(columns[name]), dtype=pl.String)
