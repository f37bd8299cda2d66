"""Read the records of a JSON document as columns, where that is proved to lose nothing of them.

The document is parsed with every name in it declared: those around the records are found by putting
a mark in their place, those of a record that no column has in the first record. Any doubt leaves
the document to `Document`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, overload

import pyarrow as pa

from tasks.ingest.json_arrow import are_numbers, has_all, parse, type_like, types_of
from tasks.ingest.json_text import BOM, MISSING, Document
from tasks.ingest.schema import Source

_WHOLE = "document"  # the name that a document is wrapped in
_MARK = "\ue000the records"
_MARKED = json.dumps([_MARK]).encode()
_WORTHWHILE_BYTES = 1 << 14
_SCANNER = json.JSONDecoder()


class EvenRecords(Sequence[Any]):
    """Records as columns: those declared, with times and decimals still as text.

    Args:
        columns: one item for each record.
    """

    def __init__(self, columns: pa.StructArray) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        return self.columns[at].as_py() if isinstance(at, int) else self.columns[at].to_pylist()


class EvenDocument:
    """A JSON document whose records are read as columns, and nothing else of it twice.

    Args:
        content: its bytes, known to be strict JSON in UTF-8.
        around: the document with a mark for its records.
        pointer: where they are.
        records: its records.
    """

    def __init__(
        self, content: bytes, around: Document, pointer: str, records: EvenRecords
    ) -> None:
        self._content, self._around, self._pointer = content, around, pointer
        self._plain: Document | None = None
        self.records = records

    def at(self, pointer: str) -> Any:
        """What a JSON pointer (RFC 6901) points to; MISSING where there is nothing."""
        if pointer == self._pointer:
            return self.records
        if not self._pointer and not pointer.split("/")[1].isdecimal():
            return MISSING  # a list has no names
        if f"{pointer}/".startswith(f"{self._pointer}/"):
            return self.plain().at(pointer)
        return self._around.at(pointer)

    def plain(self) -> Document:
        """The document, read record by record."""
        if self._plain is None:
            self._plain = Document(self._content)
        return self._plain


def read_document(
    content: bytes, pointer: str, source: Source, absent_is_null: bool
) -> Document | EvenDocument:
    """Read a document, as columns where that is possible and worth while.

    Args:
        content: its bytes.
        pointer: to its records.
        source: their declaration.
        absent_is_null: whether a field that a record leaves out is null.

    Raises:
        ValueError: it is no strict JSON in UTF-8.
    """
    if len(content) >= _WORTHWHILE_BYTES and source.drift == "ignore":
        even = _read_even(content.removeprefix(BOM), pointer, source, absent_is_null)
        if even is not None:
            return even
    return Document(content)


def _read_even(
    content: bytes, pointer: str, source: Source, absent_is_null: bool
) -> EvenDocument | None:
    types = types_of(source)
    start, end = content.find(b"[{"), content.rfind(b"}]") + 2
    if types is None or not 0 <= start < end:
        return None
    try:
        first, _ = _SCANNER.raw_decode(
            content[start + 1 : start + _WORTHWHILE_BYTES].decode("utf-8", "ignore")
        )
        around = Document(content[:start] + _MARKED + content[end:])
    except (ValueError, RecursionError):
        return None
    if around.at(pointer) != [_MARK]:
        return None
    fields = types | {n: type_like(value) for n, value in first.items() if n not in types}
    declared = _type_around(around.value, fields)
    if declared is None:
        return None
    records = _parse(content, declared, pointer)
    if records is None:
        return None
    region = memoryview(content)[start:end]
    fields = records.flatten()
    if not are_numbers(fields) or not (absent_is_null or has_all(fields, region)):
        return None
    named = [records.field(name) for name in types]
    columns = pa.StructArray.from_arrays(named, names=list(types))
    return EvenDocument(content, around, pointer, EvenRecords(columns))


def _type_around(value: Any, fields: Mapping[str, pa.DataType | None]) -> pa.DataType | None:
    """The type of a value with the records somewhere in it; None where it has none."""
    if value == [_MARK]:
        known = [(name, kind) for name, kind in fields.items() if kind is not None]
        return pa.list_(pa.struct(known)) if len(known) == len(fields) else None
    if isinstance(value, list):
        kinds = {type_like(inner) for inner in value} or {pa.null()}
        kind = kinds.pop()
        return None if kind is None or kinds else pa.list_(kind)
    if not isinstance(value, dict):
        return type_like(value)
    inside = [(name, _type_around(inner, fields)) for name, inner in value.items()]
    return None if any(kind is None for _, kind in inside) else pa.struct(inside)


def _parse(content: bytes, declared: pa.DataType, pointer: str) -> pa.StructArray | None:
    """The records of a document of exactly the declared names; None where it has others."""
    wrapped = b'{"%b":%b}' % (_WHOLE.encode(), content)
    table = parse(wrapped, {_WHOLE: declared})
    if table is None or table.num_rows != 1:
        return None
    found = table[_WHOLE].chunk(0)
    for token in pointer.split("/")[1:]:
        found = found.field(token.replace("~1", "/").replace("~0", "~"))
    records = found.values
    return None if records.null_count else records
