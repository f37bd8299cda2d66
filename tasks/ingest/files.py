"""Read the files of one batch date, one after the other."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretStr

from tasks.ingest.avro_file import read_avro
from tasks.ingest.compression import open_file
from tasks.ingest.config import FilesConfig
from tasks.ingest.csv_file import read_csv
from tasks.ingest.drop import Expected, find_drop, format_of
from tasks.ingest.fixed_file import read_fixed
from tasks.ingest.folder import Folder
from tasks.ingest.idx_file import group, read_idx
from tasks.ingest.json_file import read_json_file
from tasks.ingest.manifest import check_content, check_rows
from tasks.ingest.ndjson_file import read_ndjson
from tasks.ingest.npz_file import read_npz
from tasks.ingest.object_stores import open_bucket
from tasks.ingest.parts import Part
from tasks.ingest.places import Place
from tasks.ingest.typed_file import read_typed
from tasks.ingest.xlsx_file import read_xlsx

_FROM_STREAM: dict[str, Callable[[BinaryIO, str, FilesConfig], Iterator[Part]]] = {
    "csv": read_csv,
    "tsv": functools.partial(read_csv, delimiter="\t"),
    "fixed": read_fixed,
    "json": read_json_file,
    "ndjson": read_ndjson,
}
_FROM_PATH: dict[str, Callable[[Path, str, FilesConfig], Iterator[Part]]] = {
    "parquet": functools.partial(read_typed, kind="parquet"),
    "arrow": functools.partial(read_typed, kind="arrow"),
    "avro": read_avro,
    "xlsx": read_xlsx,
    "npz": read_npz,
}


def read_files(source: FilesConfig, date: dt.date, folder: Path) -> Iterator[Part]:
    """Read every file of a batch date, in the order of their names.

    Raises:
        SourceMissingError: there is no file, or none that says they are complete.
        SourceUnavailableError: a file changed while it was read, or is still being written.
        SchemaDriftError: a file's columns are not those declared.
        SourceError: a file is damaged, or not what its manifest says.
    """
    return _read_drop(Folder(folder), source, date)


def read_objects(
    source: FilesConfig,
    date: dt.date,
    secrets: Mapping[str, SecretStr],
    staging: Path | None,
    where: str,
) -> Iterator[Part]:
    """Read every object of a batch date, as files are read; each is fetched first.

    Args:
        source: its declaration; its path is an address of objects.
        date: the batch date.
        secrets: the value of each `${NAME}` it refers to.
        staging: a folder for what is fetched.
        where: the source's key in the pipeline file, for messages.

    Raises:
        ConfigError: a secret was not given.
        SourceError: as files have it; or the object store refuses, or leads elsewhere.
    """
    with open_bucket(source, secrets, staging, where) as bucket:
        yield from _read_drop(bucket, source, date)


def _read_drop(place: Place, source: FilesConfig, date: dt.date) -> Iterator[Part]:
    drop = find_drop(place, source, date)
    if source.format == "idx":
        yield from _read_groups(drop, place, source)
        return
    for one in drop:
        kind = source.format if source.format != "auto" else format_of(one.found.name)
        with _opened(one, place) as path:
            yield from _counted(read_file(path, one.found.name, source, kind), [one])


def read_file(path: Path, name: str, source: FilesConfig, kind: str) -> Iterator[Part]:
    """Read one file's records.

    Args:
        path: the file.
        name: what it is called in messages and in `_source`.
        source: its declaration.
        kind: its format.

    Raises:
        SchemaDriftError: its columns are not those declared.
        SourceError: it is damaged.
    """
    if kind in _FROM_PATH:
        yield from _FROM_PATH[kind](path, name, source)
        return
    with open_file(path, name, source.max_file_bytes) as stream:
        yield from _FROM_STREAM[kind](stream, name, source)


def _read_groups(drop: list[Expected], place: Place, source: FilesConfig) -> Iterator[Part]:
    """Read files that are the columns of the same rows, side by side."""
    by_name = {one.found.name: one for one in drop}
    for names in group(list(by_name), source):
        with ExitStack() as stack:
            files = {
                column: (stack.enter_context(_opened(by_name[name], place)), name)
                for column, name in names.items()
            }
            yield from _counted(read_idx(files, source), [by_name[n] for n in names.values()])


@contextmanager
def _opened(one: Expected, place: Place) -> Iterator[Path]:
    with place.open(one.found) as path:
        if one.listed:
            check_content(path, one.found.name, one.listed)
        yield path


def _counted(parts: Iterator[Part], files: list[Expected]) -> Iterator[Part]:
    """Pass parts on, and hold at their end that they were as many records as was said."""
    seen = 0
    for part in parts:
        seen += part.seen
        yield part
    for one in files:
        if one.listed:
            check_rows(seen, one.found.name, one.listed)
