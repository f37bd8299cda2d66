"""Parse JSON without losing anything of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import numpy as np
import orjson

MISSING: Final = object()

BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 254  # orjson's own limit when it writes


class Document:
    """A JSON document, read fast where that loses nothing but digits of numbers.

    Args:
        content: its bytes.

    Raises:
        ValueError: they are not strict JSON in UTF-8.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content.removeprefix(BOM)
        self.is_exact = False
        self.value: Any = MISSING
        try:
            self.value = _read_fast(self._content)
        except ValueError:
            self.read_exactly()

    def read_exactly(self) -> None:
        """Read the numbers too as they are written, as `read_json` does."""
        if not self.is_exact:
            self.value, self.is_exact = read_json(self._content), True

    def at(self, pointer: str) -> Any:
        """What a JSON pointer (RFC 6901) points to; MISSING where there is nothing."""
        found = point(self.value, pointer)
        if type(found) is float and not self.is_exact:  # a whole number of many digits, perhaps
            self.read_exactly()
            found = point(self.value, pointer)
        return found

    @property
    def may_have_half_characters(self) -> bool:
        """Whether an escape may stand for half a surrogate pair, which is no text."""
        return b"\\ud" in self._content.lower()


def read_json(content: bytes) -> Any:
    """Parse strict JSON in UTF-8: numbers exactly, no NaN, no name twice in an object.

    Raises:
        ValueError: it is not that.
    """
    try:
        value = DECODER.decode(content.decode())
    except RecursionError:
        value = None
    else:
        if not is_deep(value):
            return value
    raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")


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


def _read_fast(content: bytes) -> Any:
    """Parse by orjson, which rounds long numbers and lets the last of two equal names win.

    Written again, the document has as many colons as before, unless a name stood twice in an
    object; colons in texts are the same ones, where none is written by its code.

    Raises:
        ValueError: it cannot be, or may have a name twice.
    """
    value = orjson.loads(content)
    if b"\\u003a" in content or b"\\u003A" in content:
        raise ValueError("a colon written by its code")
    try:
        again = orjson.dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if _colons(again) != _colons(content):
        raise ValueError("a name twice in an object, perhaps")
    return value


def _colons(content: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(content, dtype=np.uint8) == ord(":")))


def is_deep(value: Any) -> bool:
    """Whether a value is nested deeper than what is written again can be."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (
                one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            )
        ]
        if not level:
            return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(twice)} stands twice in one object")
    return record


DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
