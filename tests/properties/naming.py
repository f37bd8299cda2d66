"""The name of a row that is read by watermark, computed apart from the code under test."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_COLUMNS = {
    "lines": ("id", "day", "value", "updated_at"),
    "people": ("id", "name", "gone", "updated_at"),
}


def name_of(table: str, row: tuple[Any, ...]) -> int:
    """63 bits of BLAKE2b over the row as JSON, each value as Polars writes it as text."""
    values = {
        column: _text(column, value) for column, value in zip(_COLUMNS[table], row, strict=True)
    }
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def _text(column: str, value: Any) -> str:
    if column == "gone":
        return "true" if value else "false"
    return f"{value}.000000" if column in {"day", "updated_at"} else str(value)
