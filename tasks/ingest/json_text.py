"""Parse JSON without losing anything of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

MISSING: Final = object()


def read_json(content: bytes) -> Any:
    """Parse strict JSON in UTF-8: numbers exactly, no NaN, no name twice in an object.

    Raises:
        ValueError: it is not that.
    """
    try:
        return _DECODER.decode(content.decode())
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def point(content: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points to; MISSING where there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict) and name in content:
            content = content[name]
        elif isinstance(content, list) and name.isdecimal() and int(name) < len(content):
            content = content[int(name)]
        else:
            return MISSING
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(twice)} stands twice in one object")
    return record


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
