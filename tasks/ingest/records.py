"""Turn JSON objects or database rows into a part: typed rows and held-back records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.ingest import values
from tasks.ingest.evolving import new_names, texts
from tasks.ingest.parts import LINE, Held, Part, to_json
from tasks.ingest.schema import Source


def take_columns(
    records: Mapping[str, Sequence[Any]], lines: Sequence[int], name: str, source: Source
) -> Part:
    """Take records that come as columns.

    Args:
        records: for each declared column, in any order, its values; others may stand beside them.
        lines: the records' positions in their source.
        name: file, address or name of the source.
        source: its declaration.
    """
    typed = values.take(records, source.columns, source.empty_text == "keep")
    new = list(texts(records, source))
    rows = typed.rows.with_columns(pl.Series(LINE, lines, dtype=pl.Int64), *new)
    if typed.failed is None:
        return Part(name, len(lines), rows, [])
    failing = typed.failed.arg_true().to_list()
    columns = [*source.columns, *(series.name for series in new)]
    held = [
        Held(lines[index], reasons, to_json({key: records[key][index] for key in columns}))
        for index, reasons in zip(failing, typed.reasons, strict=True)
    ]
    return Part(name, len(lines), rows.filter(~typed.failed), held)


def take_objects(
    objects: Sequence[Any],
    lines: Sequence[int],
    name: str,
    source: Source,
    absent_is_null: bool = False,
) -> Part:
    """Take JSON values, each of which should be an object with the declared fields.

    Args:
        objects: as `json` reads them; a `Held` in place of one that cannot be read.
        lines: their positions in their source.
        name: file or address of the source.
        source: its declaration.
        absent_is_null: whether a field that an object leaves out is null.
    """
    held: list[Held] = []
    good: list[Mapping[str, Any]] = []
    kept: list[int] = []
    for line, record in zip(lines, objects, strict=True):
        faults = _faults(record, source, absent_is_null)
        if isinstance(record, Held):
            held.append(record)
        elif faults:
            held.append(Held(line, faults, to_json(record)))
        else:
            good.append(record)
            kept.append(line)
    keys = (
        dict.fromkeys(key for record in good for key in record) if source.drift == "evolve" else ()
    )
    wanted = [*source.columns, *new_names(keys, source)]
    columns = {key: [record.get(key) for record in good] for key in wanted}
    part = take_columns(columns, kept, name, source)
    raw = dict(zip(kept, good, strict=True)) if part.held else {}
    held += [Held(one.line, one.reasons, to_json(raw[one.line])) for one in part.held]
    held.sort(key=lambda one: one.line)
    return Part(name, len(objects), part.rows, held)


def _faults(record: Any, source: Source, absent_is_null: bool) -> list[str]:
    if isinstance(record, Held):
        return []
    if not isinstance(record, dict):
        return ["not a JSON object"]
    missing = [] if absent_is_null else [key for key in source.columns if key not in record]
    extra = [k for k in record if k not in source.columns] if source.drift == "refuse" else []
    return [f"{key}: missing" for key in missing] + [f"{key}: not declared" for key in extra]


def positions(first: int, count: int) -> list[int]:
    """`count` consecutive positions."""
    return np.arange(first, first + count).tolist()
