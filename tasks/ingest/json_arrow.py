"""Parse flat JSON objects by Arrow, and prove that nothing of them was lost.

Arrow's parser is strict about the grammar, names that stand twice, and the type of each value, and
it holds no lock. What it lets pass is looked at here: NaN, bytes that are no text, names that are
left out. Every name has to be declared; one that no column has gets its type from an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tasks.ingest.schema import ColumnType, Source

Types = dict[str, pa.DataType]

_READ = pj.ReadOptions(use_threads=False, block_size=(1 << 31) - 1)


def parse(content: bytes, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    """Objects that follow each other, each with some of these names and no other.

    Args:
        content: the objects.
        types: of each name.

    Returns:
        None where there is anything else in it.
    """
    options = pj.ParseOptions(
        explicit_schema=pa.schema(list(types.items())),
        unexpected_field_behavior="error",
        newlines_in_values=True,
    )
    try:
        if not content.isascii():
            content.decode()
        return pj.read_json(pa.BufferReader(content), _READ, options)
    except (pa.ArrowException, UnicodeDecodeError, OverflowError):
        return None


def types_of(source: Source) -> Types | None:
    """The type whose JSON each column is written in; None where one takes another look."""
    types = {name: _type(column) for name, column in source.columns.items()}
    known = {name: kind for name, kind in types.items() if kind is not None}
    return known if len(known) == len(types) else None


def _type(column: ColumnType) -> pa.DataType | None:
    dtype, kind = column.dtype, column.type
    if kind == "binary" or dtype.is_nested():
        return None
    if kind[0] in "iu":
        return pa.int64()
    if kind[0] == "f":
        return pa.float64()
    return pa.bool_() if kind == "bool" else pa.string()


def type_like(value: Any) -> pa.DataType | None:
    """The type of values like one that no column takes; None for lists and objects."""
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, (int, float)):
        return pa.float64()
    return pa.string() if isinstance(value, str) else None


def are_numbers(fields: list[pa.Array]) -> bool:
    """Whether there is no NaN and no infinity, which JSON does not have and Arrow reads."""
    floats = [field for field in fields if pa.types.is_floating(field.type)]
    return all(pc.all(pc.is_finite(field)).as_py() is not False for field in floats)


def has_all(fields: list[pa.Array], content: memoryview) -> bool:
    """Whether each object has every name, also those whose value is null.

    A text has two quotes, a name has two, and there are no others but those that are escaped.

    Args:
        fields: the values of each name.
        content: the objects.
    """
    if not any(field.null_count for field in fields):
        return True
    codes = np.frombuffer(content, dtype=np.uint8)
    bare = int(np.count_nonzero(codes == ord('"'))) - _escaped_quotes(codes)
    texts = [field for field in fields if pa.types.is_string(field.type)]
    filled = sum(len(field) - field.null_count for field in texts)
    return bool(bare == 2 * (len(fields) * len(fields[0]) + filled))


def _escaped_quotes(codes: npt.NDArray[np.uint8]) -> int:
    """Quotes behind an odd number of backslashes."""
    slashes = np.flatnonzero(codes == ord("\\"))
    breaks = np.flatnonzero(np.diff(slashes) > 1)
    firsts = np.concatenate([slashes[:1], slashes[breaks + 1]])
    lasts = np.concatenate([slashes[breaks], slashes[-1:]])
    odd = lasts[(lasts - firsts) % 2 == 0]
    return int(np.count_nonzero(codes[np.minimum(odd + 1, len(codes) - 1)] == ord('"')))
