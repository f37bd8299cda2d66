"""Read the files of one batch date, one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from tasks.core.errors import ConfigError
from tasks.ingest.config import FilesConfig
from tasks.ingest.csv_file import read_csv
from tasks.ingest.ndjson_file import read_ndjson
from tasks.ingest.opening import find_files, open_file
from tasks.ingest.parquet_file import read_parquet
from tasks.ingest.parts import Part

_ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}
_COMPRESSED = {".gz", ".bz2", ".xz"}


def read_files(source: FilesConfig, date: dt.date, folder: Path) -> Iterator[Part]:
    """Read every file of a batch date, in the order of their names.

    Raises:
        SourceMissingError: there is no file.
        SchemaDriftError: a file's columns are not those declared.
        SourceError: a file is damaged.
    """
    for path in find_files(source.path, date, folder):
        name = path.relative_to(folder).as_posix()
        yield from _read_file(path, name, source)


def _read_file(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    kind = source.format if source.format != "auto" else _format_of(path, name)
    if kind == "parquet":
        yield from read_parquet(path, name, source)
        return
    with open_file(path, name) as stream:
        if kind == "ndjson":
            yield from read_ndjson(stream, name, source)
        else:
            yield from read_csv(stream, name, source, "\t" if kind == "tsv" else ",")


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
