"""Held-back records of delimited files as objects again, so that a person can mend them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.binary import as_json
from tasks.core.errors import SourceError
from tasks.ingest import text
from tasks.ingest.body import Body
from tasks.ingest.compression import open_file
from tasks.ingest.config import FilesConfig, SourceConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import read_header
from tasks.ingest.evolving import new_names
from tasks.ingest.odd_records import Dialect, read_record
from tasks.ingest.schema import ColumnType


def as_objects(
    raws: Sequence[str], name: str, source: SourceConfig, folder: Path
) -> list[dict[str, Any] | str]:
    """Give the raw texts of one file's held-back records their columns.

    Args:
        raws: what quarantine kept of each: a JSON object, or the line of a delimited file.
        name: the file, as quarantine names it.
        source: its declaration.
        folder: where its relative paths start from.

    Returns:
        For each an object of the declared columns: what could be typed as JSON writes it, dates in
        ISO 8601; what could not as it stands in the file. The text itself where its fields cannot
        be told apart, or no longer be named because the file is gone.
    """
    return [_object(raw, source) or _of_line(raw, name, source, folder) or raw for raw in raws]


def _object(raw: str, source: SourceConfig) -> dict[str, Any] | None:
    try:
        content = json.loads(raw)
    except json.JSONDecodeError:
        return None
    if not isinstance(content, dict):
        return None
    return {key: _said(value, source.columns.get(key)) for key, value in content.items()}


def _said(value: Any, column: ColumnType | None) -> Any:
    """A value; bytes of a JSON source with how they are written, as mends have to say."""
    is_bare = isinstance(value, str) and ":" not in value
    written = column.encoding if column and is_bare else None
    return f"{written}:{value}" if written else value


def _of_line(raw: str, name: str, source: SourceConfig, folder: Path) -> dict[str, Any] | None:
    if not isinstance(source, FilesConfig):
        return None
    for delimiter in (source.delimiter,) if source.delimiter else (",", "\t"):
        dialect = Dialect(delimiter, source.quote, source.comment, source.escape)
        record = read_record([line.encode() for line in raw.split("\n")], 0, dialect)
        names = _names(folder / name, name, source, dialect)
        if record and not record.fault and len(record.fields) == len(names) > 1:
            return _typed(dict(zip(names, record.fields, strict=True)), source)
    return None


def _names(path: Path, name: str, source: FilesConfig, dialect: Dialect) -> list[str]:
    if not source.header:
        return list(source.columns)
    try:
        with open_file(path, name, source.max_file_bytes) as stream:
            blocks = blocks_of_lines(stream, name, source.encoding)
            block, _, _ = next(iter(Body(blocks, name, source)))
        return read_header(block, dialect)[0]
    except (OSError, SourceError, ValueError):
        return []


def _typed(fields: dict[str, str], source: FilesConfig) -> dict[str, Any] | None:
    if not set(source.columns) <= set(fields):
        return None
    texts = pl.DataFrame({column: [fields[column]] for column in source.columns})
    keep_empty = source.empty_text == "keep"
    rows = text.read(texts, source.columns, source.nulls, keep_empty=keep_empty).rows
    typed: dict[str, Any] = json.loads(rows.select(as_json(rows.schema)).item())
    empty = {"", *source.nulls}
    declared = {
        column: fields[column] if value is None and fields[column] not in empty else value
        for column, value in typed.items()
    }
    new = new_names(fields, source)
    return declared | {name: None if fields[name] in empty else fields[name] for name in new}
