"""Take the records of a JSON document, fast where they are plain, one by one where they are not."""

from __future__ import annotations

from typing import Any

from tasks.ingest.json_text import Document
from tasks.ingest.parts import Held, Part, to_json
from tasks.ingest.plain_records import take_plain
from tasks.ingest.records import positions, take_objects
from tasks.ingest.schema import Source


def take_document(
    document: Document,
    pointer: str,
    first_line: int,
    name: str,
    source: Source,
    absent_is_null: bool = False,
) -> Part:
    """Take every record of a document.

    Args:
        document: it has a list of records.
        pointer: where.
        first_line: position of the first one in its source.
        name: file or address of the source.
        source: its declaration.
        absent_is_null: whether a field that a record leaves out is null.
    """
    if not document.is_exact:
        part = take_plain(document.at(pointer), first_line, name, source, absent_is_null)
        if part is not None:
            return part
        document.read_exactly()
    records = document.at(pointer)
    lines = positions(first_line, len(records))
    if document.may_have_half_characters:
        records = [whole(record, line) for record, line in zip(records, lines, strict=True)]
    return take_objects(records, lines, name, source, absent_is_null)


def whole(record: Any, line: int) -> Any:
    """A record, unless there is half a character in it, which no table can hold."""
    text = to_json(record)
    try:
        text.encode()
    except UnicodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        return Held(line, ["half a surrogate pair, which is no character"], shown)
    return record
