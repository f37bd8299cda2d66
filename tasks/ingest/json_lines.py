"""Read lines of JSON as columns, all at once, where that is proved to lose nothing of them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from tasks.ingest.json_arrow import are_numbers, has_all, parse, type_like, types_of
from tasks.ingest.lines import count_lines
from tasks.ingest.plain_records import take_table
from tasks.ingest.schema import Source

_NEWLINE, _OPENING = ord("\n"), ord("{")


def read_lines(block: bytes, source: Source) -> pl.DataFrame | None:
    """The declared columns, typed, of lines that are one plain object each; None of others.

    Args:
        block: lines, each with its newline and without a carriage return.
        source: their declaration.
    """
    types = types_of(source)
    if types is None or not _begin_objects(block):
        return None
    try:
        example = json.loads(block[: block.index(b"\n")])
    except (ValueError, RecursionError):
        return None
    beside = {name: type_like(value) for name, value in example.items() if name not in types}
    if None in beside.values() or (beside and source.drift != "ignore"):
        return None
    table = parse(block, types | beside)
    # As many objects as lines that begin one: there is one on each.
    if table is None or table.num_rows != count_lines(block):
        return None
    fields = [column.combine_chunks() for column in table.columns]
    is_whole = are_numbers(fields) and has_all(fields, memoryview(block))
    return take_table(table, source) if is_whole else None


def _begin_objects(block: bytes) -> bool:
    """Whether every line begins with an object."""
    codes = np.frombuffer(block, dtype=np.uint8)
    starts = np.flatnonzero(codes[:-1] == _NEWLINE) + 1
    return block.startswith(b"{") and bool((codes[starts] == _OPENING).all())
