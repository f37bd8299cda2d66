"""Rows out of arrays that lie in a stream one after the other, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.errors import SourceError
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.parts import Part, check_columns
from tasks.ingest.typed_frames import take_frame

_BATCH_BYTES = 1 << 24
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class ArrayStream:
    """An array whose items follow in a stream, the first axis being that of the rows.

    Args:
        stream: the items, in C order, and nothing behind them.
        shape: its shape; of at least one axis.
        dtype: of one item.
        name: what it is called in messages.
    """

    stream: BinaryIO
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    def take(self, rows: int) -> npt.NDArray[Any]:
        """The next rows.

        Raises:
            SourceError: there are fewer.
        """
        wanted = rows * self.row_bytes
        content = b"".join(self._pieces(wanted))
        if len(content) < wanted:
            raise _refused(self.name, f"{wanted - len(content)} bytes too few")
        return np.frombuffer(content, self.dtype).reshape(rows, *self.shape[1:])

    def check_end(self) -> None:
        """Hold that nothing follows the last row.

        Raises:
            SourceError: something does.
        """
        if self.stream.read(1):
            raise _refused(self.name, "bytes behind its last item")

    def _pieces(self, wanted: int) -> Iterator[bytes]:
        while wanted and (piece := self.stream.read(min(wanted, _CHUNK_BYTES))):
            wanted -= len(piece)
            yield piece


def _refused(name: str, found: str) -> SourceError:
    return SourceError(
        "an array of exactly the items that its header declares",
        found=found,
        where=name,
        do="Have the file sent again: it was cut short or damaged.",
    )


def read_arrays(
    arrays: Mapping[str, ArrayStream], name: str, source: FilesConfig
) -> Iterator[Part]:
    """Read arrays side by side as rows.

    An array called like a declared column is that column. Any other array of two axes is one
    column for each of its own, called by the array's name and a number: `X_0`, `X_1`.

    Args:
        arrays: by name.
        name: what they are called in messages and in `_source`.
        source: its declaration.

    Raises:
        SchemaDriftError: they are not the declared columns.
        SourceError: they have not the same number of rows, or not the items they should.
    """
    columns = {key: columns_of(key, one.shape, source) for key, one in arrays.items()}
    check_columns((c for names in columns.values() for c in names), source, name)
    wanted = {
        key: one
        for key, one in arrays.items()
        if source.drift == "evolve" or any(c in source.columns for c in columns[key])
    }
    counts = {key: one.shape[0] for key, one in wanted.items()}
    if len(set(counts.values())) > 1:
        raise SourceError(
            "arrays of one length",
            found=", ".join(f"{key} has {count} rows" for key, count in counts.items()),
            where=name,
            do="Ask who sends the file; leave out arrays that are no columns with drift: ignore.",
        )
    left, line = next(iter(counts.values())), 1
    row_bytes = sum(one.row_bytes for one in wanted.values())
    while left:
        rows = min(left, max(1, _BATCH_BYTES // max(1, row_bytes)))
        frame = pl.DataFrame(
            [
                series
                for key, one in wanted.items()
                for series in _series(one.take(rows), columns[key], one)
            ]
        )
        yield take_frame(frame, line, name, source)
        left, line = left - rows, line + rows
    for one in wanted.values():
        one.check_end()


def columns_of(name: str, shape: Sequence[int], source: FilesConfig) -> list[str]:
    """The columns that an array is; none for one that has no rows."""
    if not shape:
        return [] if source.drift == "ignore" else [name]
    two_axes = 2
    if name in source.columns or len(shape) != two_axes:
        return [name]
    return [f"{name}_{place}" for place in range(shape[1])]


def _series(
    values: npt.NDArray[Any], columns: Sequence[str], array: ArrayStream
) -> Iterator[pl.Series]:
    if values.dtype.kind not in "biufUMmS":
        raise SourceError(
            "an array of numbers, booleans, texts or dates",
            found=f"{array.dtype}",
            where=array.name,
            do="Have it saved as one; Python objects are never read.",
        )
    if len(columns) == 1:
        yield _one(columns[0], values)
    else:
        for place, column in enumerate(columns):
            yield _one(column, values[:, place])


def _one(column: str, values: npt.NDArray[Any]) -> pl.Series:
    """A column; half floats, times in odd units and bytes become what Polars has."""
    kind = values.dtype.kind
    if kind == "S":
        values = np.char.decode(values, "utf-8")
    if kind == "M":
        values = values.astype("datetime64[us]")
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    if native.dtype == np.float16:
        native = native.astype(np.float32)
    if values.ndim == 1 or kind not in "US":
        return pl.Series(column, native)
    return pl.Series(column, native.tolist())
