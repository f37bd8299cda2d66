"""How delimited files are written: their delimiter, their header, their encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core.errors import SourceError
from tasks.ingest.compression import open_file
from tasks.ingest.odd_records import Dialect, read_record

_DELIMITERS = (",", "\t", ";", "|")
_RECORDS = 100
_BLOCK_BYTES = 1 << 20
_LIMIT_BYTES = 64 * 1024**3
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """How files are written.

    Args:
        columns: the names of the header, or such as `column_1` where there is none.
        options: keys of a source's declaration, those that are not as by default.
    """

    columns: tuple[str, ...]
    options: dict[str, Any]


def sniff(files: Sequence[Path]) -> Sniffed:
    """Look at the first records of the first file, and at the ends of all.

    Raises:
        SourceError: it holds no record, or is damaged.
    """
    start = _start(files[0])
    encoding = _encoding(start)
    lines = start.decode(encoding, "replace").removeprefix("\ufeff").encode().split(b"\n")
    delimiter, records = max(
        ((mark, list(_records(lines, Dialect(mark)))) for mark in _DELIMITERS),
        key=lambda tried: (_is_even(tried[1]), len(tried[1][0]) if tried[1] else 0),
    )
    if not records:
        raise SourceError(
            "at least one record", found="none", where=str(files[0]), do="Give a file with rows."
        )
    has_header = _is_header(records[0])
    columns = records[0] if has_header else [f"column_{i + 1}" for i in range(len(records[0]))]
    usual = "\t" if files[0].name.lower().split(".")[1:2] in (["tsv"], ["tab"]) else ","
    options = {
        "header": (has_header, True),
        "delimiter": (delimiter, usual),
        "encoding": (encoding, "utf-8"),
        "final_newline": ("required" if all(map(_ends_whole, files)) else "optional", "required"),
    }
    changed = {key: value for key, (value, default) in options.items() if value != default}
    return Sniffed(tuple(columns), changed)


def _start(file: Path) -> bytes:
    with open_file(file, file.name, _LIMIT_BYTES) as stream:
        block = stream.read(_BLOCK_BYTES)
        whole = not stream.read(1)
    return block if whole else block[: block.rfind(b"\n") + 1]


def _ends_whole(file: Path) -> bool:
    last = b"\n"
    with open_file(file, file.name, _LIMIT_BYTES) as stream:
        while block := stream.read(_BLOCK_BYTES):
            last = block[-1:]
    return last == b"\n"


def _encoding(start: bytes) -> str:
    try:
        start.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _records(lines: Sequence[bytes], dialect: Dialect) -> Iterator[list[str]]:
    index = 0
    for _ in range(_RECORDS):
        while index < len(lines) and not lines[index].strip(b"\r"):
            index += 1
        record = read_record(lines, index, dialect) if index < len(lines) else None
        if record is None or record.fault:
            return
        yield record.fields
        index += record.lines


def _is_even(records: Sequence[Sequence[str]]) -> bool:
    return len(records) > 0 and len(records[0]) > 1 and len({len(r) for r in records}) == 1


def _is_header(fields: Sequence[str]) -> bool:
    """Whether a first record names columns: none of it is a number, nothing stands there twice."""
    filled = [field for field in fields if field]
    return (
        not any(_NUMBER.fullmatch(field) for field in filled)
        and len(set(fields)) == len(fields)
        and len(filled) >= len(fields) - 1
    )
