"""Read idx files, as MNIST comes in: images in one file and their labels in another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tasks.core.errors import SourceError, SourceMissingError
from tasks.ingest.arrays import ArrayStream, read_arrays
from tasks.ingest.compression import check_size, open_file
from tasks.ingest.drop import COMPRESSED
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.parts import Part

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_DO = "Have the file sent again: it was cut short or damaged, or is of another format."


def group(names: Sequence[str], source: FilesConfig) -> Iterator[Mapping[str, str]]:
    """Put the files together that are the columns of the same rows.

    Args:
        names: the files, in order.
        source: its declaration, whose `arrays` say which part of a name tells the column.

    Yields:
        The file of each column. Their names are equal but for those parts and their compression.

    Raises:
        SourceError: a name tells no column, or more than one.
        SourceMissingError: a column's file is not there.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        file = name.rpartition("/")[2]
        told = [column for column, part in source.arrays.items() if part in file]
        if len(told) != 1:
            raise SourceError(
                f"a name with just one of {', '.join(source.arrays.values())}",
                found=name,
                where=name,
                do="Have the source's path find such files alone, or correct its arrays.",
            )
        plain = next((name.removesuffix(e) for e in COMPRESSED if name.endswith(e)), name)
        others = groups.setdefault(plain.replace(source.arrays[told[0]], "\0"), {})
        others[told[0]] = name
    for files in groups.values():
        missing = [source.arrays[column] for column in source.arrays if column not in files]
        if missing:
            raise SourceMissingError(
                f"a file of {', '.join(missing)} beside {next(iter(files.values()))}",
                found="none",
                do="Run again once the drop is complete.",
            )
        yield {column: files[column] for column in source.arrays}


def read_idx(files: Mapping[str, tuple[Path, str]], source: FilesConfig) -> Iterator[Part]:
    """Read the files of the same rows side by side; `_source` is the first one.

    Args:
        files: the path of each column's file, and what it is called in messages.
        source: its declaration.

    Raises:
        SchemaDriftError: they are not of the declared types.
        SourceError: one is damaged, or they have not the same number of rows.
    """
    with ExitStack() as stack:
        arrays = {
            column: _header(
                stack.enter_context(open_file(path, name, source.max_file_bytes)), name, source
            )
            for column, (path, name) in files.items()
        }
        first = next(name for _, name in files.values())
        yield from read_arrays(arrays, first, source)


def _header(stream: BinaryIO, name: str, source: FilesConfig) -> ArrayStream:
    magic = stream.read(4)
    dtype = _TYPES.get(magic[2]) if len(magic) == 4 and magic[:2] == b"\0\0" else None
    if dtype is None or not magic[3]:
        raise SourceError(
            "an idx file, which begins with 0, 0, its type and its number of axes",
            found=magic.hex(" ") or "nothing",
            where=name,
            do=_DO,
        )
    axes = stream.read(4 * magic[3])
    if len(axes) < 4 * magic[3]:
        raise SourceError(f"{magic[3]} axes", found="the end of the file", where=name, do=_DO)
    shape = tuple(int(size) for size in np.frombuffer(axes, ">u4"))
    array = ArrayStream(stream, shape, np.dtype(dtype), name)
    check_size(math.prod(shape) * array.dtype.itemsize, name, source.max_file_bytes)
    return array
