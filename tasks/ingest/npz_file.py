"""Read NumPy's .npz archives of named arrays; never Python objects."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from tasks.core.errors import SourceError
from tasks.ingest.arrays import ArrayStream, read_arrays
from tasks.ingest.compression import Bounded
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.parts import Part
from tasks.ingest.zip_layout import check_layout

_MAX_HEADER_BYTES = 10_000
_ENDING = ".npy"


def read_npz(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read an archive's arrays side by side, each row of them a record.

    Args:
        path: the archive.
        name: what it is called in messages and in `_source`.
        source: its declaration.

    Raises:
        SchemaDriftError: the arrays are not the declared columns.
        SourceError: the archive is damaged, larger than allowed, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive, ExitStack() as stack:
            check_layout(archive)
            yield from read_arrays(_arrays(archive, stack, name, source), name, source)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError) as error:
        raise _damaged(name, error) from error
    except (RuntimeError, OverflowError, struct.error) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> SourceError:
    return SourceError(
        "a whole .npz archive of plain arrays",
        found=str(error).splitlines()[0] if str(error) else type(error).__name__,
        where=name,
        do="Have the file sent again: it was cut short or damaged, or holds Python objects.",
    )


def _arrays(
    archive: zipfile.ZipFile, stack: ExitStack, name: str, source: FilesConfig
) -> Mapping[str, ArrayStream]:
    members = archive.namelist()
    odd = sorted({m for m in members if not m.endswith(_ENDING) or members.count(m) > 1})
    if odd:
        raise ValueError(f"{', '.join(odd)} in the archive, where arrays of different names belong")
    arrays: dict[str, ArrayStream] = {}
    left = source.max_file_bytes
    for member in members:
        key = member.removesuffix(_ENDING)
        stream = stack.enter_context(archive.open(member))
        limit = min(left, archive.getinfo(member).file_size)
        left -= limit
        bounded = Bounded(stream, left + limit, name)
        arrays[key] = _header(cast(BinaryIO, bounded), f"{name}: {key}", limit)
    return arrays


def _header(stream: BinaryIO, name: str, limit: int) -> ArrayStream:
    """What the header of an array declares, whose items follow."""
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version} of the format")
    shape, is_fortran, dtype = read(stream, max_header_size=_MAX_HEADER_BYTES)
    if dtype.hasobject:
        raise ValueError("Python objects, which are never read")
    array = ArrayStream(stream, tuple(shape), dtype, name)
    size = array.row_bytes * (shape[0] if shape else 1)
    if not array.row_bytes:
        raise ValueError(f"an array of shape {shape} and type {dtype}, without items")
    if size > limit:
        raise ValueError(f"a header that declares {size} bytes of items")
    if is_fortran and len(shape) > 1:
        return _transposed(array)
    return array


def _transposed(array: ArrayStream) -> ArrayStream:
    """An array in the order of Fortran, read whole and put in the order of its rows."""
    rows = ArrayStream(array.stream, array.shape[::-1], array.dtype, array.name)
    values: np.ndarray[Any, Any] = rows.take(array.shape[-1]).T
    rows.check_end()
    content: IO[bytes] = BytesIO(np.ascontiguousarray(values).tobytes())
    return ArrayStream(cast(BinaryIO, content), array.shape, array.dtype, array.name)
