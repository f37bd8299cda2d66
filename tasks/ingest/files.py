"""Read the files of one batch date, one after the other."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.core.errors import ConfigError
from tasks.ingest.compression import open_file
from tasks.ingest.config import FilesConfig
from tasks.ingest.csv_file import read_csv
from tasks.ingest.fixed_file import read_fixed
from tasks.ingest.json_file import read_json_file
from tasks.ingest.ndjson_file import read_ndjson
from tasks.ingest.opening import check_ready, find_files, unchanging
from tasks.ingest.parts import Part
from tasks.ingest.typed_file import read_typed

_ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".avro": "avro",
}
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_READERS: dict[str, Callable[[BinaryIO, str, FilesConfig], Iterator[Part]]] = {
    "csv": read_csv,
    "tsv": functools.partial(read_csv, delimiter="\t"),
    "fixed": read_fixed,
    "json": read_json_file,
    "ndjson": read_ndjson,
}


def read_files(source: FilesConfig, date: dt.date, folder: Path) -> Iterator[Part]:
    """Read every file of a batch date, in the order of their names.

    Raises:
        SourceMissingError: there is no file, or none that says they are complete.
        SourceUnavailableError: a file changed while it was read.
        SchemaDriftError: a file's columns are not those declared.
        SourceError: a file is damaged.
    """
    if source.ready:
        check_ready(source.ready, date, folder)
    for path in find_files(source.path, date, folder):
        name = path.relative_to(folder).as_posix()
        with unchanging(path, name):
            yield from _read_file(path, name, source)


def _read_file(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    kind = source.format if source.format != "auto" else _format_of(path, name)
    if kind in {"parquet", "arrow", "avro"}:
        yield from read_typed(path, name, source, kind)
        return
    with open_file(path, name, source.max_file_bytes) as stream:
        yield from _READERS[kind](stream, name, source)


def _format_of(path: Path, name: str) -> str:
    endings = [e.lower() for e in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    kind = _ENDINGS.get(endings[-1]) if endings else None
    if kind is None:
        raise ConfigError(
            "a format",
            found=f"{path.name}, whose ending says none",
            where=name,
            do=f"Set format: to one of {', '.join(sorted(set(_ENDINGS.values())))}.",
        )
    return kind
