"""Read a list of records out of a JSON document of any size, a few at a time.

The document is parsed as strictly as `json_text` does, to its very end: a list whose document is
cut short or wrong behind it raises an error, too.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from tasks.ingest.json_text import BOM, DECODER, is_deep

_CHUNK_BYTES = 1 << 20
_MAX_VALUE_CHARACTERS = 1 << 28
_BLANK = " \t\n\r"


class NoListError(Exception):
    """Where the list of records should be is something else; the message says what."""


def stream_records(stream: BinaryIO, pointer: str) -> Iterator[Any]:
    """The items of the list that a JSON pointer points to.

    Args:
        stream: the document, in UTF-8.
        pointer: RFC 6901, through objects.

    Raises:
        ValueError: it is no strict JSON, as `read_json` has it.
        NoListError: there is no list.
    """
    document = _Document(stream)
    tokens = [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]
    yield from document.inside(tokens)
    document.end()


class _Document:
    """A JSON document that is read from its start to its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._done = "", 0, False
        self._more()
        self._text = self._text.removeprefix(BOM.decode())

    def inside(self, tokens: list[str]) -> Iterator[Any]:
        """The items of the list that is found by going down the names."""
        first = self._next()
        if not tokens:
            if first != "[":
                raise NoListError(type(self._value()).__name__)
            yield from self._items()
            return
        if first != "{":
            raise NoListError(type(self._value()).__name__)
        found = False
        for name in self._names():
            if name == tokens[0]:
                found = True
                yield from self.inside(tokens[1:])
            else:
                self._value()
        if not found:
            raise NoListError("nothing")

    def end(self) -> None:
        """Hold that nothing follows."""
        if self._next():
            raise self._error("Extra data")

    def _items(self) -> Iterator[Any]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._after("]"):
                return

    def _names(self) -> Iterator[str]:
        """The names of an object; the value of each has to be read before the next."""
        self._at += 1
        seen: set[str] = set()
        if self._next() == "}":
            self._at += 1
            return
        while True:
            if self._next() != '"':
                raise self._error("Expecting property name enclosed in double quotes")
            name = self._value()
            if name in seen:
                raise ValueError(f"{name} stands twice in one object")
            seen.add(name)
            if self._next() != ":":
                raise self._error("Expecting ':' delimiter")
            self._at += 1
            yield name
            if self._after("}"):
                return

    def _after(self, close: str) -> bool:
        """Go behind a comma, or behind what closes the list or object: whether it was that."""
        mark = self._next()
        if mark not in {",", close} or not mark:
            raise self._error("Expecting ',' delimiter")
        self._at += 1
        return mark == close

    def _next(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _value(self) -> Any:
        """The next value."""
        self._next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._more():
                    continue
                raise
            except RecursionError as error:
                raise ValueError("nested too deep") from error
            if is_deep(value):
                raise ValueError("nested too deep")
            # A number may go on behind the text: of 1.5e+3, all but the last is there.
            length = end - self._at
            if end + 2 < len(self._text) or not self._more():
                self._at += length
                return value

    def _more(self) -> bool:
        """Have as much text again; whether there was any."""
        if self._done:
            return False
        left = self._text[self._at :]
        if len(left) > _MAX_VALUE_CHARACTERS:
            raise ValueError(f"a value of more than {_MAX_VALUE_CHARACTERS} characters, or no JSON")
        content = self._stream.read(max(_CHUNK_BYTES, len(left)))
        self._done = not content
        self._text, self._at = left + self._decode.decode(content, final=self._done), 0
        return not self._done

    def _error(self, found: str) -> ValueError:
        return json.JSONDecodeError(found, self._text, self._at)
